"""The one loop of a run: scan, plan, submit, collect, commit.

It owns the records and every decision; one thread, so that nothing needs a lock. Results come
before new work, and nothing is written down before COS has answered.
"""

from __future__ import annotations

import collections
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cos_migrate import keys, positions
from cos_migrate.cos.access import Credentials
from cos_migrate.cos.answers import EXPIRED_CODES
from cos_migrate.errors import StateError
from cos_migrate.ledger import Ledger, Sending
from cos_migrate.lister import Lister
from cos_migrate.model import Failure, Fingerprint, Found, Note, Rejected, SourceObject
from cos_migrate.multipart import COPY_REFUSED, UploadOptions
from cos_migrate.pacing import FailureRow, Limit
from cos_migrate.plan import COPY_MOST, Rules, cos_path_of, decide, problem_of_size
from cos_migrate.pools import Lost, Pools, Results
from cos_migrate.positions import Positions
from cos_migrate.report import Report, Summary
from cos_migrate.scanner import ScanEnded, Scanned, Scanner
from cos_migrate.settings import TimeWindow
from cos_migrate.sources.base import Source
from cos_migrate.sources.cloud import CloudSource
from cos_migrate.spool import Spool
from cos_migrate.state import State
from cos_migrate.tasks import Arrival, Kind, Message, Reply, source_fields
from cos_migrate.uploads import Upload, Uploads

_TICK = 0.1
_OF_SOURCE = frozenset({Kind.DIGEST, Kind.STAT, Kind.EXAMINE, Kind.FETCH_PART})
"""Tasks that touch the source only: they prove nothing about COS."""
_REFUSALS_MOST = 3
"""Copies refused in a row before no more are tried."""
_LOST_MOST = 5
_MANY_SMALL = 100


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


