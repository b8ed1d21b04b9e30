"""The one loop of a run: scan, plan, submit, collect, commit.

It owns the records and every decision; one thread, so that nothing needs a lock. Results come
before new work, and nothing is written down before COS has answered.
"""

from __future__ import annotations

import collections
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cos_migrate import keys, records
from cos_migrate.cos.access import Credentials
from cos_migrate.cos.answers import EXPIRED_CODES
from cos_migrate.errors import StateError
from cos_migrate.model import Failure, Fingerprint, Found, Outcome, Rejected, SourceObject, Status
from cos_migrate.multipart import BigUpload, Step, UploadOptions
from cos_migrate.pacing import FailureRow, Limit
from cos_migrate.plan import Rules, cos_path_of, decide, part_size_for, problem_of_size
from cos_migrate.pools import Lost, Pools, Results
from cos_migrate.report import Report, Summary
from cos_migrate.save_points import SavePoints
from cos_migrate.scanner import ScanEnded, Scanned, Scanner
from cos_migrate.settings import TimeWindow
from cos_migrate.sources.base import Source
from cos_migrate.state import State
from cos_migrate.tasks import Kind, Message, Reply, source_fields

_TICK = 0.1
_SYNC_EVERY = 0.9
_LINE_EVERY = 2.0
_PARKED_MOST = 10_000
"""Big objects that may wait for room before the scan has to."""
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


class _Sending:
    """An object on its way."""

    __slots__ = ("cos_path", "obj", "record_key", "said", "update", "upload")

    def __init__(self, obj: SourceObject, cos_path: str, record_key: str, *, update: bool) -> None:
        self.obj = obj
        self.cos_path = cos_path
        self.record_key = record_key
        self.update = update
        self.upload: BigUpload | None = None
        self.said = 0.0


