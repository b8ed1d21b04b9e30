"""Starts processes, some of them ahead: they load their code while a run is prepared.

A process knows nothing until its first frame arrives, so one that was started in vain has done
nothing; it ends when its pipe closes.
"""

from __future__ import annotations

import collections
import contextlib
import os
import subprocess
import sys

from cos_migrate.settings import Common

WORKER = "cos_migrate.worker_process"
SCAN = "cos_migrate.scan_process"
_MOST = 8
"""More worker processes than this are faster than one coordinator can plan for."""


class Launcher:
    """The processes that wait for somebody to take them."""

    def __init__(self) -> None:
        self._waiting: collections.defaultdict[str, collections.deque[subprocess.Popen[bytes]]]
        self._waiting = collections.defaultdict(collections.deque)

    def begin(self, program: str, count: int = 1) -> None:
        """Start so many that wait, or fewer where the system gives no more."""
        with contextlib.suppress(OSError):  # whoever needs one tries again, and says why not
            for _ in range(count):
                self._waiting[program].append(_start(program))

    def take(self, program: str) -> subprocess.Popen[bytes]:
        """Return a process, of which stdin, stdout and stderr are pipes. Raises OSError."""
        waiting = self._waiting[program]
        return waiting.popleft() if waiting else _start(program)

    def close(self) -> None:
        """End those that nobody took."""
        for waiting in self._waiting.values():
            while waiting:
                process = waiting.pop()
                process.kill()
                process.communicate()


def worker_count(common: Common) -> int:
    """Return how many worker processes share the pools; 0: the coordinator does all."""
    wanted = common.worker_process_num
    count = wanted if wanted >= 0 else min(_MOST, _cores())
    return min(count, max(common.small_file_executor_num, common.big_file_executor_num))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start(program: str) -> subprocess.Popen[bytes]:
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    return subprocess.Popen(
        [sys.executable, "-m", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        creationflags=flags,
        start_new_session=not flags,
    )
