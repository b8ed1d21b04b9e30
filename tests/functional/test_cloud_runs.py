"""What all cloud sources have in common, with folders in the place of buckets."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.folder_cloud import FolderTool
from tests.functional.tool import BUCKET, end, records
from tests.functional.waiting import HeldCos, Watched, wait_until

MIB = 1 << 20


@pytest.fixture
def cloud(tmp_path: Path, cos: EmbeddedCos) -> FolderTool:
    return FolderTool(tmp_path / "tool", cos.port)


def test_what_failed_is_tried_again_once_and_gone_objects_are_forgotten(
    cos: EmbeddedCos, cloud: FolderTool
) -> None:
    for name in ("a", "b", "z"):
        cloud.add(name)
    cos.faults.append(
        Fault("status", operation="PutObject", key="^[bz]$", status=400, code="Bad", times=-1)
    )
    assert cloud.run().counts()["fail"] == 2
    cos.faults.clear()
    cos.reset()
    (cloud.clouds / "src" / "b").unlink()
    cloud.add("c")
    ended = cloud.run()
    assert ended.counts() == {"new": 2, "update": 0, "fail": 1, "skip": 1, "unmatched": 0}
    assert sorted(seen.key for seen in cos.requests) == ["c", "z"]
    assert cloud.run().counts() == {"new": 0, "update": 0, "fail": 0, "skip": 3, "unmatched": 0}


def test_what_failed_in_another_bucket_is_left_alone(cos: EmbeddedCos, cloud: FolderTool) -> None:
    """Their databases have one name: it tells the target and the prefix only."""
    cloud.add("a")
    cloud.add("b", bucket="other")
    cos.faults.append(Fault("status", operation="PutObject", status=400, code="Bad", times=1))
    assert cloud.run().counts()["fail"] == 1
    cloud.source["bucket"] = "other"
    assert cloud.run().counts() == {"new": 1, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    del cloud.source["bucket"]
    assert cloud.run().counts() == {"new": 1, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}


def stop_in_the_middle(cos: HeldCos, cloud: FolderTool) -> int:
    """Stop a run by a signal once some pages are done; return how many objects arrived."""
    for number in range(60):
        cloud.add(f"{number:02}")
    cloud.common |= {"smallFileExecutorNum": "2", "listParallel": "1"}
    cos.hold(20)
    run = Watched(cloud.start())
    wait_until(lambda: cos.held > 0, run.alive)
    run.send_signal(signal.SIGINT)
    cos.release()
    assert run.end().code == 130
    cos.reset()
    cloud.listings()
    return len(cos.keys(BUCKET))


@pytest.mark.parametrize("resume", ["true", "false"])
def test_resume_goes_on_listing_where_it_was_left(
    cos: HeldCos, cloud: FolderTool, resume: str
) -> None:
    cloud.common["resume"] = resume
    arrived = stop_in_the_middle(cos, cloud)
    assert 20 <= arrived < 60
    ended = cloud.run()
    first = min(cloud.listings())
    assert (first[2] >= "10") is (resume == "true")
    assert ended.counts()["new"] == 60 - arrived
    assert (ended.counts()["skip"] < arrived) is (resume == "true")
    assert len(cos.keys(BUCKET)) == 60
    # A complete listing begins anew the next time.
    assert cloud.run().counts()["skip"] == 60


def test_the_position_of_another_bucket_is_no_position(cos: HeldCos, cloud: FolderTool) -> None:
    cloud.common["resume"] = "true"
    stop_in_the_middle(cos, cloud)
    cloud.add("00-first", bucket="other")
    cloud.source["bucket"] = "other"
    assert cloud.run().counts()["new"] == 1
    assert "00-first" in cos.keys(BUCKET)


def test_list_parallel_is_how_many_listings_are_under_way(cloud: FolderTool) -> None:
    for folder in "abcdefgh":
        for number in range(12):
            cloud.add(f"{folder}/{number:02}")
    cloud.source |= {"page": "3", "wait": "0.03"}

    def at_once(parallel: int) -> int:
        cloud.common |= {"listParallel": str(parallel), "cosPath": f"/{parallel}/"}
        assert cloud.run().counts()["new"] == 96
        spans = [(begun, ended) for begun, *_, ended in cloud.listings()]
        return max(sum(begun <= other < ended for other, _ in spans) for begun, ended in spans)

    assert at_once(1) == 1
    assert at_once(4) > 1


def test_real_time_compare_asks_cos_instead_of_the_records(
    cos: EmbeddedCos, cloud: FolderTool
) -> None:
    old = cloud.add("old")
    cloud.add("big-old", b"b" * (6 * MIB))
    cloud.add("new")
    for name in ("old", "big-old"):
        os.utime(cloud.clouds / "src" / name, (1_000_000_000, 1_000_000_000))
    assert cloud.run().counts()["new"] == 3
    future = time.time() + 3600
    os.utime(cloud.clouds / "src" / "new", (future, future))
    cloud.common["realTimeCompare"] = "on"
    cos.reset()
    ended = cloud.run()
    assert ended.counts() == {"new": 0, "update": 1, "fail": 0, "skip": 2, "unmatched": 0}
    assert cos.operations().count("HeadObject") == 3
    assert len(ended.lines("[skip] task_info: ")) == 2
    # With skipSamePath whatever is there is left, older or newer.
    cloud.common["skipSamePath"] = "true"
    again = cloud.run()
    assert again.counts()["skip"] == 3
    assert len(again.lines("[skip] file on cos, task_info: ")) == 1
    assert old.exists()


def test_skip_same_path_for_small_and_big_objects(cos: EmbeddedCos, cloud: FolderTool) -> None:
    cloud.add("small")
    cloud.add("big", b"b" * (6 * MIB))
    assert cloud.run().counts()["new"] == 2
    for path in (cloud.folder / "db").glob("*"):
        path.rename(cloud.folder / f"old-{path.name}")
    cloud.common["skipSamePath"] = "true"
    cloud.add("more")
    cos.reset()
    ended = cloud.run()
    assert ended.counts() == {"new": 1, "update": 0, "fail": 0, "skip": 2, "unmatched": 0}
    assert len(ended.lines("[skip] file on cos, task_info: ")) == 2
    assert "InitiateMultipartUpload" not in cos.operations()
    assert [key for key in records(cloud.database) if key.startswith("[taskType")] == [
        f"[taskType: migrateFolder] [bucket: {BUCKET}] [cosPath: /more]"
    ]


def test_one_that_failed_before_and_gives_no_answer_holds_up_no_other(
    cos: EmbeddedCos, cloud: FolderTool
) -> None:
    for name in ("a", "b"):
        cloud.add(name)
    cos.faults.append(Fault("status", operation="PutObject", status=400, code="Bad", times=-1))
    assert cloud.run().counts()["fail"] == 2
    cos.faults.clear()
    cos.reset()
    for number in range(30):
        cloud.add(f"c{number}")
    silent = cloud.clouds / "silent"
    silent.write_text("b")
    process = cloud.start()
    try:
        wait_until(lambda: len(cos.keys(BUCKET)) >= 31, lambda: process.poll() is None)
        assert "b" not in cos.keys(BUCKET)
    finally:
        silent.unlink()
    ended = end(process)
    assert ended.code == 0
    assert ended.counts()["new"] == 32
