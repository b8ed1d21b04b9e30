"""The sink for runs that no terminal shows: one line a minute about their progress."""

from __future__ import annotations

import time
from collections.abc import Callable

from cos_migrate.report.sinks import Progress, Sink
from cos_migrate.report.spelling import spell_size

_EVERY = 60.0
"""Seconds between two lines."""


class Heartbeat(Sink):
    """Writes a line at the start, then one a minute."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`write` takes a line without its newline."""
        self._write = write
        self._clock = clock
        self._next = float("-inf")
        self._since = clock()
        self._sent = self._size = 0

    def show_progress(self, progress: Progress) -> None:
        """Write a line when it is time."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + _EVERY
        seconds = max(now - self._since, 1.0)
        sent, size = progress.sent - self._sent, progress.bytes_passed - self._size
        total = progress.total
        known = f"{progress.known:,} listed so far" if total is None else f"{total:,}"
        self._write(
            f"heartbeat: {time.strftime('%Y-%m-%d %H:%M:%S')}, {progress.done:,} objects of "
            f"{known}, {progress.failed:,} failed; sent {sent / seconds:,.0f} objects/s, "
            f"{spell_size(size / seconds)}/s"
        )
        self._since, self._sent, self._size = now, progress.sent, progress.bytes_passed
