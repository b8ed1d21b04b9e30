"""What a run has sent over time, by size and by duration, in bounded memory."""

from __future__ import annotations

import collections
import heapq
from collections.abc import Sequence
from typing import NamedTuple

from cos_migrate.model import Outcome

_INTERVALS_MOST = 240
_FIRST_SECONDS = 0.5
"""Length of an interval at first; it doubles whenever there would be more than the limit."""
_SLOWEST_MOST = 20
_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
SIZE_BOUNDS = (1, 4 * _KIB, 64 * _KIB, _MIB, 16 * _MIB, 256 * _MIB, 4 * _GIB)
"""Bytes: each class of sizes ends below its bound; the last one has none."""


class Totals(NamedTuple):
    """What a run has done up to a moment: objects and bytes sent, and failures."""

    objects: float = 0
    """Objects that were sent; a fraction between two looks at the run."""
    size: float = 0
    """Bytes that have passed, as in Progress."""
    failed: int = 0


class Rate(NamedTuple):
    """What a run did in one interval: objects and bytes a second, and failures."""

    objects: float
    """Objects a second."""
    size: float
    """Bytes a second."""
    failed: int
    """Failures in the whole interval."""


class SizeClass(NamedTuple):
    """The objects sent whose sizes lie within bounds."""

    least: int
    """Bytes, inclusive."""
    below: int
    """Bytes, exclusive; 0: no limit."""
    objects: int
    size: int
    """Bytes of all of them."""


class Slow(NamedTuple):
    """An object that took long to send, with its size and seconds."""

    seconds: float
    cos_path: str
    size: int
    """Bytes."""


class Throughput:
    """The totals of a run at the ends of at most 240 intervals of equal length."""

    def __init__(self) -> None:
        self.seconds_each = _FIRST_SECONDS
        self._ends: list[Totals] = [Totals()]
        self._noted = 0.0
        """Time of the last note; the totals of that moment are the last end."""

    def note(self, elapsed: float, totals: Totals) -> None:
        """Note the totals `elapsed` seconds after the start; calls come in the order of time.

        What was sent since the last call counts as sent evenly.
        """
        while (index := int(elapsed / self.seconds_each)) >= _INTERVALS_MOST:
            self._ends = self._ends[1::2] + self._ends[len(self._ends) & ~1 :]
            self.seconds_each *= 2
        ends, before = self._ends, self._ends[-1]
        while len(ends) <= index:
            passed = len(ends) * self.seconds_each - self._noted
            share = min(1.0, passed / max(elapsed - self._noted, 1e-9))
            objects = before.objects + share * (totals.objects - before.objects)
            size = before.size + share * (totals.size - before.size)
            ends[-1] = Totals(objects, size, before.failed)
            ends.append(before)
        ends[-1] = totals
        self._noted = elapsed

    def rates(self) -> list[Rate]:
        """Return the rate of each interval; the last one may be shorter than the others."""
        rates, before = [], Totals()
        for end in self._ends:
            objects, size = end.objects - before.objects, end.size - before.size
            each = self.seconds_each
            rates.append(Rate(objects / each, size / each, end.failed - before.failed))
            before = end
        return rates


class SentObjects:
    """The objects that were sent, by size, and the slowest of them."""

    def __init__(self) -> None:
        # By bit length: two dictionary updates an object.
        self._objects: collections.defaultdict[int, int] = collections.defaultdict(int)
        self._bytes: collections.defaultdict[int, int] = collections.defaultdict(int)
        self._slowest: list[Slow] = []

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Add objects that were sent."""
        objects, sizes, slowest = self._objects, self._bytes, self._slowest
        for outcome in outcomes:
            size = outcome.size
            bits = size.bit_length()
            objects[bits] += 1
            sizes[bits] += size
        floor = slowest[0][0] if len(slowest) >= _SLOWEST_MOST else 0.0
        for outcome in [outcome for outcome in outcomes if outcome.seconds > floor]:
            if outcome.seconds > floor:
                floor = self._add_slow(Slow(outcome.seconds, outcome.cos_path, outcome.size))

    def _add_slow(self, slow: Slow) -> float:
        """Keep an object among the slowest; return the seconds from which more are kept."""
        slowest = self._slowest
        if len(slowest) < _SLOWEST_MOST:
            heapq.heappush(slowest, slow)
            return 0.0
        heapq.heappushpop(slowest, slow)
        return slowest[0].seconds

    def size_classes(self) -> list[SizeClass]:
        """Return all classes of sizes, the smallest first."""
        classes, least = [], 0
        for below in (*SIZE_BOUNDS, 0):
            bits = [each for each in self._objects if _is_within(each, least, below)]
            objects = sum(self._objects[each] for each in bits)
            classes.append(
                SizeClass(least, below, objects, sum(self._bytes[each] for each in bits))
            )
            least = below
        return classes

    def slowest(self) -> list[Slow]:
        """Return the slowest objects, the slowest first."""
        return sorted(self._slowest, reverse=True)


def _is_within(bits: int, least: int, below: int) -> bool:
    """Return whether sizes of a bit length belong to a class, whose bounds are powers of two."""
    smallest = 1 << (bits - 1) if bits else 0
    return smallest >= least and (not below or smallest < below)
