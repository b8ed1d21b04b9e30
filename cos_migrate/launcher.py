"""Starts worker processes, some of them ahead: they load their code while a run is prepared.

A worker process knows nothing until its first frame arrives, so one that was started in vain has
done nothing; it ends when its pipe closes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

_MOST = 8
"""More worker processes than this are faster than one coordinator can plan for."""


class Launcher:
    """The worker processes that wait for somebody to take them."""

    def __init__(self) -> None:
        self._waiting: list[subprocess.Popen[bytes]] = []

    def begin(self, count: int) -> None:
        """Start so many that wait, or fewer where the system gives no more."""
        with contextlib.suppress(OSError):  # whoever needs one tries again, and says why not
            for _ in range(count):
                self._waiting.append(_start())

    def keep(self, count: int) -> None:
        """End those that wait beyond `count`."""
        while len(self._waiting) > count:
            _end(self._waiting.pop())

    def take(self) -> subprocess.Popen[bytes]:
        """Return a worker process, of which stdin, stdout and stderr are pipes."""
        return self._waiting.pop(0) if self._waiting else _start()

    def close(self) -> None:
        """End those that nobody took."""
        self.keep(0)


def usual_count() -> int:
    """Return how many worker processes a run has, unless it is told otherwise."""
    return min(_MOST, _cores())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start() -> subprocess.Popen[bytes]:
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    return subprocess.Popen(
        [sys.executable, "-m", "cos_migrate.worker_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        creationflags=flags,
        start_new_session=not flags,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()
