"""The CRC of a whole S3 object, compared over parts that come in any order, in one or two runs."""

from __future__ import annotations

import base64

import pytest
from awscrt.checksums import crc64nvme

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.emulator.faults import Fault as CosFault
from tests.fakes.s3_server import Fault, S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.tool import BUCKET
from tests.functional.waiting import HeldCos

MIB = 1 << 20
SIZE = 5 * MIB + 321
SIX, HUNDRED = 6, pytest.param(100, marks=pytest.mark.slow)


def put_with_crc(s3: S3Server, count: int) -> dict[str, bytes]:
    """Put objects whose ETags are no MD5, and whose CRC-64/NVME S3 states."""
    bodies = {f"{number % 7}/big-{number}": noise(SIZE, number) for number in range(count)}
    for key, body in bodies.items():
        crc = base64.b64encode(crc64nvme(body).to_bytes(8, "big")).decode()
        sums = {"x-amz-checksum-crc64nvme": crc, "x-amz-checksum-type": "FULL_OBJECT"}
        s3.put(key, body, part_size=MIB, checksums=sums)
    return bodies


def flip_each(s3: S3Server, keys: list[str]) -> list[Fault]:
    """Flip one byte of each object, in another of its parts."""
    faults = [
        Fault("flip", "GetObject", f"^{key}$", skip=number % 2, at=number * 7919 % 300)
        for number, key in enumerate(keys)
    ]
    s3.faults += faults
    return faults


def streaming(tool: CloudTool) -> CloudTool:
    """Send parts of 1 MiB by two processes, as they come."""
    tool.common |= {
        "bigFileUploadPartSize": str(MIB),
        "entireFileMd5Attached": "off",
        "workerProcessNum": "2",
    }
    return tool


def run_to_part_three(tool: CloudTool, cos: HeldCos, count: int) -> None:
    """Run until each object has three parts on COS, which refuses the fourth."""
    refused = CosFault(
        "status", "UploadPart", query="partNumber=4", times=-1, status=400, code="InvalidDigest"
    )
    cos.faults.append(refused)
    tool.common["bigFileExecutorNum"] = "1"  # one after the other
    ended = tool.run()
    assert ended.counts() == counted(fail=count), ended.out
    del tool.common["bigFileExecutorNum"]
    cos.faults.remove(refused)
    assert len(cos.store.uploads(BUCKET)) == count


def aborts(cos: EmbeddedCos) -> int:
    return sum(seen.operation == "AbortMultipartUpload" for seen in cos.requests)


@pytest.mark.parametrize("count", [SIX, HUNDRED])
def test_a_flipped_byte_of_each_object(
    cos: HeldCos, from_s3: CloudTool, s3: S3Server, count: int
) -> None:
    """Each is noticed before the parts are joined, and the object is sent again."""
    bodies = put_with_crc(s3, count)
    faults = flip_each(s3, list(bodies))
    ended = streaming(from_s3).run()
    assert (ended.code, ended.counts()) == (0, counted(new=count)), ended.out
    assert all(s3.hits(fault) for fault in faults)
    assert aborts(cos) == count
    assert stored(cos) == bodies


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("count", [SIX, HUNDRED])
def test_a_flipped_byte_of_each_upload_that_a_later_run_continues(
    cos: HeldCos, from_s3: CloudTool, s3: S3Server, when: str, count: int
) -> None:
    """The parts of both runs are compared together: none is read again for it."""
    bodies = put_with_crc(s3, count)
    faults = flip_each(s3, list(bodies)) if when == "before" else []
    run_to_part_three(streaming(from_s3), cos, count)
    assert aborts(cos) == 0
    read = len(s3.seen)
    if when == "after":
        faults = flip_each(s3, list(bodies))
    ended = from_s3.run()
    assert (ended.code, ended.counts()) == (0, counted(new=count)), ended.out
    assert all(s3.hits(fault) for fault in faults)
    assert aborts(cos) == count
    assert stored(cos) == bodies
    reads = [seen for seen in s3.seen[read:] if seen.operation == "GetObject"]
    assert len(reads) <= (3 + 6) * count


def test_an_upload_that_goes_on_is_joined_when_its_parts_agree(
    cos: HeldCos, from_s3: CloudTool, s3: S3Server
) -> None:
    """Also one that was begun from a temporary file, and goes on without it."""
    bodies = put_with_crc(s3, 2)
    tool = streaming(from_s3)
    tool.common["entireFileMd5Attached"] = "on"
    run_to_part_three(tool, cos, 2)
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.out
    assert aborts(cos) == 0
    assert "not all of it was read in one go" not in tool.log("info.log")
    assert stored(cos) == bodies
