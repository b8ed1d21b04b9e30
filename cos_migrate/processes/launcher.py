"""Starts processes, some of them ahead: they load their code while a run is prepared.

A process knows nothing until its first frame arrives, so one that was started in vain has done
nothing; it ends when its pipe closes.
"""

from __future__ import annotations

import collections
import contextlib
import subprocess
import sys
from collections.abc import Mapping

_KILLED = 1.0
"""Seconds to wait for a killed process."""


class Launcher:
    """Starts processes, and keeps idle ones that were started ahead."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """`environ`: the environment of the processes; None: this process's."""
        self.environ = environ
        self._waiting: collections.defaultdict[str, collections.deque[subprocess.Popen[bytes]]]
        self._waiting = collections.defaultdict(collections.deque)

    def keep(self, program: str, count: int) -> None:
        """Keep `count` idle processes of a program, fewer where the system allows no more."""
        waiting = self._waiting[program]
        while len(waiting) > count:
            end_process(waiting.pop())
        with contextlib.suppress(OSError):  # `take` tries again, and raises
            while len(waiting) < count:
                waiting.append(start_process(program, self.environ))

    def take(self, program: str) -> subprocess.Popen[bytes]:
        """Return a process whose stdin, stdout and stderr are pipes. Raises OSError."""
        waiting = self._waiting[program]
        return waiting.popleft() if waiting else start_process(program, self.environ)

    def close(self) -> None:
        """End the idle processes."""
        for program in self._waiting:
            self.keep(program, 0)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End a process at once."""
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):  # it hangs in the kernel
        process.communicate(timeout=_KILLED)


def start_process(
    program: str, environ: Mapping[str, str] | None, *words: str
) -> subprocess.Popen[bytes]:
    """Start a program with words, none of them secret. Raises OSError."""
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    return subprocess.Popen(
        [sys.executable, "-m", program, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        creationflags=flags,
        start_new_session=not flags,
    )
