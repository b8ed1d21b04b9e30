"""The processes that scan, one of which begins before anybody is ready to hear of it."""

from __future__ import annotations

import contextlib
import subprocess

from cos_migrate.pools import frames as wire
from cos_migrate.pools.launcher import SCAN, Launcher, end
from cos_migrate.sources.recipe import ScanJob


class Scans:
    """Starts scans, and keeps the one that was begun ahead."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._ahead: tuple[ScanJob, subprocess.Popen[bytes]] | None = None

    def begin(self, job: ScanJob) -> None:
        """Begin a scan that `take` will be asked for, in all likelihood."""
        with contextlib.suppress(OSError):  # then `take` tries again
            self._ahead = (job, self._start(job))

    def take(self, job: ScanJob) -> subprocess.Popen[bytes]:
        """Return a process that scans, from the beginning. Raises OSError."""
        ahead, self._ahead = self._ahead, None
        if ahead and ahead[0] == job:
            return ahead[1]
        if ahead:
            end(ahead[1])
        return self._start(job)

    def close(self) -> None:
        """End the one that nobody took."""
        if self._ahead:
            end(self._ahead[1])

    def _start(self, job: ScanJob) -> subprocess.Popen[bytes]:
        process = self._launcher.take(SCAN)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(OSError):  # it has ended already: whoever listens finds out
            wire.send(process.stdin, job)  # type: ignore[arg-type]
        return process
