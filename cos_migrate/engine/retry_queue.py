"""Queue of the objects that failed in earlier runs; they are tried beside the listing."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

from cos_migrate.model import SourceObject


class RetryQueue:
    """Objects that failed before; they are on no listed page."""

    def __init__(self, objects: Iterable[SourceObject]) -> None:
        self._waiting = collections.deque(objects)
        self.names = frozenset(obj.name for obj in self._waiting)
        """Of all of them, those taken included."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __iter__(self) -> Iterator[SourceObject]:
        return iter(self._waiting)

    def take(self, room: int, threads: int, under_way: int, *, alone: bool) -> list[SourceObject]:
        """Remove and return the objects to ask the source about now.

        `room`: tasks that the pool accepts; `threads`: tasks that it runs at once; `under_way`:
        objects of this queue that it is asking about. Unless nothing else will come (`alone`) they
        use at most half of the threads: a source that does not answer must not hold up the rest.
        """
        most = room if alone else min(room, max(1, threads // 2) - under_way)
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
