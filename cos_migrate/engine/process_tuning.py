"""Lets the number of worker processes of a pass follow its load."""

from __future__ import annotations

from cos_migrate.engine.process_tuner import ProcessTuner, Work
from cos_migrate.pools.pools import Pools

_BOUND_FOR = 2.0
"""Seconds for which a big object may have no task while it is under way."""


class ProcessTuning:
    """The number of worker processes of a pass."""

    def __init__(self, pools: Pools, number: int) -> None:
        """Begin with `number` processes in use."""
        self._pools = pools
        self._tuner = ProcessTuner(number, pools.workers)
        self._big_seen = float("-inf")
        self._counted = 0
        self.busy = 0.0
        """Seconds for which the processes were busy, as reported since the last look."""
        self.ended = 0
        """Tasks that have ended since the last look."""
        pools.use_workers(number)

    def adjust(self, now: float, seconds: float, size: int, *, has_more: bool) -> list[str]:
        """Judge the last `seconds`; return a line for a lasting change.

        `size`: bytes moved so far. `has_more`: whether nothing but the workers holds work back.
        """
        if self._pools.count_tasks(big=True):
            self._big_seen = now
        is_bound = now - self._big_seen < _BOUND_FOR
        moved, self._counted = size - self._counted, size
        work = Work(seconds, self.ended, moved, self.busy, has_more, is_bound)
        self.ended, self.busy = 0, 0.0
        change = self._tuner.feed(work)
        if self._tuner.number != self._pools.workers_in_use:
            self._pools.use_workers(self._tuner.number)
        return [f"worker processes: {change.number}, {change.reason}"] if change else []
