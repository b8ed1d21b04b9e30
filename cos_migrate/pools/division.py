"""Divides transfers and memory among the workers that are in use."""

from __future__ import annotations

from cos_migrate import descriptors
from cos_migrate.pools.job import Job, share_of
from cos_migrate.pools.worker.commands import AllowTransfers

_NOTHING = AllowTransfers(0, 0, 0)


class Division:
    """The totals of all workers, and the share of each."""

    def __init__(self, job: Job, workers: int) -> None:
        """`job` holds the totals; all `workers` are in use."""
        self._small, self._big = job.small_transfers, job.big_transfers
        self._memory = job.memory
        self._most_each = descriptors.transfers_of_process(descriptors.limit())
        self._workers = workers
        self.in_use = workers
        """How many workers, from the first on, get a share."""

    def allow(self, small: int, big: int) -> None:
        """Divide other numbers of transfers, among more workers where one has no room for them."""
        self._small, self._big = small, big
        while self.in_use < self._workers and not self._fits():
            self.in_use += 1

    def use(self, workers: int) -> None:
        """Divide among so many workers, or more where they have no room for all transfers."""
        self.in_use = workers
        self.allow(self._small, self._big)

    def share(self, index: int) -> AllowTransfers:
        """Return the share of a worker."""
        count = self.in_use
        if index >= count:
            return _NOTHING
        small, big = share_of(self._small, index, count), share_of(self._big, index, count)
        return AllowTransfers(small, big, self._memory // count)

    def _fits(self) -> bool:
        """Return whether each worker in use has descriptors for its share."""
        small, big, _ = self.share(0)
        return small + big <= self._most_each
