"""Refusals of single objects, at either side: each is its object's failure, and the run goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from cos_migrate.engine.probes import PROBE_NAME
from tests.fakes.s3_server import Fault as S3Fault
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted
from tests.functional.folder_cloud import FolderTool
from tests.functional.tool import BUCKET, Tool, records
from tests.polling import wait_until

MIB = 1 << 20


@pytest.fixture(name="aws")
def _aws(from_s3: CloudTool) -> CloudTool:
    return from_s3


def failed_names(tool: Tool) -> set[str]:
    [path] = (tool.folder / "log").glob("failed-*.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines()
    return {json.loads(line)["cos_path"] for line in lines}


def forbid(cos: EmbeddedCos, key: str, operation: str = "") -> Fault:
    fault = Fault("status", operation, key, times=-1, status=403, code="AccessDenied")
    cos.faults.append(fault)
    return fault


def nothing_left(cos: EmbeddedCos) -> bool:
    return not cos.store.uploads(BUCKET)


# -- COS refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy",
    ["^a/", "^(?!b/)"],
    ids=["one folder is forbidden", "one folder is allowed, the probe's is not"],
)
def test_a_forbidden_folder_at_the_front_stops_nothing(
    cos: EmbeddedCos, tool: Tool, policy: str
) -> None:
    for number in range(8):
        tool.put(f"a/{number}")
    for number in range(500):
        tool.put(f"b/{number:03}")
    forbid(cos, policy)
    ended = tool.run()
    assert ended.counts() == counted(new=500, fail=8), ended.err
    assert (ended.code, ended.list_finished) == (1, True)
    assert failed_names(tool) == {f"/a/{number}" for number in range(8)}
    assert cos.keys(BUCKET) == [f"b/{number:03}" for number in range(500)]
    assert nothing_left(cos)


def test_keys_forbidden_by_their_beginning_stop_nothing_though_all_lie_in_one_folder(
    cos: EmbeddedCos, tool: Tool
) -> None:
    for number in range(60):
        tool.put(f"{'no' if number < 40 else 'yes'}-{number:02}")
    forbid(cos, "^no-")
    ended = tool.run()
    assert ended.counts() == counted(new=20, fail=40), ended.err
    assert nothing_left(cos)
    assert not [key for key in records(tool.database) if "abandoned" in key]


@pytest.mark.parametrize(("folders", "cos_path"), [(1, "/to/here/"), (3, "/")])
def test_where_every_write_is_refused_the_run_ends_with_one_message(
    cos: EmbeddedCos, tool: Tool, folders: int, cos_path: str
) -> None:
    tool.common |= {"cosPath": cos_path, "smallFileExecutorNum": "4"}
    for number in range(300):
        tool.put(f"{number % folders}/{number:03}")
    forbid(cos, "")
    ended = tool.run()
    assert (ended.code, ended.status, ended.list_finished) == (1, "ALL_FAIL", False)
    assert ended.counts()["fail"] < 150
    assert ended.err.count("the run stops: COS refuses to write the objects, and ") == 1
    assert f"{cos_path}{PROBE_NAME}" in ended.err
    assert "(AccessDenied)" in ended.err
    asked = [seen.key for seen in cos.requests if seen.operation == "InitiateMultipartUpload"]
    assert asked == [f"{cos_path[1:]}{PROBE_NAME}"]


def test_what_is_forbidden_behind_what_was_written_is_never_probed(
    cos: EmbeddedCos, tool: Tool
) -> None:
    for number in range(200):
        tool.put(f"{'a' if number < 5 else 'b'}/{number:03}")
    forbid(cos, "^(?!a/)")
    ended = tool.run()
    assert ended.counts() == counted(new=5, fail=195), ended.err
    assert ended.list_finished
    assert "InitiateMultipartUpload" not in cos.operations()


@pytest.mark.parametrize("kind", ["wrong-crc", "corrupt"])
def test_objects_that_arrive_damaged_stop_nothing(cos: EmbeddedCos, tool: Tool, kind: str) -> None:
    tool.common["requestTryCount"] = "1"
    for number in range(100):
        tool.put(f"{'bad' if number < 20 else 'good'}/{number:03}", b"content")
    cos.faults.append(Fault(kind, key="^bad/", times=-1))
    ended = tool.run()
    assert ended.counts() == counted(new=80, fail=20), ended.err


def test_big_objects_that_are_refused_stop_nothing(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["bigFileExecutorNum"] = "2"
    for number in range(8):
        with tool.put(f"a/{number}").open("wb") as file:
            file.truncate(5 * MIB)
    tool.put("b/small")
    forbid(cos, "^a/", "InitiateMultipartUpload")
    ended = tool.run()
    assert ended.counts() == counted(new=1, fail=8), ended.err


def test_the_upload_of_a_killed_probe_is_aborted_by_the_next_run(
    cos: EmbeddedCos, tool: Tool
) -> None:
    for number in range(30):
        tool.put(f"no-{number:02}")
    forbidden = forbid(cos, "^no-")
    hanging = Fault("hang", "AbortMultipartUpload", seconds=30)
    cos.faults.append(hanging)
    process = tool.start()
    wait_until(lambda: cos.hits(hanging), lambda: process.poll() is None)
    process.kill()
    process.communicate()
    assert [upload.key for upload in cos.store.uploads(BUCKET)] == [PROBE_NAME]
    cos.faults.remove(forbidden)
    ended = tool.run()
    assert ended.counts() == counted(new=30), ended.err
    assert nothing_left(cos)


def test_an_abort_that_is_refused_is_tried_by_the_next_run(cos: EmbeddedCos, tool: Tool) -> None:
    for number in range(10):
        tool.put(f"no-{number}")
    forbid(cos, "^no-")
    refused = forbid(cos, "", "AbortMultipartUpload")
    ended = tool.run()
    assert ended.counts() == counted(fail=10)
    assert "could not be aborted (AccessDenied" in ended.err
    assert not nothing_left(cos)
    cos.faults.remove(refused)
    assert tool.run().counts() == counted(fail=10)
    assert nothing_left(cos)


def test_wrong_keys_of_cos_behind_failures_of_the_source_end_the_run(
    cos: EmbeddedCos, aws: CloudTool, s3: S3Server
) -> None:
    for number in range(200):
        s3.put(f"{number:03}", b"x")
    s3.faults.append(S3Fault("status", "GetObject", "^0", times=-1, status=403, code="X"))
    aws.common["secretKey"] = "wrong"
    ended = aws.run()
    assert "SignatureDoesNotMatch" in ended.err
    assert ended.err.count("the run stops") == 1
    assert ended.counts()["fail"] < 10
    assert cos.keys(BUCKET) == []


# -- the source refuses --------------------------------------------------------------------------


def test_where_the_source_refuses_all_objects_each_is_named(
    cos: EmbeddedCos, aws: CloudTool, s3: S3Server
) -> None:
    for number in range(400):
        s3.put(f"{number:03}", b"x")
    s3.latency = 0.1
    s3.faults.append(S3Fault("status", "GetObject", times=-1, status=403, code="AccessDenied"))
    started = time.monotonic()
    ended = aws.run()
    assert ended.counts() == counted(fail=400), ended.err
    assert ended.list_finished
    assert len(failed_names(aws)) == 400
    assert time.monotonic() - started < 400 * 0.1, "one at a time"
    assert cos.keys(BUCKET) == []


def test_rights_that_are_withdrawn_meanwhile_end_the_run(aws: CloudTool, s3: S3Server) -> None:
    for number in range(600):
        s3.put(f"{number:03}", b"x")
    aws.common["smallFileExecutorNum"] = "4"
    s3.faults += [
        S3Fault("status", "GetObject", skip=50, times=-1, status=403, code="AccessDenied"),
        S3Fault("status", "ListObjectsV2", skip=1, times=-1, status=403, code="AccessDenied"),
    ]
    ended = aws.run()
    assert ended.err.count("the run stops") == 1
    assert 100 <= ended.counts()["fail"] < 400
    assert not ended.list_finished


# -- what failed before --------------------------------------------------------------------------


def test_what_failed_before_holds_up_nothing_that_is_new(cos: EmbeddedCos, tmp_path: Path) -> None:
    cloud = FolderTool(tmp_path / "tool", cos.port)
    for number in range(40):
        cloud.add(f"old/{number:02}")
    forbid(cos, "^old/")
    assert cloud.run().counts() == counted(fail=40)
    cos.reset()
    for number in range(40):
        cloud.add(f"new/{number:02}")
    cloud.common["smallFileExecutorNum"] = "2"
    ended = cloud.run()
    assert ended.counts() == counted(new=40, fail=40), ended.err
    puts = [seen.key for seen in cos.requests if seen.operation == "PutObject"]
    assert any(key.startswith("new/") for key in puts[:20])
    assert any(key.startswith("old/") for key in puts[:60])
