"""The load of each worker: tasks it has, and room for more."""

from __future__ import annotations

import collections
import time

from cos_migrate.pools.job import Job
from cos_migrate.pools.tasks import NumberedTask
from cos_migrate.pools.worker.commands import AllowTransfers

_BACKLOG_SECONDS = 0.03
"""Seconds of work that a worker has queued beside the transfers that it makes."""
_BACKLOG_MOST = 1024
_BACKLOG_FIRST = 64
"""Small tasks, until the rate of the worker is known."""
_BIG_BACKLOG = 1
"""Tasks of big objects queued beside those that are carried out."""
_RATE_EVERY = 0.05


class WorkerLoad:
    """The tasks of one worker, and its room for more.

    Pairs belong to the small and to the big pool.
    """

    def __init__(self, job: Job) -> None:
        """`job`: this worker's share."""
        self.first = AllowTransfers(job.small_transfers, job.big_transfers, job.memory)
        """What it may do when it is started."""
        self.most = self.first[:2]
        """Transfers that it was ever allowed to make at once."""
        self.allowed = self.first
        """What it may do now."""
        self.given = [0, 0]
        """Tasks that it has."""
        self.done = 0
        self.backlog = 2 * min(job.small_transfers, _BACKLOG_FIRST)
        """Small tasks that it may have queued."""
        self._requests_ahead = not job.source.is_local
        self.since = time.monotonic()
        self.generation = 0
        """How many workers were lost in this place."""
        self.outbox: list[NumberedTask] = []
        """Tasks to send to it, counted in `given`."""
        self.quarantined: collections.deque[NumberedTask] = collections.deque()
        """Quarantined tasks, to send one at a time with nothing beside them."""
        self.alone = 0
        """Number of the quarantined task that was sent; 0: none."""

    @property
    def has_quarantined(self) -> bool:
        """Whether the worker has quarantined tasks."""
        return bool(self.alone or self.quarantined)

    @property
    def under_way(self) -> int:
        """Tasks that were sent to it and have no result."""
        return sum(self.given) - len(self.outbox) - len(self.quarantined)

    def clear(self) -> None:
        """Forget the tasks of a worker that is lost."""
        self.given, self.outbox, self.alone = [0, 0], [], 0
        self.quarantined.clear()

    def allow(self, allowed: AllowTransfers) -> None:
        """Allow it other numbers of transfers."""
        self.allowed = allowed
        self.most = (max(self.most[0], allowed.small), max(self.most[1], allowed.big))

    @property
    def _big_backlog(self) -> int:
        """Tasks of big objects that it may have queued: threads begin with some of them ahead."""
        return max(_BIG_BACKLOG, self.allowed.big // 2) if self._requests_ahead else _BIG_BACKLOG

    def room(self, big: int) -> int:
        """Return how many more tasks of a pool the worker can be given."""
        allowed = self.allowed[big]
        if not allowed or self.alone or self.quarantined:
            return 0 if self.has_quarantined else -self.given[big]
        return allowed + (self._big_backlog if big else self.backlog) - self.given[big]

    def fitness(self, big: int) -> tuple[bool, int]:
        """Sort key: prefer workers without quarantined tasks, then those with free slots."""
        return not self.has_quarantined, self.room(big)

    def measure(self, done: int) -> None:
        """Update the worker's rate of small tasks a second; `done` more have ended."""
        self.done += done
        now = time.monotonic()
        if now - self.since >= _RATE_EVERY:
            rate = self.done / (now - self.since)
            self.backlog = min(_BACKLOG_MOST, max(2, int(rate * _BACKLOG_SECONDS)))
            self.done, self.since = 0, now
