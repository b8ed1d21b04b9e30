"""From one bucket of COS to another: objects too large for one copy, and refused conditions."""

from __future__ import annotations

from functools import partial

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.copies import changing, joined, moved, put, start_in_parts
from tests.functional.more_sites import CopySite
from tests.functional.tool import BUCKET, end
from tests.functional.waiting import HeldCos, parts_written, wait_until

MIB = 1 << 20


@pytest.fixture(name="tool")
def _tool(copy_site: CopySite) -> CloudTool:
    return copy_site.tool


@pytest.mark.parametrize("status", [412, 501])
@pytest.mark.parametrize("size", [100, 3 * MIB])
def test_a_copy_whose_condition_is_refused_although_it_holds(
    tool: CloudTool, cos: EmbeddedCos, status: int, size: int
) -> None:
    """It is made without, and so are all that follow."""
    put(cos, "a", noise(size))
    put(cos, "b", noise(size, 2))
    tool.common |= {"smallFileExecutorNum": "1", "bigFileExecutorNum": "1"}
    operation = "PutObjectCopy" if size < 2 * MIB else "UploadPartCopy"
    fault = Fault("status", operation, status=status, code="PreconditionFailed")
    cos.faults.append(fault)
    ended = end(start_in_parts(tool))
    assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.out
    assert stored(cos) == {"a": noise(size), "b": noise(size, 2)}
    assert moved(cos) == 0


def test_huge_objects_are_copied_in_parts(tool: CloudTool, cos: EmbeddedCos) -> None:
    body = noise(7 * MIB + 5)
    put(cos, "huge", body)
    joined(cos, "joined", [noise(2 * MIB, 2), noise(MIB, 3)])
    tool.common.update(cosPath="/to/", storageClass="Standard_IA", bigFileUploadPartSize=str(MIB))
    cos.faults += [
        Fault("error-in-200", "UploadPartCopy", query="partNumber=2"),
        Fault("status", "UploadPartCopy", query="partNumber=3", status=503, code="SlowDown"),
        Fault("drop", "UploadPartCopy", query="partNumber=5"),
    ]
    ended = end(start_in_parts(tool))
    assert (ended.code, ended.counts()) == (0, counted(new=2)), tool.log("error.log")
    assert stored(cos) == {"to/huge": body, "to/joined": noise(2 * MIB, 2) + noise(MIB, 3)}
    assert moved(cos) == 0
    assert cos.operations().count("UploadPartCopy") == 8 + 3 + 3
    headers = cos.object_head(BUCKET, "to/huge").headers
    assert headers == {
        "content-type": "text/x",
        "x-cos-meta-who": "me",
        "x-cos-storage-class": "STANDARD_IA",
    }
    cos.reset()
    assert end(start_in_parts(tool)).counts() == counted(skip=2)
    assert set(cos.operations()) == {"GetBucket", "HeadObject"}


def test_parts_that_may_not_be_copied_pass_through(tool: CloudTool, cos: EmbeddedCos) -> None:
    body = noise(6 * MIB)
    put(cos, "huge", body)
    tool.common["bigFileUploadPartSize"] = str(MIB)
    cos.faults.append(
        Fault("status", "UploadPartCopy", times=-1, skip=2, status=403, code="AccessDenied")
    )
    ended = end(start_in_parts(tool))
    assert ended.counts() == counted(new=1), tool.log("error.log")
    assert stored(cos) == {"huge": body}
    assert 1 <= cos.operations().count("UploadPart") <= 4


def test_a_huge_object_that_changes_between_its_parts(tool: CloudTool, cos: EmbeddedCos) -> None:
    put(cos, "huge", noise(6 * MIB))
    body = noise(5 * MIB, 7)
    tool.common.update(bigFileUploadPartSize=str(MIB), bigFileExecutorNum="1")
    with changing(cos, "UploadPartCopy", partial(put, cos, "huge", body)):
        ended = end(start_in_parts(tool))
    assert ended.counts() == counted(new=1), tool.log("error.log")
    assert stored(cos) == {"huge": body}
    assert "AbortMultipartUpload" in cos.operations()


def test_killed_between_the_parts(tool: CloudTool, cos: HeldCos) -> None:
    body = noise(20 * MIB)
    put(cos, "huge", body)
    tool.common.update(bigFileUploadPartSize=str(MIB), bigFileExecutorNum="1")
    cos.hold(16, "UploadPartCopy")
    process = start_in_parts(tool)
    wait_until(lambda: parts_written(tool) == 16, lambda: process.poll() is None)
    process.kill()
    end(process)
    cos.wait_until_left()
    cos.reset()
    ended = end(start_in_parts(tool))
    assert ended.counts() == counted(new=1), tool.log("error.log")
    assert stored(cos) == {"huge": body}
    assert cos.operations().count("UploadPartCopy") == 4
    assert cos.operations().count("InitiateMultipartUpload") == 0
    assert moved(cos) == 0
