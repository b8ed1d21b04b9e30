"""Counts a source ahead of its walk, in a process of its own, so that the end of a run is known.

The walk itself is only a bounded number of batches ahead of what is sent. Counting begins when a
run has lasted some seconds, and is given up where the walk is faster.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import NamedTuple

from cos_migrate.processes.child import Child
from cos_migrate.processes.launcher import Launcher
from cos_migrate.scan import COUNT_PROGRAM
from cos_migrate.sources.recipe import SourceRecipe

_BEGIN_AFTER = 2.0
"""Seconds of a run: a shorter one needs no forecast."""
_PROVE_WITHIN = 20.0
"""Seconds after which counting must be ahead of the walk."""


class Counted(NamedTuple):
    """How much a source holds, as far as it has been counted."""

    objects: int
    size: int
    """Bytes."""
    is_complete: bool


NOTHING = Counted(0, 0, is_complete=False)


class AheadCount:
    """Counts the objects of a source while a run goes on."""

    def __init__(
        self,
        launcher: Launcher,
        recipe: SourceRecipe,
        *,
        begin_after: float = _BEGIN_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`begin_after`: seconds of the run."""
        self._launcher = launcher
        self._recipe = recipe
        self._clock = clock
        self._begin_at = clock() + begin_after
        self._child: Child[SourceRecipe, Counted] | None = None
        self._over = False
        self._counted = NOTHING

    def look(self, known: int, *, is_listed: bool) -> Counted:
        """Return the count so far; begin to count when it is time, and stop when it is of no use.

        `known`: objects that the walk has found; `is_listed`: whether these are all.
        """
        now = self._clock()
        if is_listed:
            self.close()
        elif not self._child and not self._over and now >= self._begin_at:
            self._begin()
        elif now > self._begin_at + _PROVE_WITHIN and self._counted.objects <= known:
            self.close()
        return self._counted

    def close(self) -> None:
        """Stop counting."""
        self._over = True
        child, self._child = self._child, None
        if child:
            child.kill()

    def _begin(self) -> None:
        self._over = True  # whatever becomes of it, there is one try
        with contextlib.suppress(OSError, RuntimeError):  # no more processes: a run needs no count
            process = self._launcher.take(COUNT_PROGRAM)
            child: Child[SourceRecipe, Counted] = Child(process, self._receive, lambda _: None)
            child.let_end()
            child.write(self._recipe)
            self._child = child

    def _receive(self, counted: Counted) -> None:
        self._counted = counted
