"""Either side may ask for fewer requests: it alone is named and slowed."""

from __future__ import annotations

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.fakes.s3_server import Fault as S3Fault
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise

COS, SOURCE = "COS asks to slow down: ", "the source asks to slow down: "
MIB = 1 << 20


@pytest.fixture(name="tool")
def _tool(from_s3: CloudTool) -> CloudTool:
    from_s3.common |= {"smallFileExecutorNum": "16", "bigFileExecutorNum": "4"}
    return from_s3


@pytest.mark.parametrize(
    ("side", "said", "not_said"),
    [("source", SOURCE, COS), ("cos", COS, SOURCE), ("listing", "", "asks to slow down")],
)
def test_the_side_that_asks_is_named(
    cos: EmbeddedCos, tool: CloudTool, s3: S3Server, side: str, said: str, not_said: str
) -> None:
    for number in range(60):
        s3.put(f"{number:02}", b"x")
    if side == "cos":
        fault = Fault("status", "PutObject", skip=10, times=5, status=503, code="SlowDown")
        cos.faults.append(fault)
    else:
        operation = "GetObject" if side == "source" else "ListObjectsV2"
        skip, times = (10, 5) if side == "source" else (0, 2)
        s3.faults.append(
            S3Fault("status", operation, skip=skip, times=times, status=503, code="SlowDown")
        )
    ended = tool.run()
    assert ended.counts() == counted(new=60), ended.err
    log = tool.log("info.log")
    assert said in log
    assert not_said not in log


def test_a_source_that_asks_while_parts_pass_is_named(
    cos: EmbeddedCos, tool: CloudTool, s3: S3Server
) -> None:
    tool.common["entireFileMd5Attached"] = "off"
    content = noise(20 * MIB)
    s3.put("big", content, part_size=MIB)
    s3.faults.append(S3Fault("status", "GetObject", times=2, status=503, code="SlowDown"))
    assert tool.run().counts() == counted(new=1)
    log = tool.log("info.log")
    assert SOURCE in log
    assert COS not in log
    assert cos.object_bytes("examplebucket-1250000000", "big") == content


def test_a_source_that_never_stops_asking_is_not_mixed_up_with_cos(
    tool: CloudTool, s3: S3Server
) -> None:
    tool.common["requestTryCount"] = "1"
    for number in range(8):
        s3.put(f"{number}", b"x")
    s3.faults.append(S3Fault("status", "GetObject", times=-1, status=503, code="SlowDown"))
    ended = tool.run()
    assert ended.counts() == counted(fail=8)
    assert "the source asks for fewer requests" in ended.out
