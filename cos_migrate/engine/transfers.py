"""The loop of a pass that sends objects: submits their tasks, and commits the results."""

from __future__ import annotations

import collections
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
        self._spool = spool
        self._scanner = make_scanner(self._inbox.put)
        self._committer = Committer(source, state, report, positions)
        self._comparer = RecordComparer(source, state, self._committer)
        self._backlog = Backlog(self._scanner.consumed)
        self._big_objects = BigObjects(
            options.upload, options.copies, options.big_objects, self._committer, spool, report
        )
        self._planner = Planner(
            options, source, self._committer, self._comparer, self._big_objects, report
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
        self._tasks: dict[int, tuple[Transfer, BigObject | None, Message]] = {}
        """All that the pools have, or gave back, by number."""
        self._again: collections.deque[int] = collections.deque()
        """Numbers of tasks that a worker gave back."""
        self._scan_over = False
        self._debugging = report.debugging

    def _known_paths(self) -> tuple[Iterable[str], bool]:
        """Return the target paths of the objects known and not settled; whether these are all."""
        known = [transfer.cos_path for transfer, _, _ in self._tasks.values()]
        known += self._backlog.cos_paths(self._source.target)
        return known + self._big_objects.cos_paths(), self._scan_over

    def _submit(
        self, transfer: Transfer, task: Message, big: BigObject | None = None, together: str = ""
    ) -> None:
        numbered = self._numbered(task)
        if self._debugging:
            self._report.debug(f"task {self._number}: {Kind.NAMES[task[0]]} {transfer.cos_path}")
        self._tasks[numbered[0]] = (transfer, big, numbered)
        if task[0] == Kind.EXAMINE:
            self._backlog.count_described(transfer, 1)
        self._pools.submit(numbered, together)

    def _submit_again(self, room: int) -> int:
        """Submit up to `room` of the tasks that were given back; return what is left of `room`."""
        while self._again and room > 0:
            room -= 1
            number = self._again.popleft()
            transfer, _, task = self._tasks[number]
            if task[1] == Kind.EXAMINE:
                self._backlog.count_described(transfer, 1)
            self._pools.submit(task)
        return room

    def _submit_parts(self) -> None:
        """Keep the big pool busy: oldest objects first, hashing a little ahead of sending."""
        big_objects = self._big_objects
        for transfer, failure in big_objects.begin(copying=self._copying.on):
            self._fail(transfer, failure)
        for big in big_objects.to_hash():
            self._submit_next(big)
        for big in big_objects.under_way:
            upload = big.upload
            while upload.ready and not upload.hashing and self._big_room(upload) > 0:
                self._submit_next(big)

    def _submit_next(self, big: BigObject) -> None:
        task = self._big_objects.next_task(big)
        if task is not None:
            self._submit(big.transfer, task, big, big.upload.in_order)

    def _room(self, *, big: bool) -> int:
        """Return how many transfers may be submitted to a pool now."""
        if self._probes.pending:
            return 0
        if not self._streak.proven:
            # The first transfer goes alone: it shows what would fail for all.
            elsewhere = self._big_objects.hashing + self._backlog.being_described
            return int(self._pools.under_way - elsewhere == 0)
        return self._pools.room(big=big)

    def _big_room(self, upload: MultipartUpload) -> int:
        room = min(self._room(big=True), self._pools.room(big=True, together=upload.in_order))
        return min(room, self._source_room()) if upload.reads_source else room

    def _source_room(self) -> int:
        """Return how many more tasks may read the source, which may have asked to slow down."""
        return self._source_limit.room(self._count_reading)

    def _count_reading(self) -> int:
        reading = sum(reads_source(task) for _, _, task in self._tasks.values())
        return reading - sum(reads_source(self._tasks[number][2]) for number in self._again)

    def _collect_result(self, result: Message) -> None:
        number, reply, *values = result
        transfer, big, task = self._tasks[number]
        if self._debugging:
            self._report.debug(f"result of {number}: {Reply.NAMES[reply]} {values}")
        if reply in Reply.PASSING:
            self._collect_passing(transfer, big, task, reply, values[0])
            return
        if task[1] == Kind.EXAMINE:
            self._backlog.count_described(transfer, -1)
        if reply not in _NO_SUCCESS:
            self._note_success(transfer, task[1], reply)
        if reply == Reply.FAILED and self._renew_credentials(Failure(*values)):
            reply = Reply.UNSTARTED
        if big is None and reply == Reply.UNSTARTED:
            self._again.append(number)
            return
        del self._tasks[number]
        if big is None:
            self._collect_small(transfer, task, reply, values)
            return
        failure = self._big_objects.collect(big, task, reply, values)
        if failure:
            self._fail(transfer, failure)

    def _collect_passing(
        self, transfer: Transfer, big: BigObject | None, task: Message, reply: int, value: Any
    ) -> None:
        """Take what a worker reports of a task before its result."""
        if reply == Reply.WARNING:
            self._report.warn(printable(f"{transfer.cos_path}: {value}"))
        elif big:
            self._big_objects.progressed(big, task, value)
        else:
            self._committer.progressed(transfer, value)

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
        if reply == Reply.DONE and task[1] == Kind.EXAMINE:
            if self._planner.describe(transfer, *values):
                self._backlog.described.append(transfer)
        elif reply == Reply.DONE:
            if task[1] == Kind.COPY_OBJECT:
                self._copying.copied()
            request_id, unverified, crc64, size, mtime_ns, etag, cos_etag = values
            if (size, mtime_ns, etag) != transfer.obj.fingerprint:
                fingerprint = Fingerprint(size, mtime_ns, etag)
                transfer.obj = transfer.obj._replace(fingerprint=fingerprint)
            self._committer.succeeded(transfer, request_id, unverified, crc64, cos_etag)
        elif reply == Reply.SPOOLED:
            path, *fingerprint_fields = values
            fingerprint = Fingerprint(*fingerprint_fields)
            self._spool.adopt(transfer, path, fingerprint.size)
            transfer.obj = transfer.obj._replace(fingerprint=fingerprint, spooled=path)
            self._big_objects.park(transfer)
        elif reply == Reply.TARGET_EXISTS:
            self._committer.exists_on_cos(transfer, newer=values[0])
        elif task[1] == Kind.COPY_OBJECT and copy_refused(Failure(*values)):
            self._stream_instead(transfer)
        else:
            self._fail(transfer, Failure(*values))

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
