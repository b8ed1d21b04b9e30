"""The tool with a section of a cloud instead of local files, and what the tests ask of a run."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, field
from typing import ClassVar

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import BUCKET, Tool
from tests.functional.waiting import wait_until

__all__ = ["CloudTool", "counted", "noise", "section_at", "stored", "wait_until"]


@dataclass
class CloudTool(Tool):
    """Migrates from `[migrate_type]`, whose keys are in `cloud`."""

    migrate_type: str = ""
    cloud: dict[str, str] = field(default_factory=dict)
    processes: ClassVar[str] = "0"

    def source_section(self) -> tuple[str, dict[str, str]]:
        return self.migrate_type, self.cloud


def section_at(address: str) -> dict[str, str]:
    """Return the keys of [migrateAws] and the like for a server that checks no signature."""
    return {
        "bucket": "source",
        "accessKeyId": "id",
        "accessKeySecret": "hush",
        "endPoint": address,
    }


@functools.lru_cache(maxsize=16)
def noise(size: int, seed: int = 1) -> bytes:
    """Return bytes that no codec likes."""
    return random.Random(seed).randbytes(size)


def stored(cos: EmbeddedCos) -> dict[str, bytes]:
    """Return everything on COS by its key."""
    return {key: cos.object_bytes(BUCKET, key) for key in cos.keys(BUCKET)}


def counted(**counts: int) -> dict[str, int]:
    """Return a summary's counters, 0 unless told."""
    return {"new": 0, "update": 0, "fail": 0, "skip": 0, "unmatched": 0, **counts}
