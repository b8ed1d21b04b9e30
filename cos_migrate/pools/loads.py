"""What each worker of a pool has been given, and how much more it can be given."""

from __future__ import annotations

import collections
import time

from cos_migrate.pools.job import Job
from cos_migrate.pools.messages import Message

_BACKLOG_SECONDS = 0.03
"""A worker is given what it will do in so many seconds, besides what its threads hold."""
_BACKLOG_MOST = 1024
_BIG_BACKLOG = 1
_RATE_EVERY = 0.05


class Load:
    """What one worker has been given, and how much it can be given."""

    def __init__(self, job: Job) -> None:
        self.threads = (job.small_threads, job.big_threads)
        self.given = [0, 0]
        self.done = 0
        self.backlog = 2 * job.small_threads
        self.since = time.monotonic()
        self.generation = 0
        self.outbox: list[Message] = []
        self.limited = False
        self.allowed = self.threads
        self.apart: collections.deque[Message] = collections.deque()
        """Tasks that are sent one at a time, while nothing else is."""
        self.alone = 0
        """The number of the one that was sent so; 0: none was."""

    @property
    def watched(self) -> bool:
        """Whether it does tasks one at a time now."""
        return bool(self.alone or self.apart)

    def clear(self) -> None:
        """Note that it has nothing any more."""
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
        """Return what is greater for a worker that should rather be given a task."""
        return not self.watched, self.room(big)

    def measure(self, done: int) -> None:
        """Learn from `done` finished small tasks how fast it works."""
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
