"""Starts scan processes, some ahead: apart from `walk_process`, which loads while they begin."""

from __future__ import annotations

import contextlib
import subprocess

from cos_migrate.pools import frames
from cos_migrate.pools.launcher import Launcher, end
from cos_migrate.scan import WALK_PROGRAM
from cos_migrate.sources.recipe import SourceRecipe


class ScanProcesses:
    """Starts scan processes, and keeps one that was started ahead."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._ahead: tuple[SourceRecipe, subprocess.Popen[bytes]] | None = None

    def begin(self, job: SourceRecipe) -> None:
        """Start ahead a scan that is likely to be taken."""
        with contextlib.suppress(OSError):  # then `take` tries again
            self._ahead = (job, self._start(job))

    def take(self, job: SourceRecipe) -> subprocess.Popen[bytes]:
        """Return a process that scans from the beginning. Raises OSError."""
        ahead, self._ahead = self._ahead, None
        if ahead and ahead[0] == job:
            return ahead[1]
        if ahead:
            end(ahead[1])
        return self._start(job)

    def close(self) -> None:
        """End a process that was not taken."""
        if self._ahead:
            end(self._ahead[1])

    def _start(self, job: SourceRecipe) -> subprocess.Popen[bytes]:
        process = self._launcher.take(WALK_PROGRAM)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(OSError):  # it has ended already: the reader of its pipe notices
            frames.send(process.stdin, job)  # type: ignore[arg-type]
        return process
