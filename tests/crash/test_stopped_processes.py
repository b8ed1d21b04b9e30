"""Processes of a run that are stopped (SIGSTOP), for ever or for a while."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.crash.test_kill import assert_complete, fill, wait_for
from tests.crash.test_scan_kill import scanning
from tests.functional.tool import BUCKET, Tool, end, records
from tests.polling import wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
QUIET = ("--quiet",)


@pytest.fixture
def tool(tmp_path: Path, cos: EmbeddedCos) -> Tool:
    """The tool with shorter limits of waiting."""
    return Tool(tmp_path / "tool", cos.port, module="tests.crash.impatient")


def workers(process: subprocess.Popen[str]) -> list[int]:
    words = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(word) for word in words if "cos_migrate.pools.worker" in command_of(word)]


def command_of(process: str) -> str:
    """Return the command line of a process; empty when it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def another_than(pid: int, process: subprocess.Popen[str]) -> bool:
    there = workers(process)
    return bool(there) and pid not in there


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    wait_until(condition, lambda: process.poll() is None)


def under_way(
    cos: EmbeddedCos, tool: Tool, files: int, big: int = 0, *, workers: int = 1, requests: int = 20
) -> subprocess.Popen[str]:
    """Start a run of these files and wait for so many requests."""
    fill(tool, files, big)
    cos.latency = 0.02
    tool.common |= {"workerProcessNum": str(workers), "smallFileExecutorNum": "4"}
    process = tool.start(*QUIET)
    wait_for(cos, requests, process)
    return process


def test_a_stopped_worker_is_named_and_replaced(cos: EmbeddedCos, tool: Tool) -> None:
    process = under_way(cos, tool, 200, 1, workers=2)
    stopped = workers(process)[0]
    os.kill(stopped, signal.SIGSTOP)
    ended = end(process)
    assert ended.code == 0, ended.out + ended.err
    assert f"worker process {stopped} has shown no sign of life for 2.5 s" in ended.err
    assert f"was replaced (worker process {stopped} showed no sign of life for 4 s" in ended.err
    assert ended.counts() == {"new": 201, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    assert not Path(f"/proc/{stopped}").exists()
    assert_complete(cos, tool)


def test_the_only_worker_stopped_again_and_again_fails_no_object(
    cos: EmbeddedCos, tool: Tool
) -> None:
    process = under_way(cos, tool, 60, requests=5)
    for _ in range(2):
        [stopped] = workers(process)
        os.kill(stopped, signal.SIGSTOP)
        until(partial(another_than, stopped, process), process)
    ended = end(process)
    assert ended.code == 0, ended.out + ended.err
    assert ended.counts()["new"] == 60
    assert_complete(cos, tool)


def test_a_worker_that_goes_on_in_time_keeps_its_tasks(cos: EmbeddedCos, tool: Tool) -> None:
    process = under_way(cos, tool, 100)
    [stopped] = workers(process)
    os.kill(stopped, signal.SIGSTOP)
    until(lambda: "no sign of life" in tool.log("warn.log"), process)
    os.kill(stopped, signal.SIGCONT)
    ended = end(process)
    assert ended.code == 0, ended.out + ended.err
    assert f"worker process {stopped} goes on" in ended.err
    assert "was replaced" not in ended.err
    assert cos.operations().count("PutObject") == 100  # nothing was sent twice


def test_a_coordinator_that_was_stopped_takes_no_worker_for_dead(
    cos: EmbeddedCos, tool: Tool
) -> None:
    process = under_way(cos, tool, 200, workers=2)
    there = (process.pid, *workers(process))
    for pid in there:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(4.5)  # longer than the limit of `impatient`: the time is what is tested
    for pid in there:
        os.kill(pid, signal.SIGCONT)
    ended = end(process)
    assert ended.code == 0, ended.out + ended.err
    assert "no sign of life" not in ended.err
    assert ended.counts()["new"] == 200


def test_a_worker_that_is_busy_for_long_is_left_alone(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    cos.faults.append(Fault("hang", seconds=6, times=1))
    tool.common |= {"workerProcessNum": "1"}
    ended = end(tool.start(*QUIET))
    assert "no sign of life" not in ended.err
    assert ended.code == 0, ended.out + ended.err


def test_a_stopped_scan_is_replaced(cos: EmbeddedCos, tool: Tool) -> None:
    for number in range(3_500):
        tool.put(f"d{number % 50}/{number}", b"x")
    cos.latency = 0.002
    process = tool.start(*QUIET)
    wait_for(cos, 20, process)
    until(lambda: scanning(process.pid), process)
    stopped = scanning(process.pid)
    os.kill(stopped, signal.SIGSTOP)
    ended = end(process)
    assert ended.code == 0, ended.out + ended.err
    assert f"the process that lists the source ({stopped}) has shown no sign" in ended.err
    assert ended.counts()["new"] == 3_500


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_all_processes_are_stopped(
    cos: EmbeddedCos, tool: Tool, number: signal.Signals
) -> None:
    process = under_way(cos, tool, 200, 1, workers=2)
    for pid in workers(process):
        os.kill(pid, signal.SIGSTOP)
    process.send_signal(number)
    ended = end(process, 20)
    assert ended.code == 128 + number
    assert "are given up" in ended.err
    counts = ended.counts()
    assert counts["fail"] == 0
    assert not ended.list_finished
    kept = [key for key in records(tool.database) if "taskType" in key]
    assert len(kept) == counts["new"] <= len(cos.keys(BUCKET))
    cos.latency = 0
    tool.module = "cos_migrate"
    assert tool.run().code == 0
    assert_complete(cos, tool)


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_server_that_does_not_answer_holds_up_no_stop(tool: Tool, processes: str) -> None:
    tool.put("a")
    tool.common["workerProcessNum"] = processes
    with socket.create_server(("127.0.0.1", 0)) as server:
        tool.port = server.getsockname()[1]
        process = tool.start(*QUIET)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(10)
            process.send_signal(signal.SIGTERM)
            ended = end(process, 20)
    assert ended.code == 143
    assert "1 requests in flight" in ended.err
    assert ended.counts() == {"new": 0, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    assert "migrate_new : 0" in (tool.folder / "db" / "result.out").read_text()
