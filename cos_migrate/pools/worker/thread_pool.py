"""Threads that take items from one queue, started on demand."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Taker(Generic[T]):
    """Takes the items of one thread. A call waits for the next; the item before has then ended."""

    def __init__(self, pool: ThreadPool[T]) -> None:
        self._pool = pool
        self.is_working = False

    def __call__(self) -> T | None:
        """Return the next item; None: there will be no more."""
        return self._pool.take(self)

    def reserve(self, is_wanted: Callable[[T], bool]) -> T | None:
        """Reserve the item that waits first, for the next call; None: none that is wanted."""
        return self._pool.reserve(self, is_wanted)

    def give_back(self) -> bool:
        """Give back the reserved item, to any thread; return whether there was one."""
        return self._pool.give_back(self)


class ThreadPool(Generic[T]):
    """Up to a number of threads; each runs `serve` with the Taker of its items."""

    def __init__(self, most: int, serve: Callable[[Taker[T]], None]) -> None:
        """`serve` ends when its Taker returns None."""
        self._most = most
        self._allowed = most
        self._serve = serve
        self._changed = threading.Condition()
        self._items: collections.deque[T] = collections.deque()
        self._reserved: dict[Taker[T], T] = {}
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._closing = False

    def put(self, item: T) -> None:
        """Queue an item; start one more thread when all are busy."""
        with self._changed:
            self._items.append(item)
            wanted = min(self._busy + len(self._items), self._most)
            if len(self._threads) < wanted:
                thread = threading.Thread(target=self._serve, args=(Taker(self),), daemon=True)
                try:
                    thread.start()
                    self._threads.append(thread)
                except RuntimeError:  # the system gives no more: those that there are do it
                    if not self._threads:
                        raise
            self._changed.notify()

    def recall(self) -> list[T]:
        """Take back the items that no thread has begun with."""
        with self._changed:
            items = [*self._reserved.values(), *self._items]
            self._reserved.clear()
            self._items.clear()
            self._changed.notify_all()
            return items

    def allow(self, most: int) -> None:
        """Let at most `most` threads work at once."""
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

    def take(self, taker: Taker[T]) -> T | None:
        """Wait for the next item of a thread; None: there will be no more."""
        with self._changed:
            if taker.is_working:
                self._busy -= 1
                taker.is_working = False
                if self._reserved:  # who can go on is known to each thread alone
                    self._changed.notify_all()
                else:
                    self._changed.notify()
            while True:
                has_item = taker in self._reserved or bool(self._items)
                if has_item and self._busy < self._allowed:
                    break
                if self._closing and not has_item:
                    return None
                self._changed.wait()
            self._busy += 1
            taker.is_working = True
            return self._reserved.pop(taker) if taker in self._reserved else self._items.popleft()

    def reserve(self, taker: Taker[T], is_wanted: Callable[[T], bool]) -> T | None:
        """Reserve the item that waits first, as `Taker.reserve` says."""
        with self._changed:
            if taker in self._reserved or not self._items or not is_wanted(self._items[0]):
                return None
            item = self._reserved[taker] = self._items.popleft()
            return item

    def give_back(self, taker: Taker[T]) -> bool:
        """Give back the item reserved for `taker`, to any thread; return whether there was one."""
        with self._changed:
            if taker not in self._reserved:
                return False
            self._items.appendleft(self._reserved.pop(taker))
            self._changed.notify()
            return True
