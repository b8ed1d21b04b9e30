"""Submits the tasks of objects to the pools."""

from __future__ import annotations

import time

from cos_migrate.engine.admission import Admission
from cos_migrate.engine.big_objects import BigObject, BigObjects
from cos_migrate.engine.collect import Collector
from cos_migrate.engine.task_table import TaskTable
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.upload_state import UploadState
from cos_migrate.pools.tasks import Task, TaskKind
from cos_migrate.report.report import Report


class Submitter:
    """Submits the tasks of objects; a `Collector` takes their results."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        admission: Admission,
        big_objects: BigObjects,
        collector: Collector,
        report: Report,
    ) -> None:
        self._tasks = tasks
        self._admission = admission
        self._big_objects = big_objects
        self._collector = collector
        self._report = report
        self._debugging = report.debugging

    def submit_small(self, transfer: Transfer, task: Task) -> None:
        """Submit the task of a small object."""
        if not transfer.began:
            transfer.began = time.monotonic()
        number = self._tasks.submit(task, transfer, self._collector.collect_small)
        self._admission.spend(task)
        if self._debugging:
            self._note(number, task, transfer)

    def submit_big(self) -> None:
        """Submit tasks of big objects: the oldest first, hashing a little ahead of sending."""
        big_objects = self._big_objects
        to_hash = big_objects.objects_to_hash()
        if to_hash:
            room = big_objects.hashed_at_once - self._tasks.count(TaskKind.DIGEST)
            for big in to_hash[: max(0, room)]:
                self._submit_next(big)
        for big in big_objects.under_way:
            state = big.upload.state
            while state.ready and not state.hashes_file and self._part_room(state) > 0:
                self._submit_next(big)

    def _submit_next(self, big: BigObject) -> None:
        task = big.upload.take_next_task()
        if task is None:
            return
        number = self._tasks.submit(
            task, big, self._collector.collect_big, group=big.upload.state.group
        )
        self._admission.spend(task)
        if self._debugging:
            self._note(number, task, big.transfer)

    def _note(self, number: int, task: Task, transfer: Transfer) -> None:
        name = "PutObject" if type(task) is tuple else type(task).__name__
        self._report.debug(f"task {number}: {name} {transfer.cos_path}")

    def _part_room(self, state: UploadState) -> int:
        """Return how many tasks of an upload may begin now."""
        room = self._admission.transfers(big=True, group=state.group)
        return min(room, self._admission.source_requests()) if state.reads_source else room
