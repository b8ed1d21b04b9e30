"""Objects that failed in an earlier run, which are tried beside what is new, not before it."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

from cos_migrate.model import SourceObject


class RetryQueue:
    """The objects of a run that failed before; they stand on no listed page."""

    def __init__(self, objects: Iterable[SourceObject]) -> None:
        self._waiting = collections.deque(objects)
        self.names = frozenset(obj.name for obj in self._waiting)
        """All of them, also those that are done."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __iter__(self) -> Iterator[SourceObject]:
        return iter(self._waiting)

    def take(self, room: int, threads: int, under_way: int, *, alone: bool) -> list[SourceObject]:
        """Remove and return those that the source can be asked about now.

        `room`: tasks that the pool takes, `threads`: those that it runs at once, `under_way`: the
        objects of this queue about which it asks now. Unless nothing else will come (`alone`) they
        use at most half of the threads: an object about which the source is silent must not hold
        up the others.
        """
        most = room if alone else min(room, max(1, threads // 2) - under_way)
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
