"""Divides transfers and memory among the workers that are in use."""

from __future__ import annotations

from collections.abc import Sequence

from cos_migrate import descriptors
from cos_migrate.pools.job import Job, share_of
from cos_migrate.pools.worker.commands import AllowTransfers

_NOTHING = AllowTransfers(0, 0, 0)
_UNLIMITED = 1 << 30


class Division:
    """The totals of all workers, and the share of each."""

    def __init__(
        self, job: Job, workers: int, most_each: tuple[int, int] = (_UNLIMITED, _UNLIMITED)
    ) -> None:
        """`job` holds the totals; all `workers` are in use.

        `most_each`: small and big transfers that one worker makes at most.
        """
        self._small_most, self._big_most = most_each
        self._small, self._big = job.small_transfers, job.big_transfers
        self._memory = job.memory
        self._most_each = descriptors.transfers_of_process(descriptors.limit())
        self._workers = workers
        self._absent: set[int] = set()
        """Places without a worker, which get no share while another has one."""
        self.in_use = workers
        """How many workers, from the first on, get a share."""

    def allow(self, small: int, big: int) -> None:
        """Divide other numbers of transfers, among more workers where one has no room for them."""
        self._small, self._big = small, big
        while self.in_use < self._workers and not self._fits():
            self.in_use += 1

    def use(self, workers: int) -> None:
        """Divide among `workers`, or more where they have no room for all transfers."""
        self.in_use = workers
        self.allow(self._small, self._big)

    def grow(self) -> None:
        """Divide among one more worker."""
        self._workers += 1
        self.in_use += 1

    def note_presence(self, index: int, *, is_there: bool) -> None:
        """Note whether a place has a worker."""
        (self._absent.discard if is_there else self._absent.add)(index)

    def vacant(self) -> int:
        """Return the first place without a worker; -1: there is none."""
        return min(self._absent, default=-1)

    def share(self, index: int) -> AllowTransfers:
        """Return the share of a worker."""
        places: Sequence[int] = range(self.in_use)
        if self._absent:
            places = [each for each in places if each not in self._absent] or [0]
        if index not in places:
            return _NOTHING
        rank, count = places.index(index), len(places)
        small, big = share_of(self._small, rank, count), share_of(self._big, rank, count)
        small, big = min(small, self._small_most), min(big, self._big_most)
        return AllowTransfers(small, big, self._memory // count)

    def _fits(self) -> bool:
        """Return whether each worker in use has descriptors for its share."""
        small, big, _ = self.share(0)
        return small + big <= self._most_each
