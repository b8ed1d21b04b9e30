"""Limits of bandwidth and requests: runs take at least the time that a limit demands.

Only such lower bounds are compared with a clock: they hold on a machine of any speed.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from cos_migrate.emulator.messages import Request
from cos_migrate.emulator.service import Reply
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.tool import Tool, end
from tests.functional.waiting import HeldCos, wait_until

MIB = 1 << 20
BURST = 0.2
"""Seconds of units that may pass at once: what a bucket holds, and what processes have ahead."""


@pytest.fixture
def asked(cos: HeldCos) -> list[float]:
    """When requests arrived at COS."""
    times: list[float] = []
    answer: Callable[[Request, int], Reply] = cos.answer

    def answer_noted(request: Request, connection: int) -> Reply:
        times.append(time.monotonic())
        return answer(request, connection)

    cos.answer = answer_noted  # type: ignore[method-assign]
    return times


def timed(tool: Tool) -> tuple[dict[str, int], float]:
    """Run; return the counters, and how many seconds it took."""
    began = time.monotonic()
    ended = tool.run()
    assert ended.code == 0, ended.err
    return ended.counts(), time.monotonic() - began


@pytest.mark.parametrize("processes", ["0", "3"])
def test_bandwidth_is_shared_by_small_and_big_objects(
    tool: Tool, cos: HeldCos, processes: str
) -> None:
    content = {"big": noise(6 * MIB), "middle": noise(MIB)}
    content |= {f"small/{number}": noise(10_000, number) for number in range(50)}
    for name, data in content.items():
        tool.put(name, data)
    tool.common |= {"bandwidthLimit": "3M", "workerProcessNum": processes}
    counts, seconds = timed(tool)
    assert counts == counted(new=52)
    assert seconds >= sum(map(len, content.values())) / (3 * MIB) - BURST
    assert stored(cos) == content
    assert "limits: bandwidthLimit=3M" in tool.log("info.log")


@pytest.mark.parametrize("threshold", ["5242880", "20971520"])
def test_what_is_read_and_what_is_sent_count_each_for_itself(
    from_s3: CloudTool, s3: S3Server, cos: HeldCos, threshold: str
) -> None:
    content = {"big": noise(9 * MIB), **{f"{n}": noise(30_000, n) for n in range(20)}}
    for name, data in content.items():
        s3.put(name, data)
    from_s3.common |= {"bandwidthLimit": "5M", "smallFileThreshold": threshold}
    counts, seconds = timed(from_s3)
    assert counts == counted(new=21)
    assert seconds >= sum(map(len, content.values())) / (5 * MIB) - BURST
    assert stored(cos) == content


def test_requests_to_cos_of_every_kind_are_counted(
    tool: Tool, cos: HeldCos, asked: list[float]
) -> None:
    for number in range(30):
        tool.put(f"{number}", b"x")
    tool.put("big", noise(11 * MIB))
    tool.common |= {"requestsPerSecond": "40", "skipSamePath": "true", "check": "on"}
    ended = tool.run()
    assert ended.code == 0, ended.err
    assert len(asked) >= 90
    assert {"HeadObject", "PutObject", "UploadPart"} <= set(cos.operations())
    # Each pass has a bucket of its own.
    assert asked[-1] - asked[0] >= (len(asked) - 4) / 40


def test_requests_to_the_source_are_counted_with_its_listing(
    from_s3: CloudTool, s3: S3Server
) -> None:
    for number in range(40):
        s3.put(f"{number}", b"x")
    from_s3.common["srcRequestsPerSecond"] = "20"
    counts, seconds = timed(from_s3)
    assert counts == counted(new=40)
    assert seconds >= (41 - 2) / 20


def test_the_timetable_holds_by_the_time_of_the_day(tool: Tool) -> None:
    tool.put("x", noise(2 * MIB))
    tool.common["bandwidthLimit"] = "00:00,1M"
    _, seconds = timed(tool)
    assert seconds >= 2 - BURST


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_signal_ends_the_waits(tool: Tool, cos: HeldCos, processes: str) -> None:
    tool.put("big", noise(20 * MIB))
    for number in range(20):
        tool.put(f"small/{number}", noise(100_000))
    tool.common |= {"bandwidthLimit": "100K", "workerProcessNum": processes}
    process = tool.start()
    wait_until(lambda: cos.at_once > 1, lambda: process.poll() is None)
    process.send_signal(signal.SIGTERM)
    ended = end(process)
    assert ended.code == 143
    assert "took too long" not in ended.err
    sent = ended.counts()
    assert sent == counted(new=sent["new"])
    tool.common["bandwidthLimit"] = "off"
    assert tool.run().counts() == counted(new=21 - sent["new"], skip=sent["new"])


def change(tool: Tool, **keys: str) -> None:
    """Change the file of a run that goes on."""
    tool.common |= keys
    tool.write_config()


@pytest.mark.parametrize("processes", ["0", "2"])
def test_limits_are_followed_while_a_run_goes_on(tool: Tool, cos: HeldCos, processes: str) -> None:
    tool.put("big", noise(30 * MIB))
    for number in range(50):
        tool.put(f"{number}", b"x")
    tool.common |= {"bandwidthLimit": "10K", "workerProcessNum": processes}
    process = tool.start()
    wait_until(
        lambda: "InitiateMultipartUpload" in cos.operations(), lambda: process.poll() is None
    )
    change(tool, bandwidthLimit="off", requestsPerSecond="1000")
    ended = end(process)
    assert ended.counts() == counted(new=51)
    for line in ("bandwidthLimit: 10K -> off", "requestsPerSecond: off -> 1000"):
        said = f"notice: {line} (conf/config.ini has changed)"
        assert said in ended.err
        assert line in tool.log("info.log")


@pytest.mark.parametrize("processes", ["0", "3"])
def test_numbers_of_transfers_are_followed_while_a_run_goes_on(
    tool: Tool, cos: HeldCos, processes: str
) -> None:
    for number in range(200):
        tool.put(f"{number:03}", b"x")
    tool.common |= {"smallFileExecutorNum": "2", "workerProcessNum": processes}
    cos.hold(5)
    process = tool.start()

    def is_held(requests: int) -> None:
        wait_until(lambda: cos.held == requests, lambda: process.poll() is None)

    is_held(2)
    change(tool, smallFileExecutorNum="7")
    is_held(7)
    change(tool, smallFileExecutorNum="3")
    wait_until(lambda: "smallFileExecutorNum: 7 -> 3" in tool.log("info.log"))
    cos.hold_again(20)
    is_held(3)
    cos.reset()
    cos.hold_again(20)
    is_held(3)
    assert cos.most_at_once <= 3
    change(tool, smallFileExecutorNum="auto")
    wait_until(lambda: "smallFileExecutorNum: 3 -> auto" in tool.log("info.log"))
    cos.release()
    ended = end(process)
    assert ended.counts() == counted(new=200)
    assert "found_by_auto : smallFileExecutorNum" in ended.out


def test_a_file_that_cannot_be_used_changes_nothing(tool: Tool, cos: HeldCos) -> None:
    for number in range(20):
        tool.put(f"{number}", b"x")
    cos.hold(3)
    process = tool.start()
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    change(tool, requestsPerSecond="many")
    wait_until(lambda: "has changed and cannot be used" in tool.log("warn.log"))
    cos.release()
    ended = end(process)
    assert ended.counts() == counted(new=20)
    assert ended.err.count("has changed and cannot be used") == 1
    assert "many is invalid, legal requestsPerSecond is [1, 1000000]" in ended.err


def test_a_daemon_follows_the_file_between_its_rounds(tool: Tool) -> None:
    tool.put("x")
    tool.common |= {"daemonMode": "on", "daemonModeInterVal": "1000"}
    process = tool.start()
    wait_until(lambda: "run ended" in tool.log("info.log"))
    change(tool, bandwidthLimit="7M")
    wait_until(lambda: "bandwidthLimit: off -> 7M" in tool.log("info.log"))
    process.send_signal(signal.SIGINT)
    assert end(process).code == 130
