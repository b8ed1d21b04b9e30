"""The process that lists the files is killed in the middle of a run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from cos_migrate.scan import WALK_PROGRAM
from tests.crash.test_kill import assert_complete
from tests.functional.tool import Tool, end
from tests.functional.waiting import HeldCos, wait_until

FILES = 3500


def scanning(parent: int) -> int:
    """Return the process that scans for another, 0 when there is none."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        named = [
            each for each in children if WALK_PROGRAM in Path(f"/proc/{each}/cmdline").read_text()
        ]
    except OSError:
        return 0
    return int(named[0]) if named else 0


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_another_goes_on_in_its_place(cos: HeldCos, tool: Tool) -> None:
    for number in range(FILES):
        tool.put(f"d{number % 50}/{number}", b"x")
    cos.hold(20)
    process = tool.start("--quiet")
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    wait_until(lambda: scanning(process.pid) > 0)
    os.kill(scanning(process.pid), signal.SIGKILL)
    cos.release()
    ended = end(process)
    assert ended.code == 0, ended.out + ended.err
    assert ended.counts()["new"] == FILES
    assert_complete(cos, tool)
