"""A selector that sums up for how long it has waited."""

from __future__ import annotations

import selectors
import time
from typing import TypeAlias

_Events: TypeAlias = list[tuple[selectors.SelectorKey, int]]


class TimedSelector(selectors.DefaultSelector):
    """The system's best selector; one thread calls `select`, any thread `waited`."""

    def __init__(self) -> None:
        super().__init__()
        self._waited = 0.0
        self._began = 0.0
        """When the present wait began; 0: there is none."""

    def select(self, timeout: float | None = None) -> _Events:
        """Return events as every selector does."""
        if timeout == 0:
            return super().select(timeout)
        began = self._began = time.monotonic()
        events = super().select(timeout)
        self._began = 0.0
        self._waited += time.monotonic() - began
        return events

    def waited(self) -> float:
        """Return the seconds of all waits so far, the present one included."""
        began = self._began
        return self._waited + (time.monotonic() - began if began else 0.0)
