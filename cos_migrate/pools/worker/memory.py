"""The one bound on object data that the threads of a worker hold in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class MemoryBudget:
    """A number of bytes: taken before a body is read, given back when it has been sent."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._left = total
        self._waiting = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free and hold them; more than there are takes all."""
        share = min(size, self.total)
        with self._changed:
            self._waiting += 1
            while self._left < share:
                self._changed.wait()
            self._waiting -= 1
            self._left -= share
        try:
            yield
        finally:
            self.give_back(size)

    def take(self, size: int) -> bool:
        """Hold `size` bytes if they are free and no thread waits for any; return whether it did."""
        share = min(size, self.total)
        with self._lock:
            if self._waiting or self._left < share:
                return False
            self._left -= share
            return True

    def give_back(self, size: int) -> None:
        """Free what `take` held."""
        with self._lock:
            self._left += min(size, self.total)
            if self._waiting:
                self._changed.notify_all()
