"""All processes of a run killed at random moments, over and over: no byte is lost or mixed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.crash.test_kill import MIB, assert_complete
from tests.functional.tool import Tool

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")

KILLS = int(os.environ.get("COS_MIGRATE_TEST_KILLS", "50"))
"""Of the slow proof; each takes about a second."""
FAULTS = (
    ("status", "PutObject"),
    ("drop", "PutObject"),
    ("reset", "PutObject"),
    ("drop", "UploadPart"),
    ("status", "UploadPart"),
    ("drop", "CompleteMultipartUpload"),
    ("drop", "InitiateMultipartUpload"),
)


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill the coordinator and its workers, whichever first: they are in sessions of their own."""
    try:
        words = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except OSError:
        words = []
    numbers = [process.pid, *map(int, words)]
    random.shuffle(numbers)
    for number in numbers:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.mark.timeout(180 + 5 * KILLS)
@pytest.mark.parametrize("kills", [5, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_all_processes_killed_at_random_moments(
    cos: EmbeddedCos, tmp_path: Path, kills: int
) -> None:
    tool = Tool(tmp_path / "tool", cos.port)
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    print(f"seed {seed}", file=sys.stderr)
    tool.common |= {"workerProcessNum": "2", "smallFileExecutorNum": "8"}
    cos.latency = 0.01
    names = []
    for kill in range(kills):
        for number in range(20):  # there is always something left to do
            names.append(f"d{number % 5}/{kill}-{number}")
            tool.put(names[-1], chance.randbytes(chance.randrange(5000)))
        tool.put(f"big{kill % 3}", chance.randbytes(chance.randrange(6, 17) * MIB + kill))
        tool.put(chance.choice(names), chance.randbytes(chance.randrange(5000)))  # an update
        cos.faults.clear()
        kind, operation = chance.choice(FAULTS)
        cos.faults.append(Fault(kind, operation=operation, times=2, skip=chance.randrange(3)))
        process = tool.start("--quiet")
        time.sleep(chance.uniform(0.05, 1.5))
        kill_all(process)
        process.communicate()
    cos.faults.clear()
    cos.latency = 0
    ended = tool.run()
    assert ended.code == 0, ended.out[-2000:] + ended.err
    assert "Traceback" not in ended.err
    assert "damaged" not in ended.err
    assert_complete(cos, tool)
    again = tool.run()
    assert again.counts()["skip"] == sum(1 for path in tool.data.rglob("*") if path.is_file())
