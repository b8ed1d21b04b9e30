"""The loop of a pass that sends objects: submits their tasks, and commits the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

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
from cos_migrate.pools.messages import Kind, Message, Reply, reads_source
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
_OF_SOURCE = frozenset({Kind.DIGEST, Kind.STAT, Kind.EXAMINE, Kind.FETCH_PART})
"""Tasks that touch the source only: they prove nothing about COS."""
_OF_SOURCE_REPLIES = frozenset({Reply.SPOOLED, Reply.DESCRIBED})
"""Results behind which nothing was sent to COS."""
_READING = frozenset({Kind.PUT_OBJECT, Kind.UPLOAD_PART})
"""Tasks that send what they read."""
_LOOKING = frozenset({Kind.LOOK, Kind.LIST_PARTS})
"""Tasks that write nothing."""
_NO_SUCCESS = frozenset({Reply.UNSTARTED, Reply.FAILED})


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
        known = [subject.cos_path for task, subject, _ in entries if task[1] in Kind.SMALL]
        known += self._backlog.cos_paths(self._source.target)
        return known + self._big_objects.cos_paths(), self._scan_over

    def _submit(self, transfer: Transfer, task: Message) -> None:
        number = self._tasks.submit(task, transfer, self._collect_small)
        if self._debugging:
            self._report.debug(f"task {number}: {Kind.NAMES[task[0]]} {transfer.cos_path}")

    def _submit_parts(self) -> None:
        """Keep the big pool busy: oldest objects first, hashing a little ahead of sending."""
        big_objects = self._big_objects
        for transfer, failure in big_objects.begin(copying=self._copying.on):
            self._fail(transfer, failure)
        to_hash = big_objects.to_hash()
        if to_hash:
            room = big_objects.hashed_ahead - self._tasks.count(Kind.DIGEST)
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
            self._report.debug(f"task {number}: {Kind.NAMES[task[0]]} {big.transfer.cos_path}")

    def _room(self, *, big: bool) -> int:
        """Return how many transfers may be submitted to a pool now."""
        if self._probes.pending:
            return 0
        if not self._streak.proven:
            # The first transfer goes alone: it shows what would fail for all.
            elsewhere = self._tasks.count(Kind.DIGEST) + self._tasks.count(Kind.EXAMINE)
            return int(self._pools.under_way - elsewhere == 0)
        return self._pools.room(big=big)

    def _big_room(self, upload: MultipartUpload) -> int:
        room = min(self._room(big=True), self._pools.room(big=True, together=upload.in_order))
        return min(room, self._source_room()) if upload.reads_source else room

    def _source_room(self) -> int:
        """Return how many more tasks may read the source, which may have asked to slow down."""
        return self._source_limit.room(self._count_reading)

    def _count_reading(self) -> int:
        return sum(reads_source(task) for task, _, _ in self._tasks.under_way.values())

    def _collect_big(self, big: BigObject, task: Message, reply: int, values: list[Any]) -> None:
        if self._debugging:
            self._report.debug(f"result of {task[0]}: {Reply.NAMES[reply]} {values}")
        if reply == Reply.WARNING:
            self._warn(big.transfer, values[0])
        elif reply == Reply.MOVED:
            self._big_objects.progressed(big, task, values[0])
        else:
            if reply not in _NO_SUCCESS:
                self._note_success(big.transfer, task[1], reply)
            failure = self._big_objects.collect(big, task, reply, values)
            if failure:
                self._fail(big.transfer, failure)

    def _warn(self, transfer: Transfer, text: str) -> None:
        self._report.warn(printable(f"{transfer.cos_path}: {text}"))

    def _note_success(self, transfer: Transfer, kind: int, reply: int) -> None:
        if self._streak.steady and not self._source.copies:
            return
        if kind in _READING and self._source.copies:
            self._copying.streamed(transfer.cos_path)
        if kind in _OF_SOURCE or reply in _OF_SOURCE_REPLIES:
            self._streak.source_success()
        else:
            wrote = kind not in _LOOKING and reply == Reply.DONE
            self._streak.success(written=wrote, read=wrote and kind in _READING)

    def _collect_small(
        self, transfer: Transfer, task: Message, reply: int, values: list[Any]
    ) -> None:
        if self._debugging:
            self._report.debug(f"result of {task[0]}: {Reply.NAMES[reply]} {values}")
        if reply != Reply.DONE:
            self._collect_unsent(transfer, task, reply, values)
            return
        self._note_success(transfer, task[1], reply)
        if task[1] == Kind.EXAMINE:
            if self._planner.describe(transfer, *values):
                self._backlog.described.append(transfer)
            return
        if task[1] == Kind.COPY_OBJECT:
            self._copying.copied()
        request_id, unverified, crc64, size, mtime_ns, etag, cos_etag = values
        if (size, mtime_ns, etag) != transfer.obj.fingerprint:
            fingerprint = Fingerprint(size, mtime_ns, etag)
            transfer.obj = transfer.obj._replace(fingerprint=fingerprint)
        self._committer.succeeded(transfer, request_id, unverified, crc64, cos_etag)

    def _collect_unsent(
        self, transfer: Transfer, task: Message, reply: int, values: list[Any]
    ) -> None:
        """Take any other reply than DONE to the task of a small object."""
        if reply == Reply.WARNING:
            self._warn(transfer, values[0])
        elif reply == Reply.MOVED:
            self._committer.progressed(transfer, values[0])
        elif reply == Reply.UNSTARTED:
            self._tasks.give_back(task, transfer, self._collect_small)
        elif reply == Reply.FAILED:
            failure = Failure(*values)
            if task[1] == Kind.COPY_OBJECT and copy_refused(failure):
                self._stream_instead(transfer)
            else:
                self._fail(transfer, failure)
        else:
            self._note_success(transfer, task[1], reply)
            if reply == Reply.TARGET_EXISTS:
                self._committer.exists_on_cos(transfer, newer=values[0])
            else:
                self._park_spooled(transfer, *values)

    def _park_spooled(
        self, transfer: Transfer, path: str, size: int, mtime_ns: int, etag: str
    ) -> None:
        """Queue an object that has come in a file, since it is larger than was known."""
        self._spool.adopt(transfer, path, size)
        fingerprint = Fingerprint(size, mtime_ns, etag)
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
