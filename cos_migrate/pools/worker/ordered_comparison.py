"""Checksums of whole objects whose parts are read several at a time.

Most checksums take bytes in order only. Bytes that are read before their turn are kept, up to a
limit; the parts of such an object are all read in one process.
"""

from __future__ import annotations

import collections
import heapq
import threading
import time
from collections.abc import Iterable

from cos_migrate.checksums import Check, RunningChecks
from cos_migrate.pools.results import AGREES

_AHEAD = 8 << 20
"""Bytes of an object kept because they were read before their turn."""
_PATIENCE = 30.0
"""Seconds to wait for bytes whose turn it is, before the comparison is given up."""
_OBJECTS = 64
"""Objects summed up at once; one that is never finished is forgotten in time."""


class OrderedComparison:
    """Compares one object, whose bytes come in any order, with its checksums."""

    def __init__(self, checks: Iterable[Check], size: int) -> None:
        """`size`: bytes of the whole object."""
        self._checking = RunningChecks(checks)
        self._size = size
        self._next = 0
        self._ahead: list[tuple[int, int, bytes]] = []
        self._kept = self._count = 0
        self._given_up = False
        self._changed = threading.Condition()

    def feed(self, offset: int, data: bytes) -> None:
        """Take bytes that stand at `offset`; bytes that were taken before are passed over."""
        with self._changed:
            if self._given_up:
                return
            self._count += 1
            heapq.heappush(self._ahead, (offset, self._count, data))
            self._kept += len(data)
            before = self._next
            while self._ahead and self._ahead[0][0] <= self._next:
                start, _, piece = heapq.heappop(self._ahead)
                self._kept -= len(piece)
                fresh = piece[self._next - start :]
                self._checking.update(fresh)
                self._next += len(fresh)
            if self._next > before:
                self._changed.notify_all()

    def wait(self, end: int) -> None:
        """Wait while too much is kept before the bytes up to `end` had their turn."""
        with self._changed:
            deadline = time.monotonic() + _PATIENCE
            while self._kept > _AHEAD and self._next < end and not self._given_up:
                before = self._next
                self._changed.wait(1.0)
                if self._next > before:
                    deadline = time.monotonic() + _PATIENCE
                elif time.monotonic() > deadline:
                    self._give_up()

    def give_up(self) -> None:
        """Compare nothing: some bytes will not come."""
        with self._changed:
            self._give_up()

    def result(self) -> str:
        """Return AGREES or the kind of a checksum that differs; empty: not known, or not yet."""
        with self._changed:
            if self._given_up or self._next < self._size:
                return ""
            return self._checking.first_difference() or AGREES

    def _give_up(self) -> None:
        self._given_up = True
        self._ahead.clear()
        self._kept = 0
        self._changed.notify_all()


class OrderedComparisons:
    """The comparisons under way in one process, by the id of the object's upload."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: collections.OrderedDict[str, OrderedComparison] = collections.OrderedDict()

    def of(self, upload_id: str, checks: Iterable[Check], size: int) -> OrderedComparison:
        """Return the comparison of an upload's object."""
        with self._lock:
            found = self._open.get(upload_id)
            if found is None:
                found = self._open[upload_id] = OrderedComparison(checks, size)
                if len(self._open) > _OBJECTS:
                    self._open.popitem(last=False)[1].give_up()
            return found

    def end(self, upload_id: str) -> None:
        """Forget an upload."""
        with self._lock:
            found = self._open.pop(upload_id, None)
        if found:
            found.give_up()