class Migration:
    """One run over one source."""

    def __init__(
        self,
        plan: Plan,
        source: Source,
        state: State,
        report: Report,
        make_pools: PoolsMaker,
        spool: Spool,
    ) -> None:
        """`make_pools` is given what the workers have to post their results to."""
        self._plan = plan
        self._source = source
        self._report = report
        self._spool = spool
        self._inbox: queue.SimpleQueue[Results | Lost | Scanned | ScanEnded | None] = (
            queue.SimpleQueue()
        )
        # What raises comes first: nobody would close the pools.
        self._ledger, self._scanner = self._prepare(source, state)
        self._pools = make_pools(self._inbox.put)
        self._found: collections.deque[Found] = collections.deque()
        self._batches: collections.deque[int] = collections.deque()
        self._tried: set[str] = set()
        self._copying = source.copies and plan.upload.encryption is None
        self._refusals = 0
        self._again: collections.deque[int] = collections.deque()
        self._uploads = Uploads(
            plan.upload,
            plan.big_objects,
            self._ledger,
            spool,
            report,
            submit=self._submit,
            failed=self._failed,
        )
        self._tasks: dict[int, tuple[Sending, Upload | None, Message]] = {}
        self._number = 0
        self._row = FailureRow()
        self._limit = Limit(self._pools.total)
        self._lost_in_row = 0
        self._scan_over = False
        self._list_finished = True
        self._stopping = False
        self._interrupted = False
        self._seen = 0
        self._open = True
        self._next_clock = 0.0
        self._next_wait_line = 0.0
        self._renewed = float("-inf")
        self._underfilled = 0
        self._debugging = report.debugging

    def _prepare(self, source: Source, state: State) -> tuple[Ledger, Scanner | Lister]:
        if not isinstance(source, CloudSource):
            return Ledger(source, state, self._report), Scanner(source.scan, self._inbox.put)
        saved = positions.load(state) if self._plan.resume else None
        if saved is None:
            state.write([], positions.stale_keys(state), sync=False)
        else:
            self._report.note(f"the listing goes on where it was left, in {len(saved)} ranges")
        starts = [(part, "") for part in source.ranges()] if saved is None else saved
        kept = Positions(starts, resumed=saved is not None)
        lister = Lister(source, starts, self._plan.list_parallel, self._plan.tries, self._inbox.put)
        return Ledger(source, state, self._report, kept), lister

    def interrupt(self) -> None:
        """End the run early, keeping what is done; may be called from a signal handler."""
        self._interrupted = True
        self._inbox.put(None)

    def run(self) -> Summary:
        """Migrate everything there is; return what happened. Raises StateError."""
        try:
            self._try_failed_first()
            self._scanner.start()
            while not self._over():
                self._collect()
                self._watch_clock()
                self._pump()
                self._ledger.commit()
            self._ledger.commit(final=True)
            if self._list_finished and not self._stopping:
                self._ledger.listing_complete()
        except StateError:
            # What was sent since the last batch is not recorded: the next run sends it again.
            self._stop("")
            self._report.end_run(list_finished=False, interrupted=self._interrupted)
            raise
        finally:
            self._scanner.stop()
            self._pools.close()
        if not self._stopping and self._seen != self._ledger.settled:
            self._report.error(
                f"internal error: {self._seen} objects were found, "
                f"{self._ledger.settled} accounted for"
            )
        complete = self._list_finished and not self._found and self._seen == self._ledger.settled
        return self._report.end_run(list_finished=complete, interrupted=self._interrupted)

    def _try_failed_first(self) -> None:
        """Put what failed in an earlier run before everything else."""
        for obj in self._ledger.failed_before():
            self._tried.add(obj.name)
            self._found.append(obj)
        if self._found:
            self._batches.append(len(self._found))

    def _over(self) -> bool:
        if self._pools.under_way:
            return False
        if self._stopping:
            return True
        waiting = self._found or self._again or self._uploads
        return self._scan_over and not waiting

    # -- collect: what the threads and workers report ------------------------------------------

    def _collect(self) -> None:
        try:
            event = self._inbox.get(timeout=_TICK)
            while True:
                self._handle(event)
                event = self._inbox.get_nowait()
        except queue.Empty:
            pass

    def _handle(self, event: Results | Lost | Scanned | ScanEnded | None) -> None:
        if isinstance(event, Results):
            self._lost_in_row = 0
            for result in self._pools.settle(event):
                self._take(result)
        elif isinstance(event, Scanned):
            self._take_found(event)
        elif isinstance(event, ScanEnded):
            self._scan_over = True
            self._report.listed()
            if event.failure or self._stopping:
                self._list_finished = False
            if event.failure:
                self._report.error(f"the list is not complete: {event.failure.message}")
        elif isinstance(event, Lost):
            self._replace(event)
        elif self._interrupted:
            self._stop("")

    def _take_found(self, event: Scanned) -> None:
        if event.listed:
            objects = sum(not isinstance(item, Note) for item in event.found)
            self._ledger.listed(event.listed, objects)
        if event.found:
            self._found.extend(event.found)
            self._batches.append(len(event.found))
            self._report.found(*_extent(event.found))
        else:
            self._scanner.consumed()

    def _replace(self, event: Lost) -> None:
        self._lost_in_row += 1
        self._report.warn(f"a worker process ended by itself ({event.reason})")
        if self._lost_in_row >= _LOST_MOST:
            self._pools.abandon()
            self._stop(f"the worker processes cannot work: {event.reason}")
            return
        for result in self._pools.replace(event):
            self._take(result)

    def _stop(self, reason: str) -> None:
        """Begin nothing more; what is in flight is finished and recorded."""
        if self._stopping:
            return
        self._stopping = True
        self._list_finished = self._list_finished and self._scan_over
        if reason:
            self._report.error(f"the run stops: {reason}")
        self._pools.stop()
        self._scanner.stop()

    def _take(self, result: Message) -> None:
        number, reply, *values = result
        if reply == Reply.SLOW_DOWN:
            self._slow_down()
            return
        sending, upload, task = self._tasks[number]
        if self._debugging:
            self._report.debug(f"result of {number}: {Reply.NAMES[reply]} {values}")
        if reply == Reply.MOVED:
            if upload:
                self._uploads.moved(upload, task, values[0])
            else:
                self._ledger.moved(sending, values[0])
            return
        if reply == Reply.WARNING:
            self._report.warn(f"{keys.printable(sending.cos_path)}: {values[0]}")
            return
        if task[1] not in _OF_SOURCE and reply not in {Reply.UNSTARTED, Reply.FAILED}:
            self._row.success()
        if reply == Reply.FAILED and self._cured(Failure(*values)):
            reply = Reply.UNSTARTED
        if upload is None and reply == Reply.UNSTARTED:
            self._again.append(number)
            return
        del self._tasks[number]
        if upload is None:
            self._take_small(sending, task, reply, values)
        else:
            self._uploads.take(upload, task, reply, values)

    def _slow_down(self) -> None:
        if self._limit.slow_down(time.monotonic()):
            self._pools.allow(self._limit.allowed)
            self._report.note(f"COS asks to slow down: {self._limit.allowed} transfers at once")

    def _take_small(self, sending: Sending, task: Message, reply: int, values: list[Any]) -> None:
        if reply == Reply.DONE and task[1] == Kind.EXAMINE:
            fingerprint = Fingerprint(*values)
            sending.obj = sending.obj._replace(fingerprint=fingerprint)
            sending.told = fingerprint if fingerprint.size < 0 else None
            self._plan_known(sending.obj, sending.cos_path, sending.record_key, sending.told)
        elif reply == Reply.DONE:
            self._refusals = 0
            arrival = Arrival(*values)
            sending.obj = sending.obj._replace(fingerprint=Fingerprint(*arrival[3:]))
            self._ledger.arrived(sending, arrival.request_id, arrival.unverified, arrival.crc64)
        elif reply == Reply.SPOOLED:
            path, *fingerprint_fields = values
            fingerprint = Fingerprint(*fingerprint_fields)
            self._spool.adopt(sending.cos_path, path, fingerprint.size)
            sending.obj = sending.obj._replace(fingerprint=fingerprint, spooled=path)
            self._uploads.park(sending)
        elif reply == Reply.TARGET_EXISTS:
            self._ledger.on_cos(sending, newer=values[0])
        elif task[1] == Kind.COPY_OBJECT and values[2] in COPY_REFUSED:
            self._stream_instead(sending)
        else:
            self._failed(sending, Failure(*values))

    def _stream_instead(self, sending: Sending) -> None:
        """Send an object through this machine, since COS will not copy it."""
        self._refusals += 1
        if self._copying and self._refusals >= _REFUSALS_MOST:
            self._copying = False
            self._report.note("COS refuses to copy: all bodies pass through this machine from now")
        self._send(sending, copy=False)

    def _failed(self, sending: Sending, failure: Failure) -> None:
        self._ledger.failed(sending.obj, sending.cos_path, sending.record_key, failure)
        if self._row.failure(failure):
            self._stop(f"{failure.message} ({failure.code}); no other object can escape this")

    def _cured(self, failure: Failure) -> bool:
        """Return whether new credentials make it worth to try a task again."""
        if failure.code not in EXPIRED_CODES or self._stopping:
            return False
        now = time.monotonic()
        if now - self._renewed < 60:  # noqa: PLR2004 - begun before they were renewed
            return True
        fresh = self._plan.reload_credentials()
        if fresh is None:
            return False
        self._renewed = now
        self._pools.replace_credentials(fresh)
        self._report.note("the temporary credentials had expired and were read again")
        return True

    # -- plan and submit -----------------------------------------------------------------------

    def _pump(self) -> None:
        """Give the pools as much as they take."""
        if self._stopping or not self._open:
            return
        room = self._room(big=False)
        while self._again and room:
            room -= 1
            number = self._again.popleft()
            self._pools.submit(self._tasks[number][-1])
        self._plan_found(room)
        self._uploads.feed(self._big_room, copying=self._copying)
        self._pools.flush()

    def _room(self, *, big: bool) -> int:
        """Return how many transfers may be submitted to a pool now."""
        if not self._row.proven:
            # The first transfer goes alone: it tells what would fail for all.
            return int(self._pools.under_way - self._uploads.hashing == 0)
        return self._pools.room(big=big)

    def _big_room(self, together: str) -> int:
        return min(self._room(big=True), self._pools.room(big=True, together=together))

    def _plan_found(self, room: int) -> None:
        """Decide about what the scan has found, until `room` small transfers are submitted."""
        found = self._found
        while found and room and not self._uploads.full:
            item = found.popleft()
            self._batches[0] -= 1
            if not self._batches[0]:
                self._batches.popleft()
                self._scanner.consumed()
            if not isinstance(item, Note) and item.page and item.name in self._tried:
                self._ledger.passed_over(item)
            elif isinstance(item, SourceObject):
                self._seen += 1
                room -= self._plan_object(item)
            elif isinstance(item, Rejected):
                self._seen += 1
                self._reject(item)
            else:
                self._report.note(item.line)

    def _plan_object(self, obj: SourceObject) -> bool:
        """Decide about an object; return whether a small transfer was submitted for it."""
        cos_path = cos_path_of(self._source.target, obj)
        record_key = self._source.record_key(obj, cos_path)
        size = obj.fingerprint.size
        problem = keys.problem_of(cos_path) or problem_of_size(size)
        if problem:
            failure = Failure("plan", problem, code="NotMigratable")
            self._ledger.failed(obj, cos_path, record_key, failure)
            return False
        if size < 0 and self._source.examines:
            sending = Sending(obj, cos_path, record_key, update=False)
            self._submit(sending, None, (Kind.EXAMINE, *source_fields(obj)))
            return True
        return self._plan_known(obj, cos_path, record_key)

    def _plan_known(
        self,
        obj: SourceObject,
        cos_path: str,
        record_key: str,
        told: Fingerprint | None = None,
    ) -> bool:
        """Decide about an object of which all is known that can be."""
        rules = self._plan.rules
        recorded = self._ledger.recorded(record_key) if rules.use_records else None
        decision = decide(rules, self._source, obj, recorded)
        if not decision.send:
            self._ledger.skipped(obj, cos_path, record_key, "[skip]")
            return False
        self._watch_billing(obj.fingerprint.size)
        sending = Sending(obj, cos_path, record_key, update=decision.update)
        sending.told = told
        return self._send(sending, copy=self._copying)

    def _send(self, sending: Sending, *, copy: bool) -> bool:
        """Send an object, or park it when it is big; return whether it was submitted."""
        if self._stopping:
            return False  # the next run finds it again
        obj = sending.obj
        if obj.fingerprint.size >= (COPY_MOST if copy else self._plan.rules.small_below):
            self._uploads.park(sending)
            return False
        kind = Kind.COPY_OBJECT if copy else Kind.PUT_OBJECT
        fields = (kind, *source_fields(obj), sending.cos_path, self._plan.upload.look)
        self._submit(sending, None, fields)
        return True

    def _watch_billing(self, size: int) -> None:
        """Warn before many small objects go where each is billed as a large one."""
        if size < self._plan.least_billed:
            self._underfilled += 1
            if self._underfilled == _MANY_SMALL:
                least = self._plan.least_billed >> 10
                self._report.warn(
                    f"many files are smaller than {least} KB, which this storageClass bills at "
                    "least for each, and for at least 30 days (Archive 90, Deep_Archive 180)"
                )

    def _reject(self, item: Rejected) -> None:
        obj = SourceObject(item.name, item.key, Fingerprint(0), item.page)
        if item.unlisted:
            self._list_finished = False
        line = f"{item.line}\n" if item.line else ""
        if item.failure is None:
            self._ledger.not_matching(obj, line)
            return
        cos_path = cos_path_of(self._source.target, obj) if item.key else ""
        record_key = self._source.record_key(obj, cos_path)
        self._ledger.failed(obj, cos_path, record_key, item.failure, line)

    def _submit(
        self, sending: Sending, upload: Upload | None, task: Message, together: str = ""
    ) -> None:
        self._number += 1
        numbered = (self._number, *task)
        if self._debugging:
            self._report.debug(f"task {self._number}: {Kind.NAMES[task[0]]} {sending.cos_path}")
        self._tasks[self._number] = (sending, upload, numbered)
        self._pools.submit(numbered, together)

    # -- clock ---------------------------------------------------------------------------------

    def _watch_clock(self) -> None:
        now = time.monotonic()
        if now < self._next_clock:
            return
        self._next_clock = now + _TICK
        if self._limit.grow(now):
            self._pools.allow(self._limit.allowed)
        self._report.moving(self._uploads.sent)
        self._report.tick()
        self._watch_window(now)

    def _watch_window(self, now: float) -> None:
        window = self._plan.window
        local = time.localtime()
        is_open = window.contains(local.tm_hour * 60 + local.tm_min)
        if self._open and not is_open:
            self._pools.recall()
            self._next_wait_line = now
        self._open = is_open
        if not is_open and not self._stopping and now >= self._next_wait_line:
            self._next_wait_line = now + 60
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", local)
            times = str(window).replace(",", ", ")
            self._report.say(f"currentTime {stamp}, wait next time window [{times}]")
            self._report.say("-" * 69)


def _extent(found: Sequence[Found]) -> tuple[int, int]:
    """Return how many objects a batch holds, and their bytes."""
    objects = size = 0
    for item in found:
        if isinstance(item, SourceObject):
            objects += 1
            size += max(item.fingerprint.size, 0)
        elif isinstance(item, Rejected):
            objects += 1
    return objects, size


PoolsMaker = Callable[[Callable[[Results | Lost], None]], Pools]
