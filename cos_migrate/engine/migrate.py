"""The one loop of a run: scan, plan, submit, collect, commit.

It owns the records and every decision; one thread, so that nothing needs a lock. Results come
before new work, and nothing is written down before COS has answered.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cos_migrate.config.values import TimeWindow
from cos_migrate.cos import keys
from cos_migrate.cos.requests import Credentials
from cos_migrate.engine.abandoned_uploads import AbandonedUploads
from cos_migrate.engine.big_object import BigUpload, UploadOptions, copy_refused
from cos_migrate.engine.big_objects import Upload, Uploads
from cos_migrate.engine.billing import BilledSizes
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.copying import Copying
from cos_migrate.engine.loop import Loop, PoolsMaker
from cos_migrate.engine.plan import (
    DEFAULT_COPIES,
    CopyRules,
    Decision,
    Rules,
    cos_path_of,
    is_root,
    problem_of_size,
)
from cos_migrate.engine.probes import Probes
from cos_migrate.engine.retried import Retried
from cos_migrate.engine.spot_check import SpotCheckMaker, words_for_missing
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.unchanged import Compared, RecordComparer
from cos_migrate.errors import StateError
from cos_migrate.model import (
    Failure,
    Fingerprint,
    Found,
    Note,
    Rejected,
    SourceObject,
    extent_of,
    objects_of,
)
from cos_migrate.pools.messages import Kind, Message, Reply, reads_source, source_fields
from cos_migrate.pools.temp_files import Spool
from cos_migrate.report import lines
from cos_migrate.report.report import Report
from cos_migrate.report.summary import Summary
from cos_migrate.scan import positions
from cos_migrate.scan.listing import Lister
from cos_migrate.scan.positions import Positions
from cos_migrate.scan.walk import ScanEnded, Scanned, Scanner
from cos_migrate.scan.walk_process import ProcessScanner
from cos_migrate.sources.base import Source
from cos_migrate.state import keys as records
from cos_migrate.state.store import RecordStore
from cos_migrate.text import printable

ScannerMaker = Callable[[Callable[[Scanned | ScanEnded], None]], Scanner | ProcessScanner]
"""Makes what scans a source, given what it has to post what it finds to."""
_OF_SOURCE = frozenset({Kind.DIGEST, Kind.STAT, Kind.EXAMINE, Kind.FETCH_PART})
"""Tasks that touch the source only: they prove nothing about COS."""
_READING = frozenset({Kind.PUT_OBJECT, Kind.UPLOAD_PART})
"""Tasks that send what they read."""
_LOOKING = frozenset({Kind.LOOK, Kind.LIST_PARTS})
"""Tasks that write nothing."""
_NO_SUCCESS = frozenset({Reply.UNSTARTED, Reply.FAILED})
_EXAMINED_MOST = 1_000
"""Objects that may wait to be sent before no more are asked about."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run decides; what `config.ini` says of it."""

    rules: Rules
    upload: UploadOptions
    window: TimeWindow
    big_objects: int
    """Big objects that are under way at once."""
    reload_credentials: Callable[[], Credentials | None]
    """Reads temporary credentials again; None when there are no others."""
    least_billed: int = 0
    """Bytes that the storage class bills at least for an object; 0: what it has."""
    list_parallel: int = 1
    """Listings of a cloud source under way at once."""
    tries: int = 1
    """Of one request."""
    resume: bool = False
    """Whether a listing by pages goes on where the last run has left it."""
    copies: CopyRules = DEFAULT_COPIES
    spot_check: SpotCheckMaker | None = None
    """Makes what asks COS for some of the objects that were skipped; None: nothing is asked."""


