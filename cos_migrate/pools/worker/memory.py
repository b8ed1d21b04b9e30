"""The one bound on object data that the threads of a worker hold in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class MemoryBudget:
    """A number of bytes: taken before a body is read, given back when it has been sent."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._held = 0
        self._waiting = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free and hold them; more than there are takes all."""
        with self._changed:
            self._waiting += 1
            while not self._has_room(size):
                self._changed.wait()
            self._waiting -= 1
            self._held += size
        try:
            yield
        finally:
            self.give_back(size)

    def take(self, size: int) -> bool:
        """Hold `size` bytes if they are free and no thread waits for any; return whether it did."""
        with self._lock:
            if self._waiting or not self._has_room(size):
                return False
            self._held += size
            return True

    def give_back(self, size: int) -> None:
        """Free what `take` held."""
        with self._lock:
            self._held -= size
            if self._waiting:
                self._changed.notify_all()

    def allow(self, total: int) -> None:
        """Let at most `total` bytes be held; what is held already may be more."""
        with self._changed:
            self.total = total
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        return not self._held or self._held + size <= self.total
