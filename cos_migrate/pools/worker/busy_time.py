"""Reports how busy a worker process is."""

from __future__ import annotations

import time
from collections.abc import Callable

from cos_migrate.pools.results import BUSY, Result

_EVERY = 0.05
"""Seconds between two reports."""


class BusyTime:
    """The time for which this process was busy and that was not reported yet.

    That is its processor time. An event loop that never waits is busy all the time, also where
    other processes leave it less than a core.
    """

    def __init__(self) -> None:
        self._reported = time.monotonic()
        self._processor = time.process_time()
        self._waited = 0.0
        self.waited: Callable[[], float] | None = None
        """Returns the seconds for which the event loop has waited so far."""

    def due(self, now: float) -> list[Result]:
        """Return a report where one is due at time.monotonic() `now`."""
        seconds = now - self._reported
        if seconds < _EVERY:
            return []
        self._reported = now
        before, self._processor = self._processor, time.process_time()
        busy = self._processor - before
        if self.waited:
            waited, self._waited = self._waited, self.waited()
            busy = max(busy, seconds - (self._waited - waited))
        return [(0, BUSY, busy)]
