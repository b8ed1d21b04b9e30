"""The loop of a pass that sends objects: submits their tasks, and commits the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cos_migrate.engine.backlog import Backlog
from cos_migrate.engine.big_object import MultipartUpload
from cos_migrate.engine.big_objects import BigObject, BigObjects
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.copying import copy_refused
from cos_migrate.engine.loop import Loop, PoolsMaker
from cos_migrate.engine.options import MigrationOptions
from cos_migrate.engine.planner import Planner
from cos_migrate.engine.probes import Probes
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.unchanged import RecordComparer
from cos_migrate.filters import Filters
from cos_migrate.model import (
    Failure,
    Fingerprint,
)
from cos_migrate.pools.results import (
    DESCRIBED,
    DONE,
    FAILED,
    SPOOLED,
    UNSTARTED,
    Arrival,
    Content,
    ResultKind,
    SourceHead,
    Spooled,
    TargetExists,
)
from cos_migrate.pools.tasks import (
    SMALL_KINDS,
    NumberedTask,
    Task,
    TaskKind,
    reads_source,
)
from cos_migrate.pools.temp_files import Spool
from cos_migrate.report.report import Report
from cos_migrate.scan.listing import Lister
from cos_migrate.scan.positions import Positions
from cos_migrate.scan.walk import ScanEnded, Scanned, Scanner
from cos_migrate.scan.walk_process import ProcessScanner
from cos_migrate.sources.base import Source
from cos_migrate.state.store import RecordStore
from cos_migrate.text import printable

AnyScanner = Scanner | ProcessScanner | Lister
ScannerMaker = Callable[[Callable[[Scanned | ScanEnded], None]], AnyScanner]
"""Makes what scans a source, given the function to post what it finds."""
_OF_SOURCE = frozenset({TaskKind.DIGEST, TaskKind.STAT, TaskKind.HEAD_SOURCE, TaskKind.FETCH_RANGE})
"""Tasks that touch the source only: they prove nothing about COS."""
_OF_SOURCE_RESULTS = frozenset({SPOOLED, DESCRIBED})
"""Results behind which nothing was sent to COS."""
_READING = frozenset({TaskKind.PUT_OBJECT, TaskKind.UPLOAD_PART})
"""Tasks that send what they read."""
_LOOKING = frozenset({TaskKind.HEAD_TARGET, TaskKind.LIST_PARTS})
"""Tasks that write nothing."""
_COPY_OBJECT = int(TaskKind.COPY_OBJECT)
_NO_SUCCESS = frozenset({UNSTARTED, FAILED})


class TransferLoop(Loop):
    """Owns all objects that are under way; subclasses plan which ones to send."""

    def __init__(
        self,
        options: MigrationOptions,
        source: Source,
        filters: Filters,
        state: RecordStore,
        report: Report,
        make_pools: PoolsMaker,
        make_scanner: ScannerMaker,
        spool: Spool,
        positions: Positions | None,
    ) -> None:
        """`positions`: those of a listing by pages; None for a walk."""
        super().__init__(options.window, options.reload_credentials, report, make_pools)
        self._source = source
        self._filters = filters
        self._spool = spool
        self._scanner = make_scanner(self._inbox.put)
        self._committer = Committer(source, state, report, positions)
        self._comparer = RecordComparer(source, state, self._committer)
        self._backlog = Backlog(self._scanner.consumed)
        self._big_objects = BigObjects(
            options.upload, options.copies, options.big_objects, self._committer, spool, report
        )
        self._planner = Planner(
            options, source, filters, self._committer, self._comparer, self._big_objects, report
        )
        self._copying = self._planner.copying
        self._probes = Probes(
            self._streak,
            self._chores,
            source.target.cos_path,
            stop=self._stop,
            known=self._known_paths,
            begun=self._committer.uploads.abandon_upload,
        )
        self._scan_over = False
        self._debugging = report.debugging

    def _known_paths(self) -> tuple[Iterable[str], bool]:
        """Return the target paths of the objects known and not settled; whether these are all."""
        entries = (*self._tasks.under_way.values(), *self._tasks.given_back)
        known = [subject.cos_path for (_, kind, _), subject, _ in entries if kind in SMALL_KINDS]
        known += self._backlog.cos_paths(self._source.target)
        return known + self._big_objects.cos_paths(), self._scan_over

    def _submit(self, transfer: Transfer, task: Task) -> None:
        number = self._tasks.submit(task, transfer, self._collect_small)
        if self._debugging:
            self._debug_task(number, task, transfer)

    def _debug_task(self, number: int, task: Task, transfer: Transfer) -> None:
        name = "PutObject" if type(task) is tuple else type(task).__name__
        self._report.debug(f"task {number}: {name} {transfer.cos_path}")

    def _debug_result(self, task: NumberedTask, kind: int, content: Content) -> None:
        number, _, _ = task
        name = ResultKind(kind).name.lower().replace("_", " ")
        self._report.debug(f"result of {number}: {name} {content}")

    def _submit_parts(self) -> None:
        """Keep the big pool busy: oldest objects first, hashing a little ahead of sending."""
        big_objects = self._big_objects
        for transfer, failure in big_objects.begin(copying=self._copying.on):
            self._fail(transfer, failure)
        to_hash = big_objects.to_hash()
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
        number = self._tasks.submit(task, big, self._collect_big, big.upload.in_order)
        if self._debugging:
            self._debug_task(number, task, big.transfer)

    def _room(self, *, big: bool) -> int:
        """Return how many transfers may be submitted to a pool now."""
        if self._probes.pending:
            return 0
        if not self._streak.proven:
            # The first transfer goes alone: it shows what would fail for all.
            elsewhere = self._tasks.count(TaskKind.DIGEST) + self._tasks.count(TaskKind.HEAD_SOURCE)
            return int(self._pools.under_way - elsewhere == 0)
        return self._pools.room(big=big)

    def _big_room(self, upload: MultipartUpload) -> int:
        room = min(self._room(big=True), self._pools.room(big=True, together=upload.in_order))
        return min(room, self._source_room()) if upload.reads_source else room

    def _source_room(self) -> int:
        """Return how many more tasks may read the source, which may have asked to slow down."""
        return self._source_limit.room(self._count_reading)

    def _count_reading(self) -> int:
        return sum(reads_source(task) for (_, _, task), _, _ in self._tasks.under_way.values())

    def _collect_big(
        self, big: BigObject, numbered: NumberedTask, kind: int, content: Content
    ) -> None:
        if self._debugging:
            self._debug_result(numbered, kind, content)
        _, task_kind, task = numbered
        if isinstance(content, str):
            self._warn(big.transfer, content)
        elif isinstance(content, int):
            self._big_objects.progressed(big, task, content)
        else:
            if kind not in _NO_SUCCESS:
                self._note_success(big.transfer, task_kind, kind)
            failure = self._big_objects.collect(big, task, kind, content)
            if failure:
                self._fail(big.transfer, failure)

    def _warn(self, transfer: Transfer, text: str) -> None:
        self._report.warn(printable(f"{transfer.cos_path}: {text}"))

    def _note_success(self, transfer: Transfer, kind: int, result_kind: int) -> None:
        if self._streak.steady and not self._source.copies:
            return
        if kind in _READING and self._source.copies:
            self._copying.streamed(transfer.cos_path)
        if kind in _OF_SOURCE or result_kind in _OF_SOURCE_RESULTS:
            self._streak.source_success()
        else:
            wrote = kind not in _LOOKING and result_kind == DONE
            self._streak.success(written=wrote, read=wrote and kind in _READING)

    def _collect_small(
        self, transfer: Transfer, task: NumberedTask, kind: int, content: Content
    ) -> None:
        if self._debugging:
            self._debug_result(task, kind, content)
        if kind != DONE:
            self._collect_unsent(transfer, task, kind, content)
            return
        _, task_kind, _ = task
        self._note_success(transfer, task_kind, kind)
        if isinstance(content, SourceHead):
            if self._planner.describe(transfer, *content):
                self._backlog.described.append(transfer)
            return
        if task_kind == _COPY_OBJECT:
            self._copying.copied()
        arrival: Arrival = content  # type: ignore[assignment]  # the result of a PUT or a copy
        request_id, unverified, crc64, size, mtime_ns, etag, cos_etag = arrival
        if (size, mtime_ns, etag) != transfer.obj.fingerprint:
            fingerprint = Fingerprint(size, mtime_ns, etag)
            transfer.obj = transfer.obj._replace(fingerprint=fingerprint)
        self._committer.succeeded(transfer, request_id, unverified, crc64, cos_etag)

    def _collect_unsent(
        self, transfer: Transfer, task: NumberedTask, kind: int, content: Content
    ) -> None:
        """Take any other result than DONE of the task of a small object."""
        _, task_kind, _ = task
        if isinstance(content, str):
            self._warn(transfer, content)
        elif isinstance(content, int):
            self._committer.progressed(transfer, content)
        elif kind == UNSTARTED:
            self._tasks.give_back(task, transfer, self._collect_small)
        elif isinstance(content, Failure):
            if task_kind == _COPY_OBJECT and copy_refused(content):
                self._stream_instead(transfer)
            else:
                self._fail(transfer, content)
        else:
            self._note_success(transfer, task_kind, kind)
            if isinstance(content, TargetExists):
                self._committer.exists_on_cos(transfer, newer=content.is_newer)
            elif isinstance(content, Spooled):
                self._park_spooled(transfer, content)

    def _park_spooled(self, transfer: Transfer, spooled: Spooled) -> None:
        """Queue an object that has come in a file, since it is larger than was known."""
        path, fingerprint = spooled
        self._spool.adopt(transfer, path, fingerprint.size)
        transfer.obj = transfer.obj._replace(fingerprint=fingerprint, spooled=path)
        self._big_objects.park(transfer)

    def _stream_instead(self, transfer: Transfer) -> None:
        """Send an object that COS would not copy."""
        self._copying.refused(transfer.cos_path)
        if self._stopping:
            return  # the next run finds it again
        submission = self._planner.send(transfer, copy=False)
        if submission:
            self._submit(*submission)

    def _fail(self, transfer: Transfer, failure: Failure) -> None:
        self._committer.failed(
            transfer.obj,
            transfer.cos_path,
            transfer.record_key,
            failure,
            listed=transfer.listed,
        )
        self._probes.judge(failure, transfer.cos_path)
