"""Threads that take items from one queue, started on demand."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class ThreadPool(Generic[T]):
    """Up to a number of threads; each runs `serve` with a function that waits for its next item."""

    def __init__(self, most: int, serve: Callable[[Callable[[], T | None]], None]) -> None:
        """`serve` ends when the function it is given returns None."""
        self._most = most
        self._allowed = most
        self._serve = serve
        self._changed = threading.Condition()
        self._items: collections.deque[T] = collections.deque()
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._closing = False

    def put(self, item: T) -> None:
        """Queue an item; start one more thread when all are busy."""
        with self._changed:
            self._items.append(item)
            wanted = min(self._busy + len(self._items), self._most)
            if len(self._threads) < wanted:
                thread = threading.Thread(target=self._serve, args=(self._taker(),), daemon=True)
                try:
                    thread.start()
                    self._threads.append(thread)
                except RuntimeError:  # the system gives no more: those that there are do it
                    if not self._threads:
                        raise
            self._changed.notify()

    def recall(self) -> list[T]:
        """Take back the items that no thread has taken."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            return items

    def allow(self, most: int) -> None:
        """Let at most so many threads work at once."""
        with self._changed:
            self._allowed = most
            self._most = max(self._most, most)
            self._changed.notify_all()

    def close(self) -> None:
        """End all threads once the queue is empty."""
        with self._changed:
            self._closing = True
            self._allowed = self._most
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _taker(self) -> Callable[[], T | None]:
        """Return the function that takes the next item of a thread; a call ends the item before."""
        working = False

        def take() -> T | None:
            nonlocal working
            with self._changed:
                if working:
                    self._busy -= 1
                    working = False
                    self._changed.notify()
                while not self._items or self._busy >= self._allowed:
                    if self._closing and not self._items:
                        return None
                    self._changed.wait()
                self._busy += 1
                working = True
                return self._items.popleft()

        return take
