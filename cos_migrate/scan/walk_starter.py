"""Starts scan processes, the first one ahead.

A module of its own: `walk_process` is loaded while that process starts.
"""

from __future__ import annotations

import contextlib
import subprocess

from cos_migrate.processes.frames import FrameWriter
from cos_migrate.processes.launcher import Launcher, end_process
from cos_migrate.scan import WALK_PROGRAM
from cos_migrate.sources.recipe import SourceRecipe


class WalkStarter:
    """Starts scan processes, and keeps one that was started ahead."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._ahead: tuple[SourceRecipe, subprocess.Popen[bytes]] | None = None

    def begin(self, recipe: SourceRecipe) -> None:
        """Start a process ahead for a scan that is likely to come."""
        with contextlib.suppress(OSError):  # then `take` tries again
            self._ahead = (recipe, self._start(recipe))

    def take(self, recipe: SourceRecipe) -> subprocess.Popen[bytes]:
        """Return a process that scans from the start. Raises OSError."""
        ahead, self._ahead = self._ahead, None
        if ahead and ahead[0] == recipe:
            return ahead[1]
        if ahead:
            end_process(ahead[1])
        return self._start(recipe)

    def close(self) -> None:
        """End a process that was started ahead and not taken."""
        if self._ahead:
            end_process(self._ahead[1])

    def _start(self, recipe: SourceRecipe) -> subprocess.Popen[bytes]:
        process = self._launcher.take(WALK_PROGRAM)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(OSError):  # it has ended already: the reader of its pipe notices
            recipes: FrameWriter[SourceRecipe] = FrameWriter(process.stdin)
            recipes.write(recipe)
        return process
