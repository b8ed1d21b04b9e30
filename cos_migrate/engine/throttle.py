"""The limit of transfers at once: halved when a side asks to slow down, then growing again.

Pure bookkeeping; the caller passes the time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

_HALVE_EVERY = 1.0
_GROW_EVERY = 3.0
_GROWTH = 1.25


class TransferLimit:
    """How many transfers of all workers together one side allows at once."""

    def __init__(self, total: int) -> None:
        """Allow all `total` transfers at first."""
        self.total = total
        self.allowed = total
        self._changed = float("-inf")

    def room(self, under_way: Callable[[], int]) -> int:
        """Return how many more transfers are allowed; `under_way` counts those of this side."""
        if self.allowed >= self.total:
            return sys.maxsize
        return max(0, self.allowed - under_way())

    def slow_down(self, now: float) -> bool:
        """Halve it, at most once a second; return whether it changed."""
        if now - self._changed < _HALVE_EVERY or self.allowed == 1:
            return False
        self.allowed = max(1, self.allowed // 2)
        self._changed = now
        return True

    def grow(self, now: float) -> bool:
        """Raise it a step if the side has not complained for a while; return whether it changed."""
        if self.allowed >= self.total or now - self._changed < _GROW_EVERY:
            return False
        self.allowed = min(self.total, int(self.allowed * _GROWTH) + 1)
        self._changed = now
        return True
