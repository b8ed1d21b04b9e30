"""Objects that wait to be planned: found by the scan, failed before, or described meanwhile."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator

from cos_migrate.engine.retry_queue import RetryQueue
from cos_migrate.engine.rules import cos_path_of
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.unchanged import ComparedObject
from cos_migrate.model import Found, SourceObject, Target


class Backlog:
    """The queues of a run from which objects are planned."""

    def __init__(self, consumed: Callable[[], None]) -> None:
        """`consumed` is called once per batch of the scan, and lets it send another."""
        self.found: collections.deque[Found | ComparedObject] = collections.deque()
        self.described: collections.deque[Transfer] = collections.deque()
        """Objects listed without their size, which the source has described since."""
        self.refused_copies: collections.deque[Transfer] = collections.deque()
        """Objects that COS refused to copy; they are streamed instead."""
        self.restored: collections.deque[Transfer] = collections.deque()
        """Archived objects that can be read now."""
        self.retries = RetryQueue(())
        """Objects that failed in earlier runs."""
        self._batches: collections.deque[int] = collections.deque()
        self._consumed = consumed

    def __bool__(self) -> bool:
        return bool(
            self.found or self.retries or self.described or self.refused_copies or self.restored
        )

    def add(self, batch: list[Found | ComparedObject]) -> None:
        """Append a batch of the scan, without what is settled already."""
        if batch:
            self.found.extend(batch)
            self._batches.append(len(batch))
        else:
            self._consumed()

    def pop(self) -> None:
        """Remove and return the first object that the scan has found."""
        self.found.popleft()
        self._batches[0] -= 1
        if not self._batches[0]:
            self._batches.popleft()
            self._consumed()

    def cos_paths(self, target: Target) -> Iterator[str]:
        """Yield the target paths of all objects that wait."""
        for transfer in (*self.described, *self.refused_copies, *self.restored):
            yield transfer.cos_path
        for item in (*self.found, *self.retries):
            obj = item.obj if isinstance(item, ComparedObject) else item
            if isinstance(obj, SourceObject):
                yield cos_path_of(target, obj)
