"""Collects the results of tasks: settles small objects, advances big ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cos_migrate.engine.backlog import Backlog
from cos_migrate.engine.big_objects import BigObject, BigObjects
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.copying import Copying, is_copy_refusal
from cos_migrate.engine.plan import Planner
from cos_migrate.engine.probes import Probes
from cos_migrate.engine.streak import FailureStreak
from cos_migrate.engine.task_table import TaskTable
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.tuning import Tuning
from cos_migrate.model import Failure, Fingerprint
from cos_migrate.pools.results import (
    DESCRIBED,
    DONE,
    FAILED,
    SPOOLED,
    UNSTARTED,
    Content,
    ObjectStored,
    ResultKind,
    SourceHead,
    Spooled,
    TargetExists,
)
from cos_migrate.pools.tasks import (
    HEAD_SOURCE,
    CopyPart,
    NumberedTask,
    TaskKind,
    UploadPart,
)
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.report import Report
from cos_migrate.sources.mismatches import WARNED_OF_ONCE

if TYPE_CHECKING:  # few runs restore
    from cos_migrate.engine.restores import Restores

_OF_SOURCE = frozenset({TaskKind.DIGEST, TaskKind.STAT, TaskKind.HEAD_SOURCE, TaskKind.FETCH_RANGE})
"""Tasks that only use the source: their success proves nothing about COS."""
_OF_SOURCE_RESULTS = frozenset({SPOOLED, DESCRIBED})
"""Results of tasks that have sent nothing to COS."""
_READING = frozenset({TaskKind.PUT_OBJECT, TaskKind.UPLOAD_PART})
"""Tasks that read an object and send it."""
_LOOKING = frozenset({TaskKind.HEAD_TARGET, TaskKind.LIST_PARTS})
"""Tasks that write nothing to COS."""
_COPY_OBJECT = int(TaskKind.COPY_OBJECT)
_NO_SUCCESS = frozenset({UNSTARTED, FAILED})


class Collector:
    """Collects the results of tasks about objects."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        streak: FailureStreak,
        probes: Probes,
        committer: Committer,
        planner: Planner,
        big_objects: BigObjects,
        backlog: Backlog,
        spool: TempFiles,
        report: Report,
        tuning: Tuning,
        restores: Restores | None,
        copies: bool,
    ) -> None:
        """`copies`: whether COS can copy the objects of the source."""
        self._tasks = tasks
        self._streak = streak
        self._probes = probes
        self._committer = committer
        self._planner = planner
        self._copying: Copying = planner.copying
        self._big_objects = big_objects
        self._backlog = backlog
        self._spool = spool
        self._report = report
        self._restores = restores
        self._copies = copies
        self._warned: set[str] = set()
        """Warnings that a run gives only once and that were given."""
        self._small_traffic, self._part_traffic = tuning.small, tuning.big
        self._debugging = report.debugging

    def collect_big(
        self, big: BigObject, numbered: NumberedTask, kind: int, content: Content
    ) -> None:
        """Handle a result of a task of a big object."""
        if self._debugging:
            self._debug_result(numbered, kind, content)
        _, task_kind, task = numbered
        if isinstance(content, str):
            self._warn(big.transfer, content)
        elif isinstance(content, int):
            self._big_objects.note_progress(big, task, content)
        else:
            if kind not in _NO_SUCCESS:
                self._note_success(big.transfer, task_kind, kind)
                if isinstance(task, UploadPart | CopyPart):
                    self._part_traffic.objects += 1
                    self._part_traffic.size += task.length
            failure = self._big_objects.collect(big, task, kind, content)
            if failure:
                self.fail(big.transfer, failure)

    def _warn(self, transfer: Transfer, text: str) -> None:
        if text in WARNED_OF_ONCE:
            if text in self._warned:
                return
            self._warned.add(text)
        self._report.warn_of_object(transfer.cos_path, text)

    def _note_success(self, transfer: Transfer, kind: int, result_kind: int) -> None:
        if self._streak.steady and not self._copies:
            return
        if kind in _READING and self._copies:
            self._copying.note_streamed(transfer.cos_path)
        if kind in _OF_SOURCE or result_kind in _OF_SOURCE_RESULTS:
            self._streak.note_source_success()
        else:
            wrote = kind not in _LOOKING and result_kind == DONE
            self._streak.note_success(written=wrote, read=wrote and kind in _READING)

    def collect_small(
        self, transfer: Transfer, task: NumberedTask, kind: int, content: Content
    ) -> None:
        """Handle a result of the task of a small object."""
        if self._debugging:
            self._debug_result(task, kind, content)
        if kind != DONE:
            self._collect_unsent(transfer, task, kind, content)
            return
        _, task_kind, _ = task
        self._note_success(transfer, task_kind, kind)
        if task_kind == HEAD_SOURCE:
            if self._planner.add_description(transfer, *cast("SourceHead", content)):
                self._backlog.described.append(transfer)
            return
        if task_kind == _COPY_OBJECT:
            self._copying.note_copied()
        arrival: ObjectStored = content  # type: ignore[assignment]  # the result of a PUT or a copy
        request_id, unverified, crc64, size, mtime_ns, etag, cos_etag = arrival
        self._small_traffic.objects += 1
        self._small_traffic.size += size
        if (size, mtime_ns, etag) != transfer.obj.fingerprint:
            fingerprint = Fingerprint(size, mtime_ns, etag)
            transfer.obj = transfer.obj._replace(fingerprint=fingerprint)
        self._committer.settle_sent(transfer, request_id, unverified, crc64, cos_etag)

    def _collect_unsent(
        self, transfer: Transfer, task: NumberedTask, kind: int, content: Content
    ) -> None:
        """Handle any result but DONE."""
        _, task_kind, _ = task
        if isinstance(content, str):
            self._warn(transfer, content)
        elif isinstance(content, int):
            self._committer.note_progress(transfer, content)
        elif kind == UNSTARTED:
            self._tasks.give_back(task, transfer, self.collect_small)
        elif isinstance(content, Failure):
            if task_kind == _COPY_OBJECT and is_copy_refusal(content):
                self._copying.note_refused(transfer.cos_path)
                self._backlog.refused_copies.append(transfer)
            else:
                self.fail(transfer, content)
        else:
            self._note_success(transfer, task_kind, kind)
            if isinstance(content, TargetExists):
                self._committer.settle_existing(transfer, newer=content.is_newer)
            elif isinstance(content, Spooled):
                self._enqueue_spooled(transfer, content)

    def _enqueue_spooled(self, transfer: Transfer, spooled: Spooled) -> None:
        """Queue an object of unknown size that proved big, and lies in a temporary file."""
        path, fingerprint = spooled
        self._spool.adopt(transfer, path, fingerprint.size)
        transfer.obj = transfer.obj._replace(fingerprint=fingerprint, spooled=path)
        self._big_objects.enqueue(transfer)

    def fail(self, transfer: Transfer, failure: Failure) -> None:
        """Settle an object that failed; probe or stop where the failure may concern all objects.

        One that proves archived is restored, where that is wanted.
        """
        if self._restores is not None:
            if self._restores.retake(transfer, failure):
                return
            self._restores.uncount(transfer)
        self._committer.settle_failed(
            transfer.obj,
            transfer.cos_path,
            transfer.record_key,
            failure,
            listed_fingerprint=transfer.listed_fingerprint,
        )
        self._probes.note_failure(failure, transfer.cos_path)

    def _debug_result(self, task: NumberedTask, kind: int, content: Content) -> None:
        number, _, _ = task
        name = ResultKind(kind).name.lower().replace("_", " ")
        self._report.debug(f"result of {number}: {name} {content}")