class Migration:
    """One run over one source."""

    def __init__(
        self, plan: Plan, source: Source, state: State, report: Report, make_pools: PoolsMaker
    ) -> None:
        """`make_pools` is given what the workers have to post their results to."""
        self._plan = plan
        self._source = source
        self._state = state
        self._report = report
        self._inbox: queue.SimpleQueue[Results | Lost | Scanned | ScanEnded | None] = (
            queue.SimpleQueue()
        )
        self._pools = make_pools(self._inbox.put)
        self._scanner = Scanner(lambda: source.scan(""), self._inbox.put)
        self._save_points = SavePoints(state, source.target.bucket)
        self._found: collections.deque[Found] = collections.deque()
        self._batches: collections.deque[int] = collections.deque()
        self._again: collections.deque[int] = collections.deque()
        self._parked: collections.deque[_Sending] = collections.deque()
        self._uploads: list[_Sending] = []
        self._tasks: dict[int, tuple[_Sending, Message]] = {}
        self._hashing = 0
        self._number = 0
        self._puts: list[tuple[bytes, bytes]] = []
        self._deletes: list[bytes] = []
        self._outcomes: list[Outcome] = []
        self._row = FailureRow()
        self._limit = Limit(self._pools.total)
        self._lost_in_row = 0
        self._scan_over = False
        self._list_finished = True
        self._stopping = False
        self._interrupted = False
        self._seen = 0
        self._settled = 0
        self._open = True
        self._next_clock = 0.0
        self._next_wait_line = 0.0
        self._synced = time.monotonic()
        self._unsynced = False
        self._renewed = float("-inf")
        self._underfilled = 0
        self._debugging = report.debugging

    def interrupt(self) -> None:
        """End the run early, keeping what is done; may be called from a signal handler."""
        self._interrupted = True
        self._inbox.put(None)

    def run(self) -> Summary:
        """Migrate everything there is; return what happened. Raises StateError."""
        self._scanner.start()
        try:
            while not self._over():
                self._collect()
                self._watch_clock()
                self._pump()
                self._commit()
            self._commit(final=True)
        except StateError:
            # What was sent since the last batch is not recorded: the next run sends it again.
            self._stop("")
            self._report.end_run(list_finished=False, interrupted=self._interrupted)
            raise
        finally:
            self._scanner.stop()
            self._pools.close()
        if not self._stopping and self._seen != self._settled:
            self._report.error(
                f"internal error: {self._seen} objects were found, {self._settled} accounted for"
            )
        complete = self._list_finished and not self._found and self._seen == self._settled
        return self._report.end_run(list_finished=complete, interrupted=self._interrupted)

    def _over(self) -> bool:
        if self._pools.under_way:
            return False
        if self._stopping:
            return True
        waiting = self._found or self._again or self._parked or self._uploads
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
            self._found.extend(event.found)
            self._batches.append(len(event.found))
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
            if self._limit.slow_down(time.monotonic()):
                self._pools.allow(self._limit.allowed)
                self._report.note(f"COS asks to slow down: {self._limit.allowed} transfers at once")
            return
        sending, task = self._tasks[number]
        if self._debugging:
            self._report.debug(f"result of {number}: {Reply.NAMES[reply]} {values}")
        if reply == Reply.MOVED:
            self._moved(sending, task, values[0])
            return
        if task[1] == Kind.DIGEST:
            self._hashing -= 1
        elif reply not in {Reply.UNSTARTED, Reply.FAILED}:
            self._row.success()
        if reply == Reply.FAILED and self._cured(Failure(*values)):
            reply = Reply.UNSTARTED
        if sending.upload is None:
            self._take_small(number, sending, reply, values)
        else:
            del self._tasks[number]
            self._take_big(sending, sending.upload, task, reply, values)

    def _take_small(self, number: int, sending: _Sending, reply: int, values: list[Any]) -> None:
        if reply == Reply.UNSTARTED:
            self._again.append(number)
            return
        del self._tasks[number]
        if reply == Reply.DONE:
            request_id, unverified, size, mtime_ns, etag = values
            sending.obj = sending.obj._replace(fingerprint=Fingerprint(size, mtime_ns, etag))
            self._arrived(sending, str(request_id), str(unverified))
        elif reply == Reply.TARGET_EXISTS:
            self._skip(sending.obj, sending.cos_path, sending.record_key, "[skip] file on cos,")
        else:
            self._failed(sending, Failure(*values))

    def _take_big(
        self,
        sending: _Sending,
        upload: BigUpload,
        task: Message,
        reply: int,
        values: list[Any],
    ) -> None:
        if reply == Reply.DONE:
            step = upload.take(task, tuple(values))
        elif reply == Reply.FAILED:
            step = upload.fail(task, Failure(*values))
        else:
            step = upload.give_back(task)
        self._keep(step)
        if step.part:
            self._say_progress(sending, upload.sent)
        if step.done or step.failure or step.exists:
            self._uploads.remove(sending)
            sending.obj = upload.obj
        if step.done:
            self._arrived(sending, *step.done)
        elif step.failure:
            self._failed(sending, step.failure)
        elif step.exists:
            self._skip(sending.obj, sending.cos_path, sending.record_key, "[skip] file on cos,")

    def _keep(self, step: Step) -> None:
        """Put what a step means for the save points into the next batch of records."""
        if step.begun:
            self._puts += self._save_points.begun(step.begun)
        if step.part and step.save_point:
            key = records.part_key(step.save_point.upload_id, step.part.number)
            self._puts.append((key, records.part_value(step.part)))
        if step.forget:
            self._write()  # its parts are looked up: all of them must be there
            self._deletes += self._save_points.forget(step.forget)

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

    # -- outcomes ------------------------------------------------------------------------------

    def _arrived(self, sending: _Sending, request_id: str, unverified: str) -> None:
        obj, cos_path, size = sending.obj, sending.cos_path, sending.obj.fingerprint.size
        value = self._source.record_value(obj)
        self._puts.append((sending.record_key.encode(), value.encode()))
        if request_id:
            self._puts.append((records.request_id_key(cos_path), request_id.encode()))
        lines = (
            f"{_progress_line(cos_path, size, size)}\n[ok] [requestid: {request_id or 'NULL'}], "
            f"task_info: {keys.printable(sending.record_key)}\n"
        )
        status = Status.UPDATE if sending.update else Status.NEW
        self._settle(status, obj, cos_path, lines, unverified=unverified)

    def _skip(self, obj: SourceObject, cos_path: str, record_key: str, how: str) -> None:
        line = f"{how} task_info: {keys.printable(record_key)}\n"
        self._settle(Status.SKIP, obj, cos_path, line)

    def _failed(self, sending: _Sending, failure: Failure) -> None:
        self._fail(sending.obj, sending.cos_path, sending.record_key, failure)
        if self._row.failure(failure):
            self._stop(f"{failure.message} ({failure.code}); no other object can escape this")

    def _fail(
        self, obj: SourceObject, cos_path: str, record_key: str, failure: Failure, before: str = ""
    ) -> None:
        line = f"{before}[fail] task_info: {keys.printable(record_key)}\n"
        self._settle(Status.FAIL, obj, cos_path, line, failure=failure)

    def _settle(
        self,
        status: Status,
        obj: SourceObject,
        cos_path: str,
        lines: str,
        *,
        failure: Failure | None = None,
        unverified: str = "",
    ) -> None:
        size, mtime_ns, _ = obj.fingerprint
        mtime_ms = mtime_ns // 1_000_000 if mtime_ns >= 0 else -1
        self._settled += 1
        self._outcomes.append(
            Outcome(status, obj.name, cos_path, size, lines, failure, mtime_ms, unverified)
        )

    def _moved(self, sending: _Sending, task: Message, count: int) -> None:
        if sending.upload:
            sending.upload.moved(task, count)
            count = sending.upload.sent
        self._say_progress(sending, count)

    def _say_progress(self, sending: _Sending, sent: int) -> None:
        now = time.monotonic()
        size = sending.obj.fingerprint.size
        if now - sending.said >= _LINE_EVERY and sent < size:
            sending.said = now
            self._report.event(_progress_line(sending.cos_path, sent, size))

    # -- plan and submit -----------------------------------------------------------------------

    def _pump(self) -> None:
        """Give the pools as much as they take."""
        if self._stopping or not self._open:
            return
        room = self._room(big=False)
        while self._again and room:
            room -= 1
            number = self._again.popleft()
            self._pools.submit(self._tasks[number][1])
        self._plan_found(room)
        self._feed_uploads()
        self._pools.flush()

    def _room(self, *, big: bool) -> int:
        """Return how many transfers may be submitted to a pool now."""
        if not self._row.proven:
            # The first transfer goes alone: it tells what would fail for all.
            return int(self._pools.under_way - self._hashing == 0)
        return self._pools.room(big=big)

    def _plan_found(self, room: int) -> None:
        """Decide about what the scan has found, until `room` small transfers are submitted."""
        found, known, size = self._found, 0, 0
        while found and room and len(self._parked) < _PARKED_MOST:
            item = found.popleft()
            self._batches[0] -= 1
            if not self._batches[0]:
                self._batches.popleft()
                self._scanner.consumed()
            if isinstance(item, SourceObject):
                self._seen += 1
                known += 1
                size += max(item.fingerprint.size, 0)
                room -= self._plan_object(item)
            elif isinstance(item, Rejected):
                self._seen += 1
                self._reject(item)
            else:
                self._report.note(item.line)
        self._report.found(known, size)

    def _plan_object(self, obj: SourceObject) -> bool:
        """Decide about an object; return whether a small transfer was submitted for it."""
        cos_path = cos_path_of(self._source.target, obj)
        record_key = self._source.record_key(obj, cos_path)
        size = obj.fingerprint.size
        problem = keys.problem_of(cos_path) or problem_of_size(size)
        if problem:
            failure = Failure("plan", problem, code="NotMigratable")
            self._fail(obj, cos_path, record_key, failure)
            return False
        rules = self._plan.rules
        known = self._state.get(record_key.encode()) if rules.use_records else None
        recorded = known.decode() if known is not None else None
        decision = decide(rules, self._source, obj, recorded)
        if not decision.send:
            self._skip(obj, cos_path, record_key, "[skip]")
            return False
        self._watch_billing(size)
        sending = _Sending(obj, cos_path, record_key, update=decision.update)
        if size >= rules.small_below:
            self._parked.append(sending)
            return False
        skip_same_path = self._plan.upload.skip_same_path
        self._submit(sending, (Kind.PUT_OBJECT, *source_fields(obj), cos_path, skip_same_path))
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
        obj = SourceObject(item.name, item.key, Fingerprint(0))
        if item.unlisted:
            self._list_finished = False
        line = f"{item.line}\n" if item.line else ""
        if item.failure is None:
            self._settle(Status.CONDITION_NOT_MATCH, obj, "", line)
            return
        cos_path = cos_path_of(self._source.target, obj) if item.key else ""
        record_key = self._source.record_key(obj, cos_path)
        self._fail(obj, cos_path, record_key, item.failure, line)

    def _feed_uploads(self) -> None:
        """Keep the big pool busy: oldest objects first, hashing a little ahead of sending."""
        self._begin_uploads()
        ahead = max(1, self._plan.big_objects // 4)
        for sending in list(self._uploads):
            upload = sending.upload
            if upload and upload.hashing and upload.ready and self._hashing < ahead:
                self._submit_next(sending, upload)
        for sending in list(self._uploads):
            upload = sending.upload
            while upload and upload.ready and not upload.hashing and self._room(big=True) > 0:
                self._submit_next(sending, upload)

    def _begin_uploads(self) -> None:
        while self._parked and len(self._uploads) < self._plan.big_objects:
            sending = self._parked.popleft()
            obj, cos_path, options = sending.obj, sending.cos_path, self._plan.upload
            save_point = self._save_points.find(cos_path)
            upload_id = None
            if save_point is None:
                size, mtime_ns, _ = obj.fingerprint
                upload_id = self._save_points.find_java(
                    cos_path,
                    obj.name,
                    mtime_ns // 1_000_000,
                    part_size_for(size, options.part_size),
                    options.threshold,
                )
            sending.upload = BigUpload(obj, cos_path, options, save_point, upload_id or "")
            self._uploads.append(sending)

    def _submit_next(self, sending: _Sending, upload: BigUpload) -> None:
        task = upload.next_task()
        if task is not None:
            self._hashing += task[0] == Kind.DIGEST
            self._submit(sending, task)

    def _submit(self, sending: _Sending, task: Message) -> None:
        self._number += 1
        numbered = (self._number, *task)
        if self._debugging:
            self._report.debug(f"task {self._number}: {Kind.NAMES[task[0]]} {sending.cos_path}")
        self._tasks[self._number] = (sending, numbered)
        self._pools.submit(numbered)

    # -- commit and clock ----------------------------------------------------------------------

    def _commit(self, *, final: bool = False) -> None:
        """Write records, then tell of them."""
        now = time.monotonic()
        due = now - self._synced >= _SYNC_EVERY
        if self._puts or self._deletes:
            self._write(sync=due or final)
        elif self._unsynced and (due or final):
            self._state.sync()
            self._unsynced = False
        if due:
            self._synced = now
        if self._outcomes:
            self._report.add(self._outcomes)
            self._outcomes = []

    def _write(self, *, sync: bool = False) -> None:
        self._state.write(self._puts, self._deletes, sync=sync)
        self._puts, self._deletes = [], []
        self._unsynced = not sync

    def _watch_clock(self) -> None:
        now = time.monotonic()
        if now < self._next_clock:
            return
        self._next_clock = now + _TICK
        if self._limit.grow(now):
            self._pools.allow(self._limit.allowed)
        self._report.moving(sum(s.upload.sent for s in self._uploads if s.upload))
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
            self._report.event(f"currentTime {stamp}, wait next time window [{times}]")
            self._report.event("-" * 69)


PoolsMaker = Callable[[Callable[[Results | Lost], None]], Pools]


def _progress_line(cos_path: str, sent: int, size: int) -> str:
    share = 100.0 * sent / size if size else 100.0
    return (
        f"[UploadInProgress] [key: {keys.printable(cos_path)}] "
        f"[byteSent/ byteTotal/ percentage: {sent}/ {size}/ {share:.2f}%]"
    )
