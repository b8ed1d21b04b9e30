"""Nasty cases of `deleteExtra`: what looks as if the source had lost it, and what it has lost."""

from __future__ import annotations

import dataclasses
import email.utils
import os
import shutil
import signal
import time
import types
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from cos_migrate.emulator import Fault, connection
from tests.fakes.faults import Fault as SourceFault
from tests.fakes.messages import Answer
from tests.fakes.s3_server import BUCKET as SOURCE_BUCKET
from tests.fakes.s3_server import S3Server
from tests.fakes.s3_store import Bucket, document, kept_of, tag
from tests.functional.cloud_tool import CloudTool
from tests.functional.test_compare import counts, lists, put_on_cos
from tests.functional.test_delete_extra import age, deleted, keys, migrated
from tests.functional.tool import BUCKET, Tool, records
from tests.functional.waiting import HeldCos, wait_until

GUARDED = {"deleteExtra": "recorded", "maxDelete": "100%", "workerProcessNum": "0"}


@pytest.fixture
def tool(tool: Tool) -> Tool:
    tool.common |= GUARDED
    return tool


@pytest.fixture
def from_s3(from_s3: CloudTool) -> CloudTool:
    from_s3.common |= GUARDED
    return from_s3


def sent(cos: HeldCos, s3: S3Server, tool: CloudTool, *names: str) -> None:
    """Migrate objects of the bucket, and make those on COS old."""
    for name in names:
        s3.put(name, name.encode())
    assert tool.run().code == 0
    age(cos)


def test_an_empty_mount_point_behind_a_link(cos: HeldCos, tool: Tool) -> None:
    disk = tool.folder / "mount point"
    disk.mkdir()
    (tool.data / "disk").symlink_to(disk)
    migrated(cos, tool, "a", "disk/b", "disk/c")
    for path in disk.iterdir():
        path.unlink()
    tool.common["maxDelete"] = ""
    tool.run("--dry-run")
    ended = tool.run()
    assert (ended.code, deleted(ended)) == (1, 0)
    assert "2 of 3 objects on COS would be" in ended.err
    assert keys(cos) == {"a", "disk/b", "disk/c"}


def test_a_folder_that_was_migrated_and_is_excluded_now(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "old/b", "gone")
    (tool.data / "gone").unlink()
    tool.local["excludes"] = str(tool.data / "old")
    assert deleted(tool.run()) == 1
    assert keys(cos) == {"a", "old/b"}


def test_a_wrong_prefix(cos: HeldCos, s3: S3Server, from_s3: CloudTool) -> None:
    sent(cos, s3, from_s3, "a", "b")
    from_s3.common["deleteExtra"] = "all"
    from_s3.cloud["prefix"] = "not/there/"
    ended = from_s3.run()
    assert (ended.code, deleted(ended)) == (1, 0)
    assert "the source is empty" in ended.err
    assert keys(cos) == {"a", "b"}


def test_two_buckets_in_one_folder(cos: HeldCos, s3: S3Server, from_s3: CloudTool) -> None:
    s3.buckets["second"] = Bucket()
    s3.buckets["second"].put("theirs", kept_of(b"2"))
    sent(cos, s3, from_s3, "mine", "gone")
    from_s3.cloud["bucket"] = "second"
    assert from_s3.run().code == 0
    age(cos)
    from_s3.cloud["bucket"] = SOURCE_BUCKET
    s3.remove("gone")
    assert deleted(from_s3.run()) == 1
    assert keys(cos) == {"mine", "theirs"}


def breaks_off(_: HeldCos, s3: S3Server) -> None:
    s3.faults.append(SourceFault("cut", "ListObjectsV2", skip=1, times=-1))


def is_refused(_: HeldCos, s3: S3Server) -> None:
    s3.faults.append(
        SourceFault("status", "ListObjectsV2", skip=1, times=-1, status=403, code="AccessDenied")
    )


def repeats(_: HeldCos, s3: S3Server) -> None:
    s3.faults.append(SourceFault("repeat", "ListObjectsV2", skip=1, times=-1))


def breaks_off_on_cos(cos: HeldCos, _: S3Server) -> None:
    cos.faults.append(Fault("truncate", "GetBucket", skip=1, times=-1))


