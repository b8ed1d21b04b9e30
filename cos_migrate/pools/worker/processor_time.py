"""Reports how much processor time a worker process has used."""

from __future__ import annotations

import time

from cos_migrate.pools.results import PROCESSOR, Result

_EVERY = 0.05
"""Seconds between two reports."""


class ProcessorTime:
    """The processor time of this process that was not reported yet."""

    def __init__(self) -> None:
        self._reported = time.process_time()
        self._next = time.monotonic() + _EVERY

    def due(self, now: float) -> list[Result]:
        """Return a report where one is due at time.monotonic() `now`."""
        if now < self._next:
            return []
        self._next = now + _EVERY
        before, self._reported = self._reported, time.process_time()
        return [(0, PROCESSOR, self._reported - before)]
