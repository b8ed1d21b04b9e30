"""Watches the time window and pauses: whether transfers may start now, and the lines about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from cos_migrate.config.values import TimeWindow

_LINES_EVERY = 60.0
"""Seconds between two announcements of the wait."""


def never() -> bool:
    """Return False: there is no way to pause."""
    return False


class WindowWatch:
    """The state of a run's time window, and whether the user has paused the run."""

    def __init__(self, window: TimeWindow, is_paused: Callable[[], bool] = never) -> None:
        self.window = window
        self.is_open = True
        """Whether transfers may start: it is time, and not paused."""
        self._is_paused = is_paused
        self._paused = False
        self._is_time = True
        self._next_lines = 0.0

    @property
    def waiting(self) -> str:
        """What is waited for while no transfer may start; otherwise empty."""
        if self._paused:
            return "paused"
        return "" if self.is_open else f"time window [{self._times}]"

    @property
    def _times(self) -> str:
        return str(self.window).replace(",", ", ")

    def closes(self, now: float, local: time.struct_time) -> bool:
        """Look whether transfers may start at this time; return whether that has just ended."""
        was_open, was_time = self.is_open, self._is_time
        self._is_time = self.window.contains(local.tm_hour * 60 + local.tm_min)
        self.is_open = self._is_time and not self._paused
        if was_time and not self._is_time:
            self._next_lines = now
        return was_open and not self.is_open

    def pause_lines(self) -> Iterator[str]:
        """Look whether the run is paused; yield a line when that has changed."""
        paused = self._is_paused()
        if paused != self._paused:
            self._paused = paused
            yield "paused: no new transfer begins" if paused else "resumed"

    def wait_lines(self, now: float, local: time.struct_time) -> Iterator[str]:
        """Yield the lines about the wait for the window, once a minute while it is closed."""
        if self._is_time or now < self._next_lines:
            return
        self._next_lines = now + _LINES_EVERY
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", local)
        yield f"currentTime {stamp}, wait next time window [{self._times}]"
        yield "-" * 69
