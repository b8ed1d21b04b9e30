"""No unfinished upload is left on COS without a record of it, since each is billed."""

from __future__ import annotations

import base64

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise
from tests.functional.tool import BUCKET, Tool, records
from tests.polling import wait_until

MIB = 1 << 20


@pytest.fixture(name="aws")
def _aws(from_s3: CloudTool) -> CloudTool:
    from_s3.common["entireFileMd5Attached"] = "off"
    return from_s3


def left(cos: EmbeddedCos) -> list[str]:
    """Return the keys of the unfinished uploads on COS."""
    return [upload.key for upload in cos.store.uploads(BUCKET)]


def kept(tool: Tool) -> list[str]:
    """Return the keys of the database that are about unfinished uploads."""
    words = ("[cosmigrate upload]", "[cosmigrate part]", "[cosmigrate abandoned]", "savepoint")
    return [key for key in records(tool.database) if any(word in key for word in words)]


def assert_nothing_left(cos: EmbeddedCos, tool: Tool) -> None:
    assert left(cos) == []
    assert kept(tool) == []


def put_with_wrong_checksum(s3: S3Server) -> None:
    told = base64.b64encode(b"none").decode()
    sums = {"x-amz-checksum-crc32": told, "x-amz-checksum-type": "FULL_OBJECT"}
    s3.put("big", noise(6 * MIB), part_size=MIB, checksums=sums)


def test_of_an_object_that_is_not_what_its_source_says_as_a_whole(
    cos: EmbeddedCos, aws: CloudTool, s3: S3Server
) -> None:
    put_with_wrong_checksum(s3)
    ended = aws.run()
    assert ended.counts() == counted(fail=1)
    assert "SourceChecksumMismatch" in aws.log("error.log")
    assert_nothing_left(cos, aws)


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (500, "InternalError")])
def test_what_cos_does_not_abort_is_tried_by_the_next_run(
    cos: EmbeddedCos, aws: CloudTool, s3: S3Server, status: int, code: str
) -> None:
    put_with_wrong_checksum(s3)
    aws.common["requestTryCount"] = "1"
    refused = Fault("status", "AbortMultipartUpload", times=-1, status=status, code=code)
    cos.faults.append(refused)
    ended = aws.run()
    assert ended.counts() == counted(fail=1)
    assert ended.err.count("could not be aborted") == 1
    assert set(left(cos)) == {"big"}
    assert len(left(cos)) == len(kept(aws))
    cos.faults.remove(refused)
    s3.remove("big")
    s3.put("small", b"x")
    assert aws.run().counts()["new"] == 1
    assert_nothing_left(cos, aws)


def test_of_an_object_whose_whole_is_always_answered_wrong(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["requestTryCount"] = "1"
    tool.put("big", noise(6 * MIB))
    cos.faults.append(Fault("wrong-crc", "CompleteMultipartUpload", times=-1))
    assert tool.run().counts() == counted(fail=1)
    assert left(cos) == []


def test_of_parts_that_cos_never_takes_for_whole(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("big", noise(6 * MIB))
    fault = Fault("status", "CompleteMultipartUpload", times=-1, status=400, code="InvalidPart")
    cos.faults.append(fault)
    assert tool.run().counts() == counted(fail=1)
    assert_nothing_left(cos, tool)


def test_an_upload_that_cos_will_not_complete_is_completed_by_the_next_run(
    cos: EmbeddedCos, tool: Tool
) -> None:
    tool.put("big", noise(6 * MIB))
    fault = Fault("status", "CompleteMultipartUpload", times=-1, status=403, code="AccessDenied")
    cos.faults.append(fault)
    assert tool.run().counts() == counted(fail=1)
    assert left(cos) == ["big"]
    cos.faults.clear()
    cos.reset()
    assert tool.run().counts() == counted(new=1)
    assert "UploadPart" not in cos.operations()
    assert_nothing_left(cos, tool)


def kill_in_the_middle(cos: EmbeddedCos, tool: Tool) -> None:
    """Kill a run when the last part of `big` is on its way: of others the results are known."""
    tool.common["bigFileExecutorNum"] = "1"
    fault = Fault("hang", "UploadPart", skip=2, times=-1, seconds=30)
    cos.faults.append(fault)
    process = tool.start()
    wait_until(lambda: cos.hits(fault), lambda: process.poll() is None)
    process.kill()
    process.communicate()
    cos.faults.remove(fault)
    assert left(cos) == ["big"]


def test_of_a_killed_run_whose_object_is_gone(cos: EmbeddedCos, tool: Tool) -> None:
    path = tool.put("big", noise(11 * MIB))
    tool.put("other")
    kill_in_the_middle(cos, tool)
    path.unlink()
    ended = tool.run()
    assert ended.counts()["fail"] == 0
    assert_nothing_left(cos, tool)


def test_of_a_killed_run_whose_object_is_small_now(cos: EmbeddedCos, tool: Tool) -> None:
    path = tool.put("big", noise(11 * MIB))
    kill_in_the_middle(cos, tool)
    path.write_bytes(b"small")
    assert tool.run().counts() == counted(new=1)
    assert_nothing_left(cos, tool)


def test_of_a_killed_run_whose_object_is_on_cos_by_now(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("big", noise(11 * MIB))
    kill_in_the_middle(cos, tool)
    cos.store.put(BUCKET, "big", cos.store.receive([b"by other means"]), {}, acl="")
    tool.common["skipSamePath"] = "true"
    assert tool.run().counts() == counted(skip=1)
    assert_nothing_left(cos, tool)


def test_an_object_that_is_left_out_for_now_goes_on_later(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("big", noise(11 * MIB))
    tool.put("other")
    kill_in_the_middle(cos, tool)
    tool.local["ignoreSuffix"] = "big"
    assert tool.run().counts()["unmatched"] == 1
    assert left(cos) == ["big"]
    assert kept(tool)
    del tool.local["ignoreSuffix"]
    cos.reset()
    assert tool.run().counts()["new"] == 1
    assert cos.operations().count("UploadPart") < 3
    assert_nothing_left(cos, tool)