@pytest.mark.parametrize("how", [breaks_off, is_refused, repeats, breaks_off_on_cos])
def test_half_a_listing(
    cos: HeldCos, s3: S3Server, from_s3: CloudTool, how: Callable[[HeldCos, S3Server], None]
) -> None:
    """Of both sides the second page is lacking."""
    from_s3.common |= {"deleteExtra": "all", "skipSamePath": "true", "requestTryCount": "1"}
    for number in range(1_010):
        s3.put(f"{number:04}", b"1")
        put_on_cos(cos, f"{number:04}", b"1")
    for key in ("0000x", "1005x"):
        put_on_cos(cos, key, b"1")
    age(cos)
    assert from_s3.run("-Dcommon.deleteExtra=off", "--quiet").code == 0
    how(cos, s3)
    ended = from_s3.run("--quiet")
    assert (ended.code, deleted(ended)) == (1, 0), ended.out + ended.err
    assert len(keys(cos)) == 1_012


def test_a_listing_that_ends_too_early_and_says_that_it_is_whole(
    cos: HeldCos, s3: S3Server, from_s3: CloudTool
) -> None:
    from_s3.common["cosPath"] = "/to/"
    from_s3.cloud["prefix"] = "in/"
    sent(cos, s3, from_s3, "in/a", "in/b", "in/c")
    entry = tag("Key", "in/a") + tag("Size", 4) + tag("ETag", f'"{kept_of(b"in/a").etag}"')
    inner = tag("KeyCount", 1) + tag("IsTruncated", "false") + f"<Contents>{entry}</Contents>"
    half = Answer(200, {"Content-Type": "application/xml"}, document("ListBucketResult", inner))
    s3.faults.append(SourceFault("status", "ListObjectsV2", times=-1, answer=half))
    ended = from_s3.run()
    assert keys(cos) == {"to/a", "to/b", "to/c"}
    assert ended.err.count("stays on COS: the source has it (again)") == 2
    assert deleted(ended) == 0


def test_a_refusal_is_no_answer(cos: HeldCos, s3: S3Server, from_s3: CloudTool) -> None:
    sent(cos, s3, from_s3, "a", "b")
    s3.remove("b")
    s3.faults.append(SourceFault("status", "HeadObject", times=-1, status=403, code="AccessDenied"))
    ended = from_s3.run()
    assert (ended.code, deleted(ended)) == (1, 0)
    assert "the source does not say that it is gone" in ended.err
    assert keys(cos) == {"a", "b"}


def test_a_version_that_is_a_delete_marker_is_gone(
    cos: HeldCos, s3: S3Server, from_s3: CloudTool
) -> None:
    sent(cos, s3, from_s3, "a", "b")
    s3.remove("b")
    marker = Answer(404, {"x-amz-delete-marker": "true", "x-amz-version-id": "2"})
    s3.faults.append(SourceFault("status", "HeadObject", key="b", times=-1, answer=marker))
    assert deleted(from_s3.run()) == 1
    assert keys(cos) == {"a"}


def test_an_archived_object_of_the_source_stays(
    cos: HeldCos, s3: S3Server, from_s3: CloudTool
) -> None:
    sent(cos, s3, from_s3, "a", "cold", "gone")
    s3.archive.seconds = 3600.0
    s3.put("cold", b"cold", storage_class="GLACIER")  # as it was sent
    s3.remove("gone")
    assert deleted(from_s3.run()) == 1
    assert keys(cos) == {"a", "cold"}
    s3.put("cold", b"changed", storage_class="GLACIER")
    s3.remove("a")
    ended = from_s3.run()
    assert (ended.code, deleted(ended)) == (1, 0)
    assert "not everything was listed and migrated" in ended.err
    assert keys(cos) == {"a", "cold"}


def test_an_archived_object_on_cos_goes_like_others(cos: HeldCos, tool: Tool) -> None:
    tool.common["storageClass"] = "Archive"
    migrated(cos, tool, "a", "gone")
    (tool.data / "gone").unlink()
    cos.archive.seconds = 3600.0
    assert deleted(tool.run()) == 1
    assert keys(cos) == {"a"}


