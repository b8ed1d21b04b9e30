"""The tool with a section of a cloud instead of local files, and what the tests ask of a run."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Tool
from tests.functional.waiting import wait_until

__all__ = ["CloudTool", "counted", "noise", "stored", "wait_until"]


@dataclass
class CloudTool(Tool):
    """Migrates from `[migrate_type]`, whose keys are in `cloud`."""

    migrate_type: str = ""
    cloud: dict[str, str] = field(default_factory=dict)

    def write_config(self) -> Path:
        """Write conf/config.ini from the settings."""
        common = {
            "secretId": SECRET_ID,
            "secretKey": SECRET_KEY,
            "bucketName": BUCKET,
            "region": "ap-guangzhou",
            "endPointSuffix": f"localhost:{self.port}",
            "workerProcessNum": "0",
            **self.common,
        }
        parts = ["[migrateType]", f"type={self.migrate_type}", "[common]"]
        parts += [f"{key}={value}" for key, value in common.items()]
        parts += [f"[{self.migrate_type}]"]
        parts += [f"{key}={value}" for key, value in self.cloud.items()]
        path = self.folder / "conf" / "config.ini"
        path.write_text("\n".join(parts) + "\n", encoding="utf-8")
        path.chmod(0o600)  # it holds secrets
        return path


def noise(size: int, seed: int = 1) -> bytes:
    """Return bytes that no codec likes."""
    return random.Random(seed).randbytes(size)


def stored(cos: EmbeddedCos) -> dict[str, bytes]:
    """Return everything on COS by its key."""
    return {key: cos.object_bytes(BUCKET, key) for key in cos.keys(BUCKET)}


def counted(**counts: int) -> dict[str, int]:
    """Return a summary's counters, 0 unless told."""
    return {"new": 0, "update": 0, "fail": 0, "skip": 0, "unmatched": 0, **counts}
