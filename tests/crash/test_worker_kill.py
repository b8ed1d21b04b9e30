"""Worker processes that are killed, whoever does it: what they had is done by others."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.crash.test_kill import MIB, assert_complete, fill
from tests.functional.tool import BUCKET, ROOT, Tool, end
from tests.functional.waiting import HeldCos, Watched, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")

POISON = """
import os, sys

def watch(event, args):
    if event == "open" and str(args[0]).endswith("poison"):
        os.kill(os.getpid(), 9)

if "cos_migrate.pools.worker" in sys.orig_argv:
    sys.addaudithook(watch)
"""
"""Makes a file that kills each worker that opens it."""


def workers(process: subprocess.Popen[str]) -> list[int]:
    try:
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


@pytest.mark.parametrize("all_at_once", [False, True])
def test_workers_killed_again_and_again_cost_no_object(
    cos: HeldCos, tool: Tool, *, all_at_once: bool
) -> None:
    fill(tool, files=400, big=3)
    tool.common |= {"workerProcessNum": "3", "smallFileExecutorNum": "6"}
    cos.hold(5)
    process = tool.start("--quiet")
    chance = random.Random(11)
    for _ in range(12):
        wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
        there = workers(process)
        for pid in there if all_at_once else chance.sample(there, min(1, len(there))):
            kill(pid)
        cos.hold_again(chance.randrange(1, 30))
    cos.release()
    ended = end(process)
    assert ended.code == 0, ended.out[-2000:] + ended.err
    assert ended.counts() == {"new": 403, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    assert_complete(cos, tool)


@pytest.mark.parametrize("processes", [1, 2])
def test_only_the_object_that_kills_its_worker_fails(
    cos: EmbeddedCos, tool: Tool, processes: int, tmp_path: Path
) -> None:
    fill(tool, files=60, big=1)
    tool.put("d1/poison", "x" * 100)
    tool.put("d5/poison", b"y" * (6 * MIB))
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(POISON)
    tool.common |= {"workerProcessNum": str(processes)}
    ended = end(tool.start(environ={"PYTHONPATH": f"{tmp_path / 'hook'}{os.pathsep}{ROOT}"}))
    assert ended.code == 1
    assert ended.counts()["fail"] == 2, ended.out + ended.err
    assert ended.counts()["new"] == 61
    assert sorted(line.rpartition("cosPath: ")[2] for line in ended.lines("[fail]")) == [
        "/d1/poison]",
        "/d5/poison]",
    ]
    assert "each worker process that had this task, and nothing else, ended" in tool.log(
        "error.log"
    )
    assert "Traceback" not in ended.err
    ended = tool.run()
    assert ended.counts()["skip"] == 61
    assert_complete(cos, tool)


def test_a_first_object_that_kills_its_worker_is_no_reason_to_stop(
    cos: EmbeddedCos, tool: Tool, tmp_path: Path
) -> None:
    tool.put("a/poison")
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(POISON)
    tool.common |= {"workerProcessNum": "1"}
    environ = {"PYTHONPATH": f"{tmp_path / 'hook'}{os.pathsep}{ROOT}"}
    ended = end(tool.start(environ=environ))
    assert ended.code == 1
    assert ended.counts()["fail"] == 1
    for number in range(20):
        tool.put(f"b/{number}")
    ended = end(tool.start(environ=environ))
    assert ended.counts()["fail"] == 1
    assert sorted(cos.keys(BUCKET)) == sorted(f"b/{number}" for number in range(20))


def test_a_stop_while_workers_die_gives_back_what_they_had(cos: HeldCos, tool: Tool) -> None:
    fill(tool, files=100, big=2)
    cos.hold(20)
    tool.common |= {"workerProcessNum": "2", "smallFileExecutorNum": "4"}
    process = tool.start("--quiet")
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    process.send_signal(signal.SIGTERM)
    for pid in workers(process):
        kill(pid)
    cos.release()
    ended = end(process)
    assert ended.code == 143
    assert ended.counts()["fail"] == 0
    assert tool.run().code == 0
    assert_complete(cos, tool)


def test_a_service_manager_that_ends_all_processes_loses_nothing(cos: HeldCos, tool: Tool) -> None:
    fill(tool, files=100, big=2)
    cos.hold(20)
    tool.common |= {"workerProcessNum": "2", "smallFileExecutorNum": "4"}
    run = Watched(tool.start("--quiet"))
    wait_until(lambda: cos.held > 0, run.alive)
    for pid in (*workers(run.process), run.process.pid):
        kill(pid, signal.SIGTERM)
    run.wait_for("stopping: ")
    cos.release()
    ended = run.end()
    assert ended.code == 143
    assert "ended by itself" not in ended.err
    assert ended.counts()["new"] == len(cos.keys(BUCKET))
