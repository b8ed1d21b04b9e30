"""The pass that migrates: scan, plan, submit, collect, commit.

It owns the records and every decision; one thread, so that nothing needs a lock. Results come
before new work, and nothing is recorded before COS has answered.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable
from typing import Any

from cos_migrate.engine.abandoned_uploads import AbandonedUploads
from cos_migrate.engine.backlog import Backlog
from cos_migrate.engine.big_object import MultipartUpload, copy_refused
from cos_migrate.engine.big_objects import BigObject, BigObjects
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.listing_start import start_listing
from cos_migrate.engine.loop import Loop, PoolsMaker
from cos_migrate.engine.options import MigrationOptions
from cos_migrate.engine.planner import Planner
from cos_migrate.engine.probes import Probes
from cos_migrate.engine.retry_queue import RetryQueue
from cos_migrate.engine.spot_check import words_for_missing
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.unchanged import Compared, RecordComparer
from cos_migrate.errors import StateError
from cos_migrate.model import (
    Failure,
    Fingerprint,
    Note,
    Rejected,
    SourceObject,
    extent_of,
    objects_of,
)
from cos_migrate.pools.messages import Kind, Message, Reply, reads_source
from cos_migrate.pools.temp_files import Spool
from cos_migrate.report.report import Report
from cos_migrate.report.summary import Summary
from cos_migrate.scan.listing import Lister
from cos_migrate.scan.walk import ScanEnded, Scanned, Scanner
from cos_migrate.scan.walk_process import ProcessScanner
from cos_migrate.sources.base import Source
from cos_migrate.state.store import RecordStore
from cos_migrate.text import printable

ScannerMaker = Callable[[Callable[[Scanned | ScanEnded], None]], Scanner | ProcessScanner]
"""Makes what walks a source, given the function to post what it finds."""
_OF_SOURCE = frozenset({Kind.DIGEST, Kind.STAT, Kind.EXAMINE, Kind.FETCH_PART})
"""Tasks that touch the source only: they prove nothing about COS."""
_READING = frozenset({Kind.PUT_OBJECT, Kind.UPLOAD_PART})
"""Tasks that send what they read."""
_LOOKING = frozenset({Kind.LOOK, Kind.LIST_PARTS})
"""Tasks that write nothing."""
_NO_SUCCESS = frozenset({Reply.UNSTARTED, Reply.FAILED})
_DESCRIBED_MOST = 1_000
"""Objects that may wait to be sent before no more are asked about."""


class Migration(Loop):
    """One run over one source."""

    def __init__(
        self,
        options: MigrationOptions,
        source: Source,
        state: RecordStore,
        report: Report,
        make_pools: PoolsMaker,
        make_scanner: ScannerMaker,
        spool: Spool,
    ) -> None:
        """Prepare a run; `make_scanner` is called where the source is not listed by pages."""
        super().__init__(options.window, options.reload_credentials, report, make_pools)
        self._options = options
        self._source = source
        self._spool = spool
        self._resumed = False
        self._committer, self._scanner = self._prepare(source, state, make_scanner)
        self._lists_where_it_reads = source.paged is not None and source.paged.listing_proves
        self._expects_work = state.was_empty or not source.reads_at_once
        self._backlog = Backlog(self._scanner.consumed)
        self._again: collections.deque[int] = collections.deque()
        """Numbers of tasks that a worker gave back."""
        self._big_objects = BigObjects(
            options.upload, options.copies, options.big_objects, self._committer, spool, report
        )
        self._comparer = RecordComparer(source, state, self._committer)
        self._planner = Planner(
            options, source, self._committer, self._comparer, self._big_objects, report
        )
        self._copying = self._planner.copying
        self._abandoned = AbandonedUploads(
            self._committer.uploads, self._comparer, source, self._chores, report
        )
        self._swept = False
        self._probes = Probes(
            self._row,
            self._chores,
            source.target.cos_path,
            stop=self._stop,
            known=self._known_paths,
            begun=self._committer.uploads.abandon_upload,
        )
        self._tasks: dict[int, tuple[Transfer, BigObject | None, Message]] = {}
        """All that the pools have, or gave back, by number."""
        self._scan_over = False
        self._list_finished = True
        self._seen = 0
        self._debugging = report.debugging

    def _prepare(
        self, source: Source, state: RecordStore, make_scanner: ScannerMaker
    ) -> tuple[Committer, Scanner | ProcessScanner | Lister]:
        paged, options = source.paged, self._options
        if paged is None:
            return Committer(source, state, self._report), make_scanner(self._inbox.put)
        starts, positions = start_listing(paged, state, resume=options.resume)
        self._resumed = positions.resumed
        if self._resumed:
            self._report.note(f"the listing goes on where it was left, in {len(starts)} ranges")
        lister = Lister(paged, starts, options.list_parallel, options.tries, self._inbox.put)
        return Committer(source, state, self._report, positions), lister

    def run(self) -> Summary:
        """Migrate everything there is; return what happened. Raises StateError."""
        try:
            if self._expects_work:
                self._pools.start()  # while the listing begins
            self._backlog.failed_before = RetryQueue(self._committer.failures.load())
            self._scanner.start()
            while not self._over():
                self._collect()
                self._watch_clock()
                self._pump()
                self._committer.commit()
            self._committer.commit(final=True)
            if self._list_finished and not self._stopping:
                self._committer.listing_complete()
                self._check_plausibility()
        except StateError:
            # What was sent since the last batch is not recorded: the next run sends it again.
            self._stop("")
            self._report.end_run(list_finished=False, interrupted=self._interrupted)
            raise
        finally:
            self._scanner.stop()
            self._pools.close()
        if not self._stopping and self._seen != self._committer.settled:
            self._report.error(
                f"internal error: {self._seen} objects were found, "
                f"{self._committer.settled} accounted for"
            )
        accounted = self._seen == self._committer.settled
        complete = self._list_finished and not self._backlog.found and accounted
        return self._report.end_run(list_finished=complete, interrupted=self._interrupted)

    def _check_plausibility(self) -> None:
        """Check after a complete listing whether its result is plausible."""
        committer, report = self._committer, self._report
        if not self._resumed:
            report.found_before = committer.scan_complete(self._seen)
        make, skipped = self._options.spot_check, committer.skipped_objects
        if make and skipped.count and not self._row.proven and not report.failures:
            missing = self._ask_cos(make, skipped.paths(self._source.target.cos_path))
            self._list_finished = not self._stopping
            if missing:
                report.warn_at_end(words_for_missing(missing, skipped.count, committer.folder))

    def _over(self) -> bool:
        if self._pools.under_way:
            return False
        if self._stopping:
            return True
        abandoned = self._committer.uploads.abandoned
        if not self._scan_over or self._waiting or self._chores or abandoned:
            return False
        if not self._swept and self._list_finished and self._seen:
            self._swept = True
            self._abandoned.sweep()
        return not self._chores and not abandoned

    @property
    def _waiting(self) -> bool:
        """Whether any object waits for its turn."""
        return bool(self._backlog or self._again or self._big_objects)

    def _known_paths(self) -> tuple[Iterable[str], bool]:
        """Return the target paths of the objects known and not settled; whether these are all."""
        known = [transfer.cos_path for transfer, _, _ in self._tasks.values()]
        known += self._backlog.cos_paths(self._source.target)
        return known + self._big_objects.cos_paths(), self._scan_over

    # -- collect ---------------------------------------------------------------------------------

    def _hear(self, event: object) -> None:
        if isinstance(event, Scanned):
            self._take_found(event)
        elif isinstance(event, ScanEnded):
            self._scan_over = True
            self._report.mark_listed()
            if event.failure or self._stopping:
                self._list_finished = False
            if event.failure:
                self._report.error(f"the list is not complete: {printable(event.failure.message)}")

    def _take_found(self, event: Scanned) -> None:
        found = event.found
        if event.listed:
            objects = sum(not isinstance(item, Note) for item in found)
            self._committer.page_listed(event.listed, objects)
            if self._lists_where_it_reads:
                self._row.listed()
        if found:
            self._report.count_found(*extent_of(found))
        if self._options.rules.use_records and self._open and not self._stopping:
            others = self._comparer.skip_unchanged(found, self._backlog.failed_before.names)
            self._seen += len(found) - len(others)
        else:
            others = [*objects_of(found)]
        self._backlog.add(others)

    def _stopped(self) -> None:
        self._list_finished = self._list_finished and self._scan_over
        self._scanner.stop()

    def _take(self, result: Message) -> None:
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
        if reply == Reply.FAILED and self._cured(Failure(*values)):
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
        if self._row.steady and not self._source.copies:
            return
        if kind in _READING and self._source.copies:
            self._copying.streamed(transfer.cos_path)
        if kind in _OF_SOURCE or reply == Reply.SPOOLED:
            self._row.source_success()
        else:
            wrote = kind not in _LOOKING and reply == Reply.DONE
            self._row.success(written=wrote, read=wrote and kind in _READING)

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

    # -- plan and submit -----------------------------------------------------------------------

    def _pump(self) -> None:
        """Give the pools as much as they take."""
        if self._stopping or not self._open:
            return
        self._feed_chores()
        room = self._room(big=False)
        if not self._copying.on:
            room = min(room, self._source_room())
        while self._again and room > 0:
            room -= 1
            number = self._again.popleft()
            transfer, _, task = self._tasks[number]
            if task[1] == Kind.EXAMINE:
                self._backlog.count_described(transfer, 1)
            self._pools.submit(task)
        backlog = self._backlog
        # What failed before goes beside what is new.
        most = (room + 1) // 2 if backlog.found else room
        spare, room = room - most, most
        while backlog.described and room > 0 and not self._big_objects.full:
            submission = self._planner.plan_described(backlog.described.popleft())
            if submission:
                self._submit(*submission)
                room -= 1
        self._plan_backlog(room + spare)
        self._submit_parts()
        self._pools.flush()

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

    def _feed_chores(self) -> None:
        if self._row.proven or not self._waiting:
            self._abandoned.feed()
        self._chores.feed(max(self._pools.room(big=True), self._probes.pending))

    def _room(self, *, big: bool) -> int:
        """Return how many transfers may be submitted to a pool now."""
        if self._probes.pending:
            return 0
        if not self._row.proven:
            # The first transfer goes alone: it tells what would fail for all.
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

    def _plan_backlog(self, room: int) -> None:
        """Plan what the scan has found, until `room` small transfers are submitted."""
        backlog, planner = self._backlog, self._planner
        found, tried = backlog.found, backlog.failed_before.names
        # Asking the source needs no proof that COS takes what comes of it.
        pool = self._pools.room(big=False)
        looks = 0
        if len(backlog.described) < _DESCRIBED_MOST:
            looks = min(pool, self._source_room())
        if backlog.failed_before and looks > 0:
            asked = self._plan_failed_before(looks)
            looks -= asked
            pool -= asked
        while found and not self._big_objects.full:
            item = found[0]
            unknown = isinstance(item, SourceObject) and planner.is_unknown(item)
            if pool <= 0 or (looks if unknown else room) <= 0:
                break
            backlog.pop()
            if isinstance(item, Compared):
                submission = planner.plan(item.obj, item.decision)
            elif isinstance(item, SourceObject) and not (item.page and item.name in tried):
                submission = planner.plan(item)
            else:
                self._settle_found(item)
                continue
            self._seen += 1
            if submission:
                self._submit(*submission)
                pool -= 1
                looks -= 1
                room -= not unknown

    def _plan_failed_before(self, room: int) -> int:
        """Plan objects that failed in an earlier run; return how many, up to `room`."""
        backlog = self._backlog
        alone = self._scan_over and not backlog.found
        objects = backlog.failed_before.take(room, self._pools.small_threads, alone=alone)
        for obj in objects:
            self._seen += 1
            submission = self._planner.plan(obj)
            if submission:
                self._submit(*submission)
        return len(objects)

    def _settle_found(self, item: SourceObject | Rejected | Note) -> None:
        """Settle what needs no plan."""
        if isinstance(item, Note):
            (self._report.warn if item.warning else self._report.note)(item.line)
        elif item.page and item.name in self._backlog.failed_before.names:
            # It was tried in this run before the listing came to it.
            self._committer.listed_again(item)
        elif isinstance(item, Rejected):
            self._seen += 1
            self._list_finished = self._list_finished and not item.unlisted
            self._planner.reject(item)

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

    # -- clock ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._report.set_moving_bytes(self._big_objects.sent)
        if isinstance(self._scanner, ProcessScanner):
            for line in self._scanner.watch():
                self._report.warn(line)
