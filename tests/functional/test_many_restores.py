"""A proof of minutes: thousands of archived objects, each restored once and sent when readable."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted
from tests.functional.sites import s3_section
from tests.functional.tool import BUCKET, end
from tests.functional.waiting import HeldCos

OBJECTS = int(os.environ.get("COS_MIGRATE_TEST_RESTORES", "10000"))
SECONDS = 60.0
"""For which each restore is pending."""


def seconds_of(tool: CloudTool) -> float:
    """Return how long a run took that sends all objects."""
    began = time.monotonic()
    ended = end(tool.start("--quiet"), seconds=600)
    seconds = time.monotonic() - began
    assert (ended.code, ended.counts()) == (0, counted(new=OBJECTS)), ended.out + ended.err
    return seconds


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_are_sent_soon_after_they_can_be_read(
    s3: S3Server, cos: HeldCos, tmp_path: Path
) -> None:
    def tool(name: str) -> CloudTool:
        made = CloudTool(
            tmp_path / name, cos.port, migrate_type="migrateAws", cloud=s3_section(s3.port)
        )
        made.common |= {
            "workerProcessNum": "",
            "smallFileExecutorNum": "auto",
            "restoreArchived": "Standard",
            "restoreWait": "5",
            "cosPath": f"/{name}/",
        }
        return made

    keys = [f"{number:05}" for number in range(OBJECTS)]
    for key in keys:
        s3.put(key, key.encode())
    plain = seconds_of(tool("plain"))
    for key in keys:
        s3.put(key, key.encode(), storage_class="GLACIER")
    s3.archive.seconds = SECONDS
    s3.seen.clear()
    archived = seconds_of(tool("archived"))
    assert s3.archive.asked == dict.fromkeys(keys, 1)
    assert len(s3.archive.requests) == OBJECTS
    assert len(cos.keys(BUCKET)) == 2 * OBJECTS
    counts = Counter(seen.operation for seen in s3.seen)
    print(f"plain {plain:.1f} s, archived {archived:.1f} s; {dict(counts)}")
    assert archived <= SECONDS + plain
