"""Writes down what has happened: records and save points first, then the outcomes.

What COS has confirmed is gathered, written to the database in one batch, and only then told.
"""

from __future__ import annotations

import time

from cos_migrate import keys, records
from cos_migrate.model import Failure, Outcome, SourceObject, Status
from cos_migrate.multipart import Step
from cos_migrate.report import Report
from cos_migrate.save_points import SavePoints
from cos_migrate.sources.base import Source
from cos_migrate.state import State

_SYNC_EVERY = 0.9
"""Seconds after which what was written has to outlive a power cut."""
_LINE_EVERY = 2.0
"""Seconds between two progress lines of an object."""


class Sending:
    """An object on its way, and what the records say of it."""

    __slots__ = ("cos_path", "obj", "record_key", "said", "update")

    def __init__(self, obj: SourceObject, cos_path: str, record_key: str, *, update: bool) -> None:
        self.obj = obj
        self.cos_path = cos_path
        """Target path with its leading `/`."""
        self.record_key = record_key
        self.update = update
        """Whether its arrival counts as migrate_update."""
        self.said = 0.0
        """When a progress line last told of it, time.monotonic()."""


class Ledger:
    """The records and outcomes of one run."""

    def __init__(self, source: Source, state: State, report: Report) -> None:
        self.save_points = SavePoints(state, source.target.bucket)
        self.settled = 0
        """Objects that have their outcome."""
        self._source = source
        self._state = state
        self._report = report
        self._puts: list[tuple[bytes, bytes]] = []
        self._deletes: list[bytes] = []
        self._outcomes: list[Outcome] = []
        self._synced = time.monotonic()
        self._unsynced = False

    def recorded(self, record_key: str) -> str | None:
        """Return what is recorded under a key, None when nothing is. Raises StateError."""
        value = self._state.get(record_key.encode())
        return value.decode("utf-8", "replace") if value is not None else None

    def arrived(self, sending: Sending, request_id: str, unverified: str) -> None:
        """Record an object that COS has confirmed."""
        obj, cos_path, size = sending.obj, sending.cos_path, sending.obj.fingerprint.size
        value = self._source.record_value(obj)
        self._puts.append((sending.record_key.encode(), value.encode()))
        if request_id:
            self._puts.append((records.request_id_key(cos_path), request_id.encode()))
        lines = (
            f"{progress_line(cos_path, size, size)}\n[ok] [requestid: {request_id or 'NULL'}], "
            f"task_info: {keys.printable(sending.record_key)}\n"
        )
        status = Status.UPDATE if sending.update else Status.NEW
        self._settle(status, obj, cos_path, lines, unverified=unverified)

    def skipped(self, obj: SourceObject, cos_path: str, record_key: str, how: str) -> None:
        """Settle an object that is left alone; `how` is what its line begins with."""
        line = f"{how} task_info: {keys.printable(record_key)}\n"
        self._settle(Status.SKIP, obj, cos_path, line)

    def not_matching(self, obj: SourceObject, line: str) -> None:
        """Settle what a condition of the configuration leaves out."""
        self._settle(Status.CONDITION_NOT_MATCH, obj, "", line)

    def failed(
        self, obj: SourceObject, cos_path: str, record_key: str, failure: Failure, before: str = ""
    ) -> None:
        """Settle an object that failed; `before` are lines that explain it."""
        line = f"{before}[fail] task_info: {keys.printable(record_key)}\n"
        self._settle(Status.FAIL, obj, cos_path, line, failure=failure)

    def keep(self, step: Step) -> None:
        """Record what a step of a multipart upload means for its save point."""
        if step.begun:
            self._puts += self.save_points.begun(step.begun)
        if step.part and step.save_point:
            key = records.part_key(step.save_point.upload_id, step.part.number)
            self._puts.append((key, records.part_value(step.part)))
        if step.forget:
            self._write()  # its parts are looked up: all of them must be there
            self._deletes += self.save_points.forget(step.forget)

    def moved(self, sending: Sending, sent: int) -> None:
        """Tell how far an object is, now and then."""
        now = time.monotonic()
        size = sending.obj.fingerprint.size
        if now - sending.said >= _LINE_EVERY and sent < size:
            sending.said = now
            self._report.event(progress_line(sending.cos_path, sent, size))

    def commit(self, *, final: bool = False) -> None:
        """Write records, then tell of them. Raises StateError."""
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
        self.settled += 1
        self._outcomes.append(
            Outcome(status, obj.name, cos_path, size, lines, failure, mtime_ms, unverified)
        )


def progress_line(cos_path: str, sent: int, size: int) -> str:
    """Return the line that says how many of an object's bytes have been sent."""
    share = 100.0 * sent / size if size else 100.0
    return (
        f"[UploadInProgress] [key: {keys.printable(cos_path)}] "
        f"[byteSent/ byteTotal/ percentage: {sent}/ {size}/ {share:.2f}%]"
    )
