"""When objects that are being restored are looked at again, and which need no look.

Bookkeeping that sends nothing. Restores usually end in the order of their requests: so once some
looks have shown how long they take, small objects are taken for readable after that time, until one
proves archived still.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections.abc import Callable, Iterator

from cos_migrate.engine.transfer import Transfer

_SENTINELS = 16
"""Objects that are looked at at short intervals."""
_WOKEN = 2
"""Objects that are looked at because another one has become readable."""
_TRUSTED_FROM = 4
"""Looks in a row that find an object readable, before others are taken for readable."""
_MARGIN = 0.25
"""Seconds by which these must have been pending longer: answers take time too."""
_TAKEN_WITHIN = 60.0
"""Seconds after which an object that should have been taken for readable is looked at after all."""
_STRIDE_MOST = 64
"""Objects from one look to the next, at most."""
_UNLOOKED_FIRST, _UNLOOKED_MOST = 4, 512
"""Objects that may be on their way at once without a look; one more for each that was readable."""
_SCANNED_MOST = 1024
"""Objects among which those are found that need no look."""
_UNLOOKED_SIZE_MOST = 1 << 20
"""Bytes up to which a look costs about as much as a vain try to read an object."""


class Restore:
    """An object that has to be readable before it can be sent."""

    __slots__ = (
        "asked",
        "is_sentinel",
        "needs_look",
        "next_look",
        "storage_class",
        "transfer",
        "under_way",
    )

    def __init__(self, transfer: Transfer, *, needs_look: bool) -> None:
        """`needs_look`: whether it must not be taken for readable without a look."""
        self.transfer = transfer
        self.needs_look = needs_look or not 0 <= self.size <= _UNLOOKED_SIZE_MOST
        self.storage_class = ""
        self.asked = 0.0
        """When its restore was requested, seconds since 1970; 0: it has not been."""
        self.next_look = 0.0
        self.is_sentinel = self.under_way = False

    @property
    def size(self) -> int:
        """Its bytes; -1: not known."""
        return self.transfer.obj.fingerprint.size


class RestoreLooks:
    """The objects whose restores are pending, and when each is looked at again."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` has the time of day, `timer` that of looks."""
        self._clock, self._timer = clock, timer
        self._pending: dict[Restore, None] = {}
        """In the order of their requests."""
        self._times: list[tuple[float, int, Restore]] = []
        """A heap; an entry counts as long as it has the time in `next_look`."""
        self._order = itertools.count()
        self._sentinels = 0
        self._readable_in_row = 0
        self._least_age = math.inf
        """Seconds after which the youngest of those was readable."""
        self._stride = 1
        self._unlooked_most = _UNLOOKED_FIRST

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[Restore]:
        return iter(self._pending)

    def __contains__(self, restore: Restore) -> bool:
        return restore in self._pending

    def put(self, restore: Restore, at: float) -> None:
        """Look at an object at the time `at` of the timer."""
        restore.next_look = at
        heapq.heappush(self._times, (at, next(self._order), restore))

    def put_next(self, restore: Restore) -> None:
        """Look again after a share of the time for which the restore has been pending."""
        self._pending[restore] = None
        share = 1.0
        if not restore.is_sentinel and self._sentinels < _SENTINELS:
            restore.is_sentinel = True
            self._sentinels += 1
            share = self._sentinels / _SENTINELS  # so that one is looked at after the other
        age = max(0.0, self._clock() - restore.asked)
        if restore.is_sentinel:
            seconds = share * min(max(age / 20, 1.0), 300.0)
        else:
            seconds = min(max(age / 2, 60.0), 3600.0)
        self.put(restore, self._timer() + seconds)

    def pop_due(self) -> Restore | None:
        """Remove and return an object to look at now; None: there is none."""
        now = self._timer()
        while self._times and self._times[0][0] <= now:
            at, _, restore = heapq.heappop(self._times)
            if at != restore.next_look or restore.under_way:
                continue
            if self._waits_for_look(restore) or restore.is_sentinel:
                return restore
            self.put(restore, now + _TAKEN_WITHIN)
        return None

    @property
    def _is_trusted(self) -> bool:
        """Whether objects are taken for readable once they have been pending for long enough."""
        return self._readable_in_row >= _TRUSTED_FROM

    def _waits_for_look(self, restore: Restore) -> bool:
        """Return whether an object is not sent before a look has found it readable."""
        return restore.needs_look or not self._is_trusted

    def note_readable(self, restore: Restore, looks: int) -> None:
        """Look at others of the pending ones, since this one of them can be read.

        `looks`: how many are under way.
        """
        self.forget(restore)
        self._readable_in_row += 1
        self._least_age = min(self._least_age, self._clock() - restore.asked)
        self._wake(looks)
        self._stride = min(2 * self._stride, _STRIDE_MOST)

    def note_pending(self, restore: Restore) -> None:
        """Note that a look has found an object that is still being restored."""
        self._stride = 1
        if self._clock() - restore.asked >= self._least_age:
            self.distrust()

    def distrust(self) -> None:
        """Look at each object for now: restores do not end in their order."""
        self._readable_in_row, self._least_age, self._stride = 0, math.inf, 1
        self._unlooked_most = _UNLOOKED_FIRST

    def confirm(self) -> None:
        """Note that an object which was taken for readable was."""
        self._unlooked_most = min(self._unlooked_most + 1, _UNLOOKED_MOST)

    def take_unlooked(self, under_way: int) -> list[Restore]:
        """Remove and return objects that have been pending for long enough.

        `under_way`: how many of those returned before are still on their way.
        """
        most = self._unlooked_most - under_way
        if not self._is_trusted or most <= 0:
            return []
        latest = self._clock() - self._least_age - _MARGIN
        found: list[Restore] = []
        for restore in itertools.islice(self._pending, _SCANNED_MOST):
            if restore.asked > latest or len(found) >= most:
                break
            if not (restore.needs_look or restore.under_way):
                found.append(restore)
        for restore in found:
            self.forget(restore)
        return found

    def forget(self, restore: Restore) -> None:
        """Look at an object no more."""
        self._pending.pop(restore, None)
        restore.next_look = 0.0
        if restore.is_sentinel:
            restore.is_sentinel = False
            self._sentinels -= 1

    def clear(self) -> None:
        """Look at no object any more."""
        for restore in list(self._pending):
            self.forget(restore)

    def _wake(self, looks: int) -> None:
        """Look at objects now, each so many behind the one before that is looked at."""
        now, stride, gap, left = self._timer(), self._stride, 0, _WOKEN
        near = itertools.islice(self._pending, _SCANNED_MOST if self._is_trusted else None)
        others = filter(self._waits_for_look, near)
        other = None
        for other in itertools.islice(others, stride * (looks + _WOKEN)):
            if other.under_way or other.next_look <= now:
                gap = 0
                continue
            gap += 1
            if gap == stride:
                self.put(other, now)
                gap, left = 0, left - 1
                if not left:
                    return
        if gap and other is not None and left == _WOKEN:
            self.put(other, now)  # the last one, closer than the stride
