"""The load of each worker: tasks it has, and room for more."""

from __future__ import annotations

import collections
import time

from cos_migrate.pools.job import Job
from cos_migrate.pools.tasks import NumberedTask

_BACKLOG_SECONDS = 0.03
"""Seconds of work that a worker has queued beside what its threads do."""
_BACKLOG_MOST = 1024
_BIG_BACKLOG = 1
_RATE_EVERY = 0.05


class Load:
    """The tasks of one worker, and its room for more."""

    def __init__(self, job: Job) -> None:
        self.threads = (job.small_threads, job.big_threads)
        self.given = [0, 0]
        self.done = 0
        self.backlog = 2 * job.small_threads
        self.since = time.monotonic()
        self.generation = 0
        self.outbox: list[NumberedTask] = []
        self.limited = False
        self.allowed = self.threads
        self.apart: collections.deque[NumberedTask] = collections.deque()
        """Quarantined tasks, to send one at a time with nothing beside them."""
        self.alone = 0
        """Number of the quarantined task that was sent; 0: none."""

    @property
    def watched(self) -> bool:
        """Whether it has quarantined tasks."""
        return bool(self.alone or self.apart)

    def clear(self) -> None:
        """Empty it."""
        self.given, self.outbox, self.alone = [0, 0], [], 0
        self.apart.clear()

    def limit(self, ratio: float) -> None:
        """Use only this share of its threads; 1 uses all."""
        self.limited = ratio < 1
        small, big = (max(1, int(count * ratio)) if count else 0 for count in self.threads)
        self.allowed = (small, big)

    def room(self, big: int) -> int:
        """Return how many more tasks of a pool it can be given."""
        if self.watched:
            return 0
        backlog = 0 if self.limited else (_BIG_BACKLOG if big else self.backlog)
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


def share(job: Job, index: int, count: int) -> Job:
    """Return the share of one worker of `count`: threads and memory divided evenly."""

    def part(total: int) -> int:
        return total // count + (index < total % count)

    return job._replace(
        small_threads=part(job.small_threads),
        big_threads=part(job.big_threads),
        memory=job.memory // count,
    )
