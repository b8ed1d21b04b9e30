"""The process that lists the files is killed in the middle of a run."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.launcher import SCAN
from tests.crash.test_kill import assert_complete, cos, tool, wait_for
from tests.functional.tool import Tool, end

__all__ = ["cos", "tool"]
FILES = 3500


def scanning(parent: int) -> int:
    """Return the process that scans for another, 0 when there is none."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        named = [each for each in children if SCAN in Path(f"/proc/{each}/cmdline").read_text()]
    except OSError:
        return 0
    return int(named[0]) if named else 0


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_another_goes_on_in_its_place(cos: EmbeddedCos, tool: Tool) -> None:
    for number in range(FILES):
        tool.put(f"d{number % 50}/{number}", b"x")
    cos.latency = 0.002
    process = tool.start("--quiet")
    wait_for(cos, 20, process)
    deadline = time.monotonic() + 30
    while not (pid := scanning(process.pid)):
        assert time.monotonic() < deadline
    os.kill(pid, signal.SIGKILL)
    ended = end(process)
    assert ended.code == 0, ended.out + ended.err
    assert ended.counts()["new"] == FILES
    assert_complete(cos, tool)