class Migration(Loop):
    """One run over one source."""

    def __init__(
        self,
        plan: Plan,
        source: Source,
        state: RecordStore,
        report: Report,
        make_pools: PoolsMaker,
        make_scanner: ScannerMaker,
        spool: Spool,
    ) -> None:
        """What is made is given what it has to post its results to.

        `make_scanner` is asked where the source is not listed by pages.
        """
        super().__init__(plan.window, plan.reload_credentials, report, make_pools)
        self._plan = plan
        self._source = source
        self._spool = spool
        self._resumed = False
        self._committer, self._scanner = self._prepare(source, state, make_scanner)
        self._lists_where_it_reads = source.paged is not None and source.paged.listing_proves
        self._expects_work = state.was_empty or not source.reads_at_once
        self._found: collections.deque[Found | Compared] = collections.deque()
        self._examined: collections.deque[Transfer] = collections.deque()
        self._examining = 0
        self._batches: collections.deque[int] = collections.deque()
        self._retried = Retried(())
        self._billing = BilledSizes(plan.least_billed, report.warn)
        copies = source.copies and plan.upload.encryption is None
        self._copying = Copying(possible=copies, note=report.note)
        self._again: collections.deque[int] = collections.deque()
        self._uploads = Uploads(
            plan.upload,
            plan.copies,
            plan.big_objects,
            self._committer,
            spool,
            report,
            submit=self._submit,
            failed=self._failed,
        )
        self._comparer = RecordComparer(source, state, self._committer)
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
        self._tasks: dict[int, tuple[Transfer, Upload | None, Message]] = {}
        self._scan_over = False
        self._list_finished = True
        self._seen = 0
        self._debugging = report.debugging

    def _prepare(
        self, source: Source, state: RecordStore, make_scanner: ScannerMaker
    ) -> tuple[Committer, Scanner | ProcessScanner | Lister]:
        paged = source.paged
        if paged is None:
            return Committer(source, state, self._report), make_scanner(self._inbox.put)
        mark = records.origin_mark(paged.origin())
        saved = positions.load(state, mark) if self._plan.resume else None
        if saved is None:
            state.write([], positions.stale_keys(state), sync=False)
        else:
            self._resumed = True
            self._report.note(f"the listing goes on where it was left, in {len(saved)} ranges")
        starts = [(part, "") for part in paged.ranges()] if saved is None else saved
        kept = Positions(starts, mark, resumed=saved is not None)
        lister = Lister(paged, starts, self._plan.list_parallel, self._plan.tries, self._inbox.put)
        return Committer(source, state, self._report, kept), lister

    def run(self) -> Summary:
        """Migrate everything there is; return what happened. Raises StateError."""
        try:
            if self._expects_work:
                self._pools.start()  # while the listing begins
            self._retried = Retried(self._committer.failures.load())
            self._scanner.start()
            while not self._over():
                self._collect()
                self._watch_clock()
                self._pump()
                self._committer.commit()
            self._committer.commit(final=True)
            if self._list_finished and not self._stopping:
                self._committer.listing_complete()
                self._look_behind()
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
        complete = self._list_finished and not self._found and accounted
        return self._report.end_run(list_finished=complete, interrupted=self._interrupted)

    def _look_behind(self) -> None:
        """Look, behind a complete listing, whether what it led to can be true."""
        committer, report = self._committer, self._report
        if not self._resumed:
            report.found_before = committer.scan_complete(self._seen)
        make, skipped = self._plan.spot_check, committer.skipped_objects
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
        waiting = self._found or self._retried or self._examined or self._again or self._uploads
        return bool(waiting)

    def _known_paths(self) -> tuple[Iterable[str], bool]:
        """Return the target paths of the objects known and not settled; whether these are all."""
        known = [transfer.cos_path for transfer, _, _ in self._tasks.values()]
        known += [transfer.cos_path for transfer in self._examined]
        for item in (*self._found, *self._retried):
            obj = item.obj if isinstance(item, Compared) else item
            if isinstance(obj, SourceObject):
                known.append(cos_path_of(self._source.target, obj))
        return known + self._uploads.cos_paths(), self._scan_over

    # -- collect: what the threads and workers report ------------------------------------------

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
        if self._plan.rules.use_records and self._open and not self._stopping:
            others = self._comparer.skip_unchanged(found, self._retried.names)
            self._seen += len(found) - len(others)
        else:
            others = [*objects_of(found)]
        if others:
            self._found.extend(others)
            self._batches.append(len(others))
        else:
            self._scanner.consumed()

    def _stopped(self) -> None:
        self._list_finished = self._list_finished and self._scan_over
        self._scanner.stop()

    def _take(self, result: Message) -> None:
        number, reply, *values = result
        transfer, upload, task = self._tasks[number]
        if self._debugging:
            self._report.debug(f"result of {number}: {Reply.NAMES[reply]} {values}")
        if reply == Reply.MOVED:
            if upload:
                self._uploads.moved(upload, task, values[0])
            else:
                self._committer.progressed(transfer, values[0])
            return
        if reply == Reply.WARNING:
            self._report.warn(printable(f"{transfer.cos_path}: {values[0]}"))
            return
        if task[1] == Kind.EXAMINE:
            self._count_examining(transfer, -1)
        if reply not in _NO_SUCCESS:
            self._note_success(transfer, task[1], reply)
        if reply == Reply.FAILED and self._cured(Failure(*values)):
            reply = Reply.UNSTARTED
        if upload is None and reply == Reply.UNSTARTED:
            self._again.append(number)
            return
        del self._tasks[number]
        if upload is None:
            self._take_small(transfer, task, reply, values)
        else:
            self._uploads.take(upload, task, reply, values)

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

    def _count_examining(self, transfer: Transfer, step: int) -> None:
        self._examining += step
        self._retried.count_looks(transfer.obj, step)

    def _take_small(self, transfer: Transfer, task: Message, reply: int, values: list[Any]) -> None:
        if reply == Reply.DONE and task[1] == Kind.EXAMINE:
            self._take_examined(transfer, *values)
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
            self._uploads.park(transfer)
        elif reply == Reply.TARGET_EXISTS:
            self._committer.exists_on_cos(transfer, newer=values[0])
        elif task[1] == Kind.COPY_OBJECT and copy_refused(Failure(*values)):
            self._copying.refused(transfer.cos_path)
            self._send(transfer, copy=False)
        else:
            self._failed(transfer, Failure(*values))

    def _take_examined(
        self, transfer: Transfer, size: int, mtime_ns: int, etag: str, storage_class: str
    ) -> None:
        """Complete what is known of an object, and let it wait until it can be sent."""
        fingerprint = Fingerprint(size, mtime_ns, etag)
        weak = self._source.is_weak(fingerprint)
        obj = transfer.obj._replace(fingerprint=fingerprint, weak=weak)
        if storage_class and not obj.storage_class:
            obj = obj._replace(storage_class=storage_class)
            record_key = self._source.record_key(obj, transfer.cos_path)
            if record_key != transfer.record_key:
                self._committer.failures.succeeded(transfer.record_key)
                transfer.record_key = record_key
        transfer.obj = obj
        transfer.record_fingerprint = obj.fingerprint if size < 0 else None
        problem = keys.problem_of(transfer.cos_path) or problem_of_size(size)
        if not self._source.wanted(obj):
            line = f"{self._source.unwanted_line(obj)}\n"
            self._committer.not_matching(obj, line, transfer.record_key)
        elif problem:
            self._refuse(obj, transfer.cos_path, transfer.record_key, problem)
        else:
            self._examined.append(transfer)

    def _failed(self, transfer: Transfer, failure: Failure) -> None:
        obj, cos_path, record_key, listed = (
            transfer.obj,
            transfer.cos_path,
            transfer.record_key,
            transfer.listed,
        )
        self._committer.failed(obj, cos_path, record_key, failure, listed=listed)
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
                self._count_examining(transfer, 1)
            self._pools.submit(task)
        # What failed before goes beside what is new.
        most = (room + 1) // 2 if self._found else room
        spare, room = room - most, most
        while self._examined and room > 0 and not self._uploads.full:
            known = self._examined.popleft()
            room -= self._plan_known(
                known.obj, known.cos_path, known.record_key, known.record_fingerprint
            )
        self._plan_found(room + spare)
        self._uploads.feed(self._big_room, copying=self._copying.on)
        self._pools.flush()

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
            elsewhere = self._uploads.hashing + self._examining
            return int(self._pools.under_way - elsewhere == 0)
        return self._pools.room(big=big)

    def _big_room(self, upload: BigUpload) -> int:
        room = min(self._room(big=True), self._pools.room(big=True, together=upload.in_order))
        return min(room, self._source_room()) if upload.reads_source else room

    def _source_room(self) -> int:
        """Return how many more tasks may read the source, which may have asked to slow down."""
        return self._source_limit.room(self._count_reading)

    def _count_reading(self) -> int:
        reading = sum(reads_source(task) for _, _, task in self._tasks.values())
        return reading - sum(reads_source(self._tasks[number][2]) for number in self._again)

    def _plan_found(self, room: int) -> None:
        """Decide about what the scan has found, until `room` small transfers are submitted."""
        found = self._found
        # Looking at the source needs no proof that COS takes what comes of it.
        pool = self._pools.room(big=False)
        looks = min(pool, self._source_room()) if len(self._examined) < _EXAMINED_MOST else 0
        if self._retried and looks > 0:
            alone = self._scan_over and not found
            for obj in self._retried.take(looks, self._pools.small_threads, alone=alone):
                looks -= 1
                pool -= 1
                self._seen += 1
                self._plan_object(obj)
        while found and not self._uploads.full:
            item = found[0]
            unknown = isinstance(item, SourceObject) and self._is_unknown(item)
            if pool <= 0 or (looks if unknown else room) <= 0:
                break
            self._pop_found()
            if isinstance(item, Compared):
                self._seen += 1
                submitted = self._plan_object(item.obj, item.decision)
                pool -= submitted
                room -= submitted
            elif not isinstance(item, Note) and item.page and item.name in self._retried.names:
                self._committer.listed_again(item)
            elif isinstance(item, SourceObject):
                self._seen += 1
                submitted = self._plan_object(item)
                pool -= submitted
                looks -= submitted
                room -= submitted and not unknown
            elif isinstance(item, Rejected):
                self._seen += 1
                self._reject(item)
            elif item.warning:
                self._report.warn(item.line)
            else:
                self._report.note(item.line)

    def _pop_found(self) -> None:
        self._found.popleft()
        self._batches[0] -= 1
        if not self._batches[0]:
            self._batches.popleft()
            self._scanner.consumed()

    def _plan_object(self, obj: SourceObject, decision: Decision | None = None) -> bool:
        """Decide about an object; return whether a small transfer was submitted for it.

        `decision`: what its record calls for; None: the record has not been read.
        """
        cos_path = cos_path_of(self._source.target, obj)
        record_key = self._source.record_key(obj, cos_path)
        problem = keys.problem_of(cos_path) or problem_of_size(obj.fingerprint.size)
        # What the folder itself holds, listed without its size, only the source can tell.
        if problem and not (is_root(obj, cos_path) and self._is_unknown(obj)):
            self._refuse(obj, cos_path, record_key, problem)
            return False
        if self._is_unknown(obj):
            transfer = Transfer(obj, cos_path, record_key, update=False)
            fields = source_fields(self._committer.failures.as_listed(obj))
            self._submit(transfer, None, (Kind.EXAMINE, *fields))
            return True
        listed = obj.fingerprint
        return self._plan_known(obj, cos_path, record_key, listed=listed, decision=decision)

    def _refuse(self, obj: SourceObject, cos_path: str, record_key: str, problem: str) -> None:
        """Settle an object that COS cannot have."""
        if is_root(obj, cos_path) and not obj.fingerprint.size:
            # What stands for the folder that is migrated; the root of a bucket needs nothing such.
            self._committer.not_matching(obj, lines.empty_key(obj.name))
            return
        failure = Failure("plan", problem, code="NotMigratable")
        self._committer.failed(obj, cos_path, record_key, failure)

    def _is_unknown(self, obj: SourceObject) -> bool:
        """Return whether the source has to be asked before anything can be decided."""
        return obj.fingerprint.size < 0 and self._source.examines

    def _plan_known(
        self,
        obj: SourceObject,
        cos_path: str,
        record_key: str,
        record_fingerprint: Fingerprint | None = None,
        listed: Fingerprint | None = None,
        decision: Decision | None = None,
    ) -> bool:
        """Decide about an object of which all is known that can be."""
        if decision is None:
            decision = self._comparer.decide(self._plan.rules, obj, cos_path, record_key)
        if not decision.send:
            return False
        self._billing.add(obj.fingerprint.size)
        transfer = Transfer(obj, cos_path, record_key, update=decision.update)
        transfer.record_fingerprint, transfer.listed = record_fingerprint, listed
        if obj.weak:
            transfer.listed_ns = obj.fingerprint.mtime_ns
        return self._send(transfer, copy=self._copying.on)

    def _send(self, transfer: Transfer, *, copy: bool) -> bool:
        """Send an object, or park it when it is big; return whether it was submitted."""
        if self._stopping:
            return False  # the next run finds it again
        obj = transfer.obj
        plan = self._plan
        if obj.fingerprint.size >= (plan.copies.in_parts_from if copy else plan.rules.small_below):
            self._uploads.park(transfer)
            return False
        kind = Kind.COPY_OBJECT if copy else Kind.PUT_OBJECT
        fields = (kind, *source_fields(obj), transfer.cos_path, plan.upload.look)
        self._submit(transfer, None, fields)
        return True

    def _reject(self, item: Rejected) -> None:
        obj = SourceObject(item.name, item.key, Fingerprint(0), item.page)
        if item.unlisted:
            self._list_finished = False
        line = f"{item.line}\n" if item.line else ""
        if item.failure is None:
            self._committer.not_matching(obj, line)
            return
        cos_path = cos_path_of(self._source.target, obj) if item.key else ""
        record_key = self._source.record_key(obj, cos_path)
        self._committer.failed(obj, cos_path, record_key, item.failure, line)

    def _submit(
        self, transfer: Transfer, upload: Upload | None, task: Message, together: str = ""
    ) -> None:
        numbered = self._numbered(task)
        if self._debugging:
            self._report.debug(f"task {self._number}: {Kind.NAMES[task[0]]} {transfer.cos_path}")
        self._tasks[numbered[0]] = (transfer, upload, numbered)
        if task[0] == Kind.EXAMINE:
            self._count_examining(transfer, 1)
        self._pools.submit(numbered, together)

    # -- clock ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._report.set_moving_bytes(self._uploads.sent)
        if isinstance(self._scanner, ProcessScanner):
            for line in self._scanner.watch():
                self._report.warn(line)
