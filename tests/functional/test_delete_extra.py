"""`deleteExtra`: objects that the source no longer has are removed from COS, in doubt none."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.events import events, named
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool
from tests.functional.test_compare import put_on_cos
from tests.functional.tool import BUCKET, Ended, Tool, records
from tests.functional.waiting import HeldCos, Watched, wait_until

YESTERDAY = 86_400


@pytest.fixture
def tool(tool: Tool) -> Tool:
    tool.common |= {"deleteExtra": "recorded", "maxDelete": "100%", "workerProcessNum": "0"}
    return tool


def age(cos: EmbeddedCos, *keys: str) -> None:
    """Make objects on COS older, all where none is named."""
    for key in keys or cos.keys(BUCKET):
        stored = cos.store.get(BUCKET, key)
        aged = dataclasses.replace(stored, modified=stored.modified - YESTERDAY)
        cos.store._buckets[BUCKET][key] = aged


def keys(cos: EmbeddedCos) -> set[str]:
    return set(cos.keys(BUCKET))


def deleted(ended: Ended) -> int:
    return int(ended.out.rpartition("migrate_delete : ")[2].split()[0])


def migrated(cos: EmbeddedCos, tool: Tool, *names: str) -> None:
    """Migrate files, and make their objects old."""
    for name in names:
        tool.put(name, name.encode(), mtime=1_700_000_000)
    ended = tool.run()
    assert (ended.code, deleted(ended)) == (0, 0), ended.out + ended.err
    age(cos)


def test_recorded_objects_go_with_their_records(cos: HeldCos, tool: Tool) -> None:
    tool.common["cosPath"] = "/to/"
    migrated(cos, tool, "a", "b c+%41ü😀", "line\nbreak", "d/e", "changed")
    for key in ("to/foreign", "elsewhere"):
        put_on_cos(cos, key, b"1")
    put_on_cos(cos, "to/changed", b"other")
    age(cos, "to/foreign", "to/changed", "elsewhere")
    for name in ("b c+%41ü😀", "line\nbreak", "d/e", "changed"):
        (tool.data / name).unlink()
    cos.reset()
    ended = tool.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.out + ended.err
    assert keys(cos) == {"to/a", "to/changed", "to/foreign", "elsewhere"}
    assert sorted(ended.lines("[delete]")) == [
        "[delete] [key: /to/b c+%41ü😀]",
        "[delete] [key: /to/d/e]",
        "[delete] [key: /to/line\\x0abreak]",
    ]
    assert deleted(ended) == 3
    assert "1 extra objects stay on COS: not recorded as sent from this source" in ended.out
    assert "1 extra objects stay on COS: changed on COS since it was sent" in ended.out
    assert cos.operations().count("DeleteMultipleObjects") == 1
    kept = records(tool.database)
    assert not [key for key in kept if "d/e" in key or "b c" in key]
    assert [key for key in kept if key.endswith(("/to/a]", "stored] /to/a"))]
    again = tool.run()
    assert (again.code, deleted(again)) == (0, 0)


def test_off_lists_nothing_and_counts_nothing(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "b")
    (tool.data / "b").unlink()
    del tool.common["deleteExtra"]
    cos.reset()
    ended = tool.run()
    assert "migrate_delete" not in ended.out
    assert "GetBucket" not in cos.operations()
    assert keys(cos) == {"a", "b"}


def test_all_removes_what_others_have_put_there(cos: HeldCos, tool: Tool) -> None:
    tool.common["deleteExtra"] = "all"
    migrated(cos, tool, "a")
    put_on_cos(cos, "foreign", b"1")
    age(cos, "foreign")
    put_on_cos(cos, "A", b"1")
    age(cos, "A")
    put_on_cos(cos, "fresh", b"1")
    fresh = cos.store.get(BUCKET, "fresh")
    cos.store._buckets[BUCKET]["fresh"] = dataclasses.replace(fresh, modified=time.time() + 60)
    ended = tool.run()
    assert keys(cos) == {"a", "fresh"}, ended.out
    assert "1 extra objects stay on COS: modified since the run began" in ended.out


def test_a_dry_run_only_names_them(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "b")
    (tool.data / "b").unlink()
    ended = tool.run("--dry-run")
    assert ended.code == 0, ended.err
    assert ended.lines("[dry-run] [delete]") == ["[dry-run] [delete] [key: /b]"]
    assert deleted(ended) == 1
    assert keys(cos) == {"a", "b"}
    found = events(tool.run("--json").out)
    assert [each["key"] for each in named(found, "delete")] == ["/b"]
    assert named(found, "summary", migrate_delete=1)
    assert keys(cos) == {"a"}


@pytest.mark.parametrize(
    ("most", "goes"),
    [("1", False), ("2", True), ("50%", True), ("49%", True), ("25%", False), ("", False)],
)
def test_more_than_allowed_is_none(cos: HeldCos, tool: Tool, most: str, goes: bool) -> None:
    migrated(cos, tool, "a", "b", "c", "d")
    for name in ("c", "d"):
        (tool.data / name).unlink()
    tool.common["maxDelete"] = most
    ended = tool.run()
    assert keys(cos) == ({"a", "b"} if goes else {"a", "b", "c", "d"})
    assert (ended.code, ended.status) == ((0, "ALL_OK") if goes else (1, "PART_OK"))
    if not goes:
        assert "2 of 4 objects on COS would be: maxDelete=" in ended.err


def test_an_empty_source_and_a_vanished_one(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a")
    shutil.rmtree(tool.data)
    gone = tool.run()
    assert gone.code != 0
    tool.data.mkdir()
    empty = tool.run()
    assert empty.code == 1
    assert "the source is empty" in empty.err
    assert keys(cos) == {"a"}
    cos.store.delete(BUCKET, "a")
    assert tool.run().code == 0


@pytest.mark.parametrize("how", ["link", "excluded", "pattern", "file"])
def test_what_the_walk_saw_or_left_out_stays(cos: HeldCos, tool: Tool, how: str) -> None:
    tool.common["deleteExtra"] = "all"
    migrated(cos, tool, "a", "disk/b", "disk/c/d", "e.tmp")
    if how == "link":
        shutil.rmtree(tool.data / "disk")
        (tool.data / "disk").symlink_to(tool.folder / "not mounted")
    elif how == "excluded":
        tool.local["excludes"] = str(tool.data / "disk")
    elif how == "pattern":
        tool.common["exclude"] = "disk/;*.tmp"
        shutil.rmtree(tool.data / "disk")
        (tool.data / "e.tmp").unlink()
    else:
        shutil.rmtree(tool.data / "disk")
        tool.put("disk", b"now a file")
    ended = tool.run()
    assert keys(cos) >= {"a", "disk/b", "disk/c/d", "e.tmp"}
    assert (ended.code, deleted(ended)) == (0, 0), ended.out + ended.err


def test_sizes_that_are_left_out_stay(cos: HeldCos, tool: Tool) -> None:
    tool.common["deleteExtra"] = "all"
    migrated(cos, tool, "a", "larger name", "b")
    for name in ("larger name", "b"):
        (tool.data / name).unlink()
    tool.common["maxSize"] = "5"
    assert deleted(tool.run()) == 1
    assert keys(cos) == {"a", "larger name"}


@pytest.mark.parametrize("how", ["failed object", "cos listing"])
def test_after_a_failure_nothing_goes(cos: HeldCos, tool: Tool, how: str) -> None:
    migrated(cos, tool, "a", "b", "c")
    (tool.data / "b").unlink()
    if how == "failed object":
        tool.put("c", b"changed")
        cos.faults.append(Fault("status", "PutObject", status=400, code="Bad", times=-1))
    else:
        cos.faults.append(Fault("status", "GetBucket", times=-1, status=403, code="AccessDenied"))
    ended = tool.run()
    assert ended.code == 1
    assert "nothing is removed" in ended.err
    assert keys(cos) == {"a", "b", "c"}


def test_what_changes_right_before_it_goes_stays(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "b", "c")
    for name in ("b", "c"):
        (tool.data / name).unlink()
    cos.hold(0, "GetBucket")
    run = tool.start()
    wait_until(lambda: cos.held > 0, lambda: run.poll() is None)
    put_on_cos(cos, "b", b"new")
    put_on_cos(cos, "c", b"new")
    cos.release()
    out, err = run.communicate(timeout=240)
    assert keys(cos) == {"a", "b", "c"}, out
    assert "/b stays on COS: it has changed on COS" in err


def test_a_lost_database_and_another_job_keep_all(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "b")
    (tool.data / "b").unlink()
    shutil.rmtree(tool.folder / "db")
    assert deleted(tool.run()) == 0
    other = tool.folder / "other"
    other.mkdir()
    (other / "z").write_bytes(b"1")
    tool.local["localPath"] = str(other)
    assert deleted(tool.run()) == 0
    assert keys(cos) == {"a", "b", "z"}


def test_a_bucket_is_asked_once_more(cos: HeldCos, s3: S3Server, from_s3: CloudTool) -> None:
    from_s3.common |= {"deleteExtra": "recorded", "maxDelete": "3"}
    for name in ("a", "b", "c/d"):
        s3.put(name, name.encode())
    assert from_s3.run().code == 0
    age(cos)
    for name in ("b", "c/d"):
        s3.remove(name)
    ended = from_s3.run()
    assert (ended.code, deleted(ended)) == (0, 2), ended.out + ended.err
    assert keys(cos) == {"a"}


def test_two_buckets_in_one_folder_keep_each_others(
    cos: HeldCos, s3: S3Server, from_s3: CloudTool
) -> None:
    from_s3.common |= {"deleteExtra": "recorded", "maxDelete": "100%"}
    s3.put("a", b"1")
    assert from_s3.run().code == 0
    age(cos)
    s3.remove("a")
    s3.put("z", b"1")
    from_s3.cloud["prefix"] = "z"
    assert deleted(from_s3.run()) == 0
    assert "a" in keys(cos)


@pytest.mark.parametrize(
    ("common", "local", "named_key"),
    [
        ({"modifiedAfter": "1d"}, {}, "modifiedAfter"),
        ({}, {"ignoreModifiedTimeLessThanSeconds": "5"}, "ignoreModifiedTimeLessThanSeconds"),
        ({}, {"checkLocalRecord": "false"}, "checkLocalRecord=false"),
        ({}, {"fileListMode": "on"}, "fileListMode"),
    ],
)
def test_refused_combinations(
    cos: HeldCos, tool: Tool, common: dict[str, str], local: dict[str, str], named_key: str
) -> None:
    (tool.folder / "list").write_text("a\n")
    tool.put("a")
    tool.common |= common
    tool.local |= {**local, "fileListPath": str(tool.folder / "list")}
    ended = tool.run()
    assert ended.code == 2
    assert f"{named_key}: it would remove objects" in ended.err
    assert not cos.requests


def test_wrong_values(tool: Tool) -> None:
    for key, value in (("deleteExtra", "yes"), ("maxDelete", "101%"), ("maxDelete", "-1")):
        ended = tool.run(f"-Dcommon.{key}={value}")
        assert ended.code == 2
        assert key in ended.err
    assert os.path.isdir(Path(tool.folder))


def test_with_worker_processes(cos: HeldCos, tool: Tool) -> None:
    tool.common["workerProcessNum"] = "2"
    migrated(cos, tool, *(f"{number}" for number in range(30)))
    for number in range(20):
        (tool.data / f"{number}").unlink()
    ended = tool.run()
    assert (ended.code, deleted(ended)) == (0, 20), ended.out + ended.err
    assert len(keys(cos)) == 10


def test_ctrl_c_removes_nothing_more(cos: HeldCos, tool: Tool) -> None:
    migrated(cos, tool, "a", "b")
    (tool.data / "b").unlink()
    cos.hold(0, "GetBucket")
    run = Watched(tool.start())
    wait_until(lambda: cos.held > 0, run.alive)
    run.send_signal(signal.SIGINT)
    cos.release()
    ended = run.end()
    assert ended.code == 130, ended.out + ended.err
    assert keys(cos) == {"a", "b"}
    assert not list((tool.folder / "tmp").iterdir())
