"""Watches the time window: whether transfers may start now, and the lines while they may not."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cos_migrate.config.values import TimeWindow

_LINES_EVERY = 60.0
"""Seconds between two announcements of the wait."""


class WindowWatch:
    """The state of a run's time window."""

    def __init__(self, window: TimeWindow) -> None:
        self.window = window
        self.is_open = True
        self._next_lines = 0.0

    @property
    def waiting(self) -> str:
        """What is waited for while the window is closed; empty while it is open."""
        return "" if self.is_open else f"time window [{self._times}]"

    @property
    def _times(self) -> str:
        return str(self.window).replace(",", ", ")

    def closes(self, now: float, local: time.struct_time) -> bool:
        """Update `is_open` by the local time; return whether it has just become false."""
        was_open = self.is_open
        self.is_open = self.window.contains(local.tm_hour * 60 + local.tm_min)
        closed = was_open and not self.is_open
        if closed:
            self._next_lines = now
        return closed

    def wait_lines(self, now: float, local: time.struct_time) -> Iterator[str]:
        """Yield the lines about the wait for the window, once a minute while it is closed."""
        if self.is_open or now < self._next_lines:
            return
        self._next_lines = now + _LINES_EVERY
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", local)
        yield f"currentTime {stamp}, wait next time window [{self._times}]"
        yield "-" * 69
