"""Workers of a Dask cluster that are killed fifty times: nothing is lost, or counted twice."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from tests.crash.test_kill import assert_complete, fill
from tests.functional.dask_cluster import DaskCluster
from tests.functional.tool import Tool, end
from tests.functional.waiting import HeldCos, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc"),
]
KILLS = 50


def test_fifty_kills_cost_no_object(tool: Tool, cos: HeldCos, tmp_path: Path) -> None:
    fill(tool, files=600, big=3)
    tool.common |= {"smallFileExecutorNum": "6", "bigFileExecutorNum": "4"}
    chance = random.Random(5)
    with DaskCluster(tmp_path / "dask") as dask:
        tool.common["cluster"] = dask.address
        living = ["0", "1"]
        for name in living:
            dask.start_worker(name)
        cos.hold(5)
        process = tool.start("--quiet")
        for number in range(KILLS):
            wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
            name = chance.choice(living)
            if number % 2:  # its process alone: the Dask worker gets another
                for pid in dask.children(name):
                    os.kill(pid, signal.SIGKILL)
            else:
                dask.signal(name, signal.SIGKILL)
                living[living.index(name)] = fresh = str(number + 2)
                dask.start_worker(fresh)
            cos.hold_again(chance.randrange(1, 12))
        cos.release()
        ended = end(process)
    assert ended.code == 0, ended.out[-2000:] + ended.err
    assert ended.counts() == {"new": 603, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    assert_complete(cos, tool)
