"""The load of each worker: tasks it has, and room for more."""

from __future__ import annotations

import collections
import time

from cos_migrate.pools.job import Job
from cos_migrate.pools.tasks import NumberedTask

_BACKLOG_SECONDS = 0.03
"""Seconds of work that a worker has queued beside what its threads do."""
_BACKLOG_MOST = 1024
_BACKLOG_FIRST = 64
"""Small tasks, until the rate of the worker is known."""
_BIG_BACKLOG = 1
_RATE_EVERY = 0.05


class Load:
    """The tasks of one worker, and its room for more."""

    def __init__(self, job: Job) -> None:
        self.threads = (job.small_threads, job.big_threads)
        self.given = [0, 0]
        self.done = 0
        self.backlog = 2 * min(job.small_threads, _BACKLOG_FIRST)
        self.since = time.monotonic()
        self.generation = 0
        self.outbox: list[NumberedTask] = []
        self.allowed = self.threads
        self.quarantined: collections.deque[NumberedTask] = collections.deque()
        """Quarantined tasks, to send one at a time with nothing beside them."""
        self.alone = 0
        """Number of the quarantined task that was sent; 0: none."""

    @property
    def watched(self) -> bool:
        """Whether it has quarantined tasks."""
        return bool(self.alone or self.quarantined)

    def clear(self) -> None:
        """Empty it."""
        self.given, self.outbox, self.alone = [0, 0], [], 0
        self.quarantined.clear()

    def allow(self, small: int, big: int) -> None:
        """Use at most so many threads of the small and of the big pool."""
        self.allowed = (min(small, self.threads[0]), min(big, self.threads[1]))

    def room(self, big: int) -> int:
        """Return how many more tasks of a pool it can be given."""
        if self.watched:
            return 0
        backlog = _BIG_BACKLOG if big else self.backlog
        return (self.allowed[big] + backlog if self.allowed[big] else 0) - self.given[big]

    def fitness(self, big: int) -> tuple[bool, int]:
        """Sort key: prefer workers without quarantined tasks, then those with free slots."""
        return not self.watched, self.room(big)

    def measure(self, done: int) -> None:
        """Measure the rate of finished small tasks; `done` more are finished."""
        self.done += done
        now = time.monotonic()
        if now - self.since >= _RATE_EVERY:
            rate = self.done / (now - self.since)
            self.backlog = min(_BACKLOG_MOST, max(2, int(rate * _BACKLOG_SECONDS)))
            self.done, self.since = 0, now


def part_of(total: int, index: int, count: int) -> int:
    """Return the share of one worker of `count` in a total that is divided evenly."""
    return total // count + (index < total % count)


def share(job: Job, index: int, count: int) -> Job:
    """Return the share of one worker of `count`: threads and memory divided evenly."""
    return job._replace(
        small_threads=part_of(job.small_threads, index, count),
        big_threads=part_of(job.big_threads, index, count),
        memory=job.memory // count,
    )
