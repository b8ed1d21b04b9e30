"""Submits tasks to the pools, as far as the pools, COS and the source have room for them."""

from __future__ import annotations

import time

from cos_migrate.engine.big_object import MultipartUpload
from cos_migrate.engine.big_objects import BigObject, BigObjects
from cos_migrate.engine.collect import Collector
from cos_migrate.engine.probes import Probes
from cos_migrate.engine.streak import FailureStreak
from cos_migrate.engine.task_table import TaskTable
from cos_migrate.engine.throttle import RequestRates
from cos_migrate.engine.transfer import Transfer
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.tasks import Task, TaskKind, reads_source
from cos_migrate.report.report import Report


class Submitter:
    """Submits the tasks of objects; a `Collector` takes their results."""

    def __init__(
        self,
        pools: Pools,
        tasks: TaskTable,
        streak: FailureStreak,
        probes: Probes,
        rates: RequestRates,
        big_objects: BigObjects,
        collector: Collector,
        report: Report,
    ) -> None:
        self._pools = pools
        self._tasks = tasks
        self._streak = streak
        self._probes = probes
        self._rates = rates
        self._big_objects = big_objects
        self._collector = collector
        self._report = report
        self._debugging = report.debugging

    def room(self, *, big: bool) -> int:
        """Return how many transfers may be submitted to a pool now."""
        if self._probes.pending:
            return 0
        if not self._streak.proven:
            # The first transfer goes alone: it shows what would fail for all.
            elsewhere = self._tasks.count(TaskKind.DIGEST) + self._tasks.count(TaskKind.HEAD_SOURCE)
            return int(self._pools.under_way - elsewhere == 0)
        room = self._pools.room(big=big)
        return min(room, self._rates.cos.room(time.monotonic())) if room else 0

    def source_room(self) -> int:
        """Return how many more tasks may read the source, which may have asked to slow down."""
        return self._rates.source.room(time.monotonic())

    def submit(self, transfer: Transfer, task: Task) -> None:
        """Submit the task of a small object."""
        number = self._tasks.submit(task, transfer, self._collector.collect_small)
        if self._rates.are_limited:
            self._spend(task)
        if self._debugging:
            self._note(number, task, transfer)

    def submit_parts(self) -> None:
        """Keep the big pool busy: oldest objects first, hashing a little ahead of sending."""
        big_objects = self._big_objects
        to_hash = big_objects.objects_to_hash()
        if to_hash:
            room = big_objects.hashed_ahead - self._tasks.count(TaskKind.DIGEST)
            for big in to_hash[: max(0, room)]:
                self._submit_next(big)
        for big in big_objects.under_way:
            upload = big.upload
            while upload.ready and not upload.hashing and self._big_room(upload) > 0:
                self._submit_next(big)

    def _submit_next(self, big: BigObject) -> None:
        task = big.upload.next_task()
        if task is None:
            return
        number = self._tasks.submit(
            task, big, self._collector.collect_big, together=big.upload.in_order
        )
        self._spend(task)
        if self._debugging:
            self._note(number, task, big.transfer)

    def _spend(self, task: Task) -> None:
        """Count a task where rates are limited: as a request to COS, and to the source it reads."""
        self._rates.cos.spend(1)
        if reads_source(task):
            self._rates.source.spend(1)

    def _note(self, number: int, task: Task, transfer: Transfer) -> None:
        name = "PutObject" if type(task) is tuple else type(task).__name__
        self._report.debug(f"task {number}: {name} {transfer.cos_path}")

    def _big_room(self, upload: MultipartUpload) -> int:
        room = min(self.room(big=True), self._pools.room(big=True, together=upload.in_order))
        return min(room, self.source_room()) if upload.reads_source else room
