"""`--retry-failed`: what the scenario of all sources does not have."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from cos_migrate.emulator import Fault
from tests.fakes.s3_server import BUCKET as SOURCE
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, stored
from tests.functional.tool import Tool
from tests.functional.waiting import HeldCos, Watched, wait_until

FULL = "run in full"


def test_a_folder_that_could_not_be_listed_is_walked(tool: Tool, cos: HeldCos) -> None:
    tool.module = "tests.functional.closed_folders"
    tool.common |= {"workerProcessNum": "0"}
    tool.put("open/a")
    tool.put("x/closed/b")
    tool.put("x/closed/deep/c")
    (tool.data / "x" / "closed" / "loop").symlink_to(tool.data)
    ended = tool.run(environ={"CLOSED": "1"})
    assert (ended.counts(), ended.list_finished) == (counted(new=1, fail=1), False)
    ended = tool.run("--retry-failed", environ={"CLOSED": "1"})
    assert (ended.code, ended.counts()) == (1, counted(fail=1))
    assert FULL not in ended.err
    tool.put("open/late")
    ended = tool.run("--retry-failed")
    assert (ended.code, ended.counts()) == (0, counted(new=2, unmatched=1)), ended.out
    assert set(stored(cos)) == {"open/a", "x/closed/b", "x/closed/deep/c"}
    assert tool.run("--retry-failed").counts() == counted()


def test_files_that_changed_or_went(tool: Tool, cos: HeldCos) -> None:
    cos.faults.append(
        Fault("status", "PutObject", "bad", times=-1, status=400, code="InvalidArgument")
    )
    for name in ("bad/changed", "bad/gone", "bad/left out", "good"):
        tool.put(name)
    assert tool.run().counts() == counted(new=1, fail=3)
    tool.put("bad/changed", b"123")
    (tool.data / "bad" / "gone").unlink()
    cos.faults.clear()
    ended = tool.run("--retry-failed", "-Dcommon.exclude=left*")
    assert (ended.code, ended.counts()) == (0, counted(new=1, unmatched=2)), ended.err
    assert "[reason: no longer there]" in ended.out
    assert cos.object_bytes("examplebucket-1250000000", "bad/changed") == b"123"
    assert "nothing to retry" in tool.run("--retry-failed").out


def test_what_a_full_run_sees_no_more_is_no_failure(tool: Tool, cos: HeldCos) -> None:
    cos.faults.append(
        Fault("status", "PutObject", "bad", times=-1, status=400, code="InvalidArgument")
    )
    for name in ("bad/one", "bad/two"):
        tool.put(name)
    assert tool.run().counts() == counted(fail=2)
    (tool.data / "bad" / "one").unlink()
    assert tool.run().counts() == counted(fail=1)
    ended = tool.run("--retry-failed")
    assert ended.counts() == counted(fail=1)


def test_a_set_that_is_not_whole(tool: Tool, cos: HeldCos) -> None:
    tool.put("a")
    never_run = tool.run("--retry-failed")
    assert (never_run.code, never_run.counts()) == (1, counted())
    assert FULL in never_run.err
    assert FULL in tool.log("error.log")

    cos.hold()
    run = Watched(tool.start())
    wait_until(lambda: cos.held > 0, run.alive)
    run.process.send_signal(signal.SIGINT)
    cos.release()
    assert run.end().code == 130
    assert FULL in tool.run("--retry-failed").err

    os.close(os.open(os.fsencode(tool.data) + b"/\xff", os.O_CREAT))
    assert tool.run().counts()["fail"] == 1
    ended = tool.run("--retry-failed", "--json")
    (summary,) = (json.loads(line) for line in ended.out.splitlines() if '"summary"' in line)
    assert (summary["exit_code"], summary["list_finished"]) == (1, False)
    assert FULL in ended.err
    (tool.data.parent / "data" / os.fsdecode(b"\xff")).unlink()
    assert tool.run().code == 0
    assert tool.run("--retry-failed").code == 0


def test_objects_that_are_gone(
    from_s3: CloudTool, s3: S3Server, cos: HeldCos, tmp_path: Path
) -> None:
    cos.faults.append(
        Fault("status", "PutObject", "bad", times=-1, status=400, code="InvalidArgument")
    )
    s3.put("bad", b"x")
    s3.put("good", b"x")
    assert from_s3.run().counts() == counted(new=1, fail=1)
    del s3.buckets[SOURCE].objects["bad"]
    s3.seen.clear()
    ended = from_s3.run("--retry-failed")
    assert (ended.code, ended.counts()) == (0, counted(unmatched=1)), ended.out
    assert "[condition_not_match] [reason: no longer there]  [key: bad]" in ended.out
    assert s3.operations() == ["HeadObject"]
    assert "nothing to retry" in from_s3.run("--retry-failed").out

    listed = tmp_path / "keys.txt"
    listed.write_text("good\nmissing\n", encoding="utf-8")
    from_s3.cloud["uriList"] = str(listed)
    assert from_s3.run().counts() == counted(skip=1, fail=1)
    for _ in range(2):
        ended = from_s3.run("--retry-failed")
        assert (ended.code, ended.counts()) == (1, counted(fail=1)), ended.out
    listed.write_text("good\nmissing\nmore\n", encoding="utf-8")
    ended = from_s3.run("--retry-failed")
    assert ended.code == 1
    assert FULL in ended.err