def test_client_side_encryption(cos: HeldCos, tool: Tool) -> None:
    key = tool.folder / "master key"
    key.write_bytes(bytes(range(32)))
    tool.common |= {"clientEncryption": "on", "keyPath": str(key)}
    migrated(cos, tool, "a", "gone", "changed on COS")
    for name in ("gone", "changed on COS"):
        (tool.data / name).unlink()
    put_on_cos(cos, "changed on COS", b"by others")
    age(cos, "changed on COS")
    ended = tool.run()
    assert deleted(ended) == 1
    assert keys(cos) == {"a", "changed on COS"}
    assert counts(tool.run("--compare")) == {
        **dict.fromkeys(("differ", "missing", "unverified"), 0),
        "same": 1,
        "extra": 1,
    }


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_wrong(
    cos: HeldCos, tool: Tool, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """The clock of COS counts: it is `hours` before or behind that of this machine."""
    tool.common["deleteExtra"] = "all"
    migrated(cos, tool, "a", "gone")
    (tool.data / "gone").unlink()
    put_on_cos(cos, "fresh", b"1")
    there = time.time() + hours * 3600
    stored = cos.store._buckets[BUCKET]
    stored["gone"] = dataclasses.replace(stored["gone"], modified=there - 60)
    stored["fresh"] = dataclasses.replace(stored["fresh"], modified=there + 300)

    def date(**_: object) -> str:
        return email.utils.formatdate(time.time() + hours * 3600, usegmt=True)

    utils = types.SimpleNamespace(formatdate=date)
    monkeypatch.setattr(connection, "email", types.SimpleNamespace(utils=utils))
    ended = tool.run()
    assert keys(cos) == {"a", "fresh"}, ended.out + ended.err
    assert "1 extra objects stay on COS: modified since the run began" in ended.out


def test_a_file_whose_time_is_set_back_is_none_that_is_gone(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "b")
    os.utime(tool.data / "a", (1_000_000_000, 1_000_000_000))
    ended = tool.run()
    assert (ended.counts()["update"], deleted(ended)) == (1, 0)
    assert keys(cos) == {"a", "b"}


@pytest.mark.parametrize("names", [("Photo", "photo"), ("é", "e\u0301"), ("ﬁ", "fi")])
def test_names_that_only_look_alike(cos: HeldCos, tool: Tool, names: tuple[str, str]) -> None:
    """They differ in case, or by Unicode's normalisation: each is a key of its own."""
    stays, goes = names
    assert (
        unicodedata.normalize("NFKC", stays).lower() == unicodedata.normalize("NFKC", goes).lower()
    )
    migrated(cos, tool, stays, goes, f"{goes}/x" if "/" in goes else "other")
    (tool.data / goes).unlink()
    assert deleted(tool.run()) == 1
    assert keys(cos) == {stays, "other"}


def test_a_record_database_that_was_deleted(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "gone")
    (tool.data / "gone").unlink()
    shutil.rmtree(tool.folder / "db")
    ended = tool.run()
    assert (ended.code, deleted(ended)) == (0, 0)
    assert "1 extra objects stay on COS: not recorded as sent from this source" in ended.out
    assert keys(cos) == {"a", "gone"}


def test_a_second_job_into_the_same_folder(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "mine", "gone")
    other = Tool(tool.folder.with_name("second"), cos.port, dict(tool.common))
    other.put("theirs", b"2", mtime=1_700_000_000)
    assert other.run().code == 0
    age(cos)
    (tool.data / "gone").unlink()
    (other.data / "theirs").rename(other.data / "renamed")
    assert deleted(tool.run()) == 1
    assert keys(cos) == {"mine", "theirs"}
    assert deleted(other.run()) == 1
    assert keys(cos) == {"mine", "renamed"}


def test_a_retry_of_failed_objects_removes_nothing(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "gone")
    (tool.data / "gone").unlink()
    tool.put("a", b"changed")
    cos.faults.append(Fault("status", "PutObject", status=400, code="Bad", times=1))
    assert tool.run().code == 1
    ended = tool.run("--retry-failed")
    assert ended.code == 0, ended.err
    assert keys(cos) == {"a", "gone"}


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("operation", ["GetBucket", "DeleteMultipleObjects"])
def test_a_kill_between_the_deletes(cos: HeldCos, tool: Tool, operation: str) -> None:
    names = [f"{number:03}" for number in range(20)]
    migrated(cos, tool, *names)
    for name in names[5:]:
        (tool.data / name).unlink()
    cos.hold(0, operation)
    process = tool.start()
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    cos.wait_until_left()
    left = keys(cos)
    # The request was carried out, and the answer did not arrive.
    assert left == set(names[:5] if operation == "DeleteMultipleObjects" else names)
    ended = tool.run()
    assert (ended.code, deleted(ended)) == (0, len(left) - 5), ended.out + ended.err
    assert keys(cos) == set(names[:5])
    assert tool.run().counts()["skip"] == 5
    for name in names[5:]:
        tool.put(name, name.encode(), mtime=1_700_000_000)
    assert tool.run().code == 0
    assert keys(cos) == set(names), "what is there again is sent again"


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_kill_of_a_comparison(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "b", "c")
    cos.store.delete(BUCKET, "b")
    before = records(tool.database)
    cos.hold(0, "GetBucket")
    process = tool.start("--compare", "--forget")
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    cos.wait_until_left()
    assert records(tool.database) == before
    ended = tool.run("--compare")
    assert counts(ended)["same"] == 2
    assert lists(tool)["missing"] == ["/b"]
    assert not list(Path(tool.folder / "tmp").iterdir())
