"""How many tasks may begin now: as many as the pools, COS, the source and running probes allow."""

from __future__ import annotations

import time

from cos_migrate.engine.probes import Probes
from cos_migrate.engine.streak import FailureStreak
from cos_migrate.engine.task_table import TaskTable
from cos_migrate.engine.throttle import RequestRates
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.tasks import Task, TaskKind, reads_source

_NOT_AT_COS = (
    TaskKind.DIGEST,
    TaskKind.HEAD_SOURCE,
    TaskKind.LOOK_AT_RESTORE,
    TaskKind.RESTORE_OBJECT,
)
"""Tasks that send no request to COS."""


class Admission:
    """The room for further tasks in one pass."""

    def __init__(
        self,
        *,
        pools: Pools,
        tasks: TaskTable,
        streak: FailureStreak,
        probes: Probes,
        rates: RequestRates,
    ) -> None:
        self._pools = pools
        self._tasks = tasks
        self._streak = streak
        self._probes = probes
        self._rates = rates

    def transfers(self, *, big: bool, group: str = "") -> int:
        """Return how many requests to COS a pool may begin now.

        `group`: as in `Pools.room`.
        """
        if self._probes.pending:
            return 0
        room = self._pools.room(big=big, group=group)
        if not room:
            return 0
        if not self._streak.proven:
            # The first transfer goes alone: it shows what would fail for all.
            elsewhere = sum(map(self._tasks.count, _NOT_AT_COS))
            room = int(self._pools.under_way == elsewhere)
        return min(room, self._rates.cos.room(time.monotonic()))

    def source_requests(self) -> int:
        """Return how many requests the source, which may have asked to slow down, may get now."""
        return self._rates.source.room(time.monotonic())

    def spend(self, task: Task) -> None:
        """Count a task where rates are limited: a request to COS, and to the source it reads."""
        if self._rates.are_limited:
            self._rates.cos.spend(1)
            if reads_source(task):
                self._rates.source.spend(1)
