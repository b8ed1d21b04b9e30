"""Writes down what has happened: records and save points first, then the outcomes.

What COS has confirmed is gathered, written to the database in one batch, and only then told.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import cast

from cos_migrate.engine.plan import Decision, Rules, cos_path_of, decide
from cos_migrate.engine.spot_check import Skipped
from cos_migrate.engine.upload_step import Step
from cos_migrate.model import (
    Failure,
    Fingerprint,
    Found,
    Outcome,
    Rejected,
    Row,
    SavePoint,
    SourceObject,
    Status,
    object_of,
    objects_of,
    rows_of,
)
from cos_migrate.report import lines
from cos_migrate.report.report import Report
from cos_migrate.scan import positions
from cos_migrate.scan.positions import Positions
from cos_migrate.scan.walk import Listed
from cos_migrate.sources.base import Source
from cos_migrate.state import keys as records
from cos_migrate.state.failed_objects import FailedObjects
from cos_migrate.state.save_points import SavePoints
from cos_migrate.state.store import RecordStore
from cos_migrate.state.stored import StoredRecords, listed_time
from cos_migrate.text import all_visible, printable

_Get = Callable[[bytes], "bytes | None"]
_GONE = "NoSuchKey"
"""The code of an object that its source has no more."""
_SYNC_EVERY = 0.9
"""Seconds after which what was written has to outlive a power cut."""
_LINE_EVERY = 2.0
"""Seconds between two progress lines of an object."""


class Sending:
    """An object on its way, and what the records say of it."""

    __slots__ = ("cos_path", "listed", "listed_ns", "obj", "record_key", "said", "told", "update")

    def __init__(self, obj: SourceObject, cos_path: str, record_key: str, *, update: bool) -> None:
        self.obj = obj
        self.cos_path = cos_path
        """Target path with its leading `/`."""
        self.record_key = record_key
        self.update = update
        """Whether its arrival counts as migrate_update."""
        self.listed: Fingerprint | None = None
        """What its listing says of it; None where that says nothing."""
        self.told: Fingerprint | None = None
        """What the record says of it, where that is not what was sent: a size nobody had told."""
        self.listed_ns = -1
        """When a `weak` object was modified, as it was listed; -1: not told."""
        self.said = 0.0
        """When a progress line last told of it, time.monotonic()."""


class Ledger:
    """The records and outcomes of one run."""

    def __init__(
        self, source: Source, state: RecordStore, report: Report, positions: Positions | None = None
    ) -> None:
        """`positions`: those of a listing by pages; None for a walk."""
        self.save_points = SavePoints(state, source.target.bucket)
        self.settled = 0
        """Objects that have their outcome."""
        self.abandoned: collections.deque[tuple[str, str]] = collections.deque()
        """Target path and id of uploads that are recorded as abandoned and not yet aborted."""
        self._abandoning: list[tuple[str, str]] = []
        """Those whose record is still to be written."""
        if not state.was_empty:
            self.abandoned += records.abandoned_uploads(state)
        self.left_alone = Skipped()
        """Those of them that were skipped because of their records."""
        self.folder = str(state.folder)
        self._source = source
        self._state = state
        self._stored = StoredRecords(state, source)
        self._warned = False
        self._report = report
        # A first run of millions need not ask for what cannot be there.
        self._nothing_recorded = state.was_empty and not source.repeats
        self._positions = positions
        self._failed = FailedObjects(records.origin_mark(source.origin()))
        self._gone: dict[str, tuple[bytes, bytes]] = {}
        """What had failed and was gone when it was tried first, by name, and what told of it."""
        self._listed_again: set[str] = set()
        self._puts: list[tuple[bytes, bytes]] = []
        self._deletes: list[bytes] = []
        self._outcomes: list[Outcome] = []
        self._synced = time.monotonic()
        self._unsynced = False

    def recorded(self, record_key: str) -> str | None:
        """Return what is recorded under a key, None when nothing is. Raises StateError."""
        if self._nothing_recorded:
            return None
        value = self._state.get(record_key.encode())
        return value.decode("utf-8", "replace") if value is not None else None

    def decide(self, rules: Rules, obj: SourceObject, cos_path: str, record_key: str) -> Decision:
        """Decide about an object, and settle one that is left alone. Raises StateError."""
        recorded = self.recorded(record_key) if rules.use_records else None
        if obj.weak and recorded is not None:
            self._watch_weak(obj)
            same = self._stored.is_unchanged(obj, cos_path, record_key, recorded)
            decision = Decision(send=not same, update=True)
        else:
            decision = decide(rules, self._source, obj, recorded)
        if not decision.send:
            completion = self._stored.completion(obj, cos_path, record_key) if obj.weak else None
            if completion:
                self._puts.append(completion[0])
                self._deletes.append(completion[1])
            value = self._source.renewed(obj, recorded or "")
            self.skipped(obj, cos_path, record_key, value)
        return decision

    def leave_recorded(self, found: Sequence[Found | Row], tried: Collection[str]) -> list[Found]:
        """Settle the objects that are recorded as they are; return all others.

        It does for many at once what `recorded`, `plan.decide` and `skipped` do for one: in a
        repeated run it is all that happens to nearly every object. `tried`: names of objects of
        listed pages that have been dealt with. Raises StateError.
        """
        if self._nothing_recorded:
            return list(objects_of(found))
        rows = rows_of(found)
        objects = [cast("Found", item) for item in found if type(item) is not tuple]
        left: list[str] = []
        others: list[Found] = []
        with self._state.in_order() as get:
            size = self._compare_rows(rows, get, left, objects, others) if rows else 0
            size += self._compare(objects, get, tried, left, others)
        if left:
            self._settle_skipped(left, size)
        return others

    def _compare_rows(
        self,
        rows: list[Row],
        get: _Get,
        left: list[str],
        objects: list[Found],
        others: list[Found],
    ) -> int:
        """Add the record keys of those to leave alone to `left`, those without one to `others`.

        What is recorded in other words is added to `objects`. Return the bytes of the first.
        """
        failed, size = self._failed.keys, 0
        for row, (key, value) in zip(rows, self._source.row_records(rows), strict=True):
            recorded = get(key.encode("utf-8", "surrogatepass"))
            if recorded == value.encode() and not failed:
                left.append(key)
                size += row[2]
            else:
                (others if recorded is None else objects).append(object_of(row))
        return size

    def _compare(
        self,
        found: list[Found],
        get: _Get,
        tried: Collection[str],
        left: list[str],
        others: list[Found],
    ) -> int:
        """Add the record keys of those to leave alone to `left`, all else to `others`.

        Return the bytes of the first.
        """
        source, positions, failed = self._source, self._positions, self._failed.keys
        size = 0
        for obj in found:
            if not isinstance(obj, SourceObject) or obj.fingerprint[0] < 0:
                others.append(obj)
                continue
            cos_path = cos_path_of(source.target, obj)
            key = source.record_key(obj, cos_path)
            value = get(key.encode("utf-8", "surrogatepass"))
            recorded = None if value is None else value.decode("utf-8", "replace")
            if (
                recorded is None
                or not (
                    self._stays(obj, cos_path, key, recorded, get)
                    if obj.weak
                    else source.unchanged(obj, recorded)
                )
                or source.renewed(obj, recorded)
                or (tried and obj.page and obj.name in tried)
                or (failed and records.failed_key(key) in failed)
            ):
                others.append(obj)
                continue
            left.append(key)
            size += obj.fingerprint[0]
            if positions and obj.page:
                positions.settled(obj.page)
        return size

    def _stays(
        self, obj: SourceObject, cos_path: str, record_key: str, recorded: str, get: _Get
    ) -> bool:
        """Return whether nothing is to be done for a `weak` object, nor to be written down."""
        self._watch_weak(obj)
        stored = self._stored
        return stored.is_unchanged(obj, cos_path, record_key, recorded, get) and stored.is_complete(
            obj, cos_path, record_key, get
        )

    def _watch_weak(self, obj: SourceObject) -> None:
        if not self._warned and self._stored.tells_nothing(obj):
            self._warned = True
            self._report.warn(
                f"{printable(self._source.shown(obj.name))}: the source tells neither an ETag "
                "that shows changes nor a time of modification; changes that keep the size of such "
                "objects cannot be noticed"
            )

    def _settle_skipped(self, record_keys: list[str], size: int) -> None:
        shown = [self._source.shown(key) for key in record_keys]
        if not all_visible(shown):
            shown = [printable(key) for key in shown]
        self.left_alone.add(record_keys)
        self.settled += len(shown)
        text = lines.skipped_all(shown)
        self._outcomes.append(Outcome(Status.SKIP, "", "", size, text, objects=len(shown)))

    def failed_before(self) -> Iterator[SourceObject]:
        """Yield the objects that failed when they were listed by pages, to be tried first."""
        return self._failed.load(self._state.scan(records.failed_prefix()))

    def as_listed(self, obj: SourceObject) -> SourceObject:
        """Return an object that failed before as it was listed then, any other as it is."""
        return self._failed.as_listed(obj)

    def arrived(
        self,
        sending: Sending,
        request_id: str,
        unverified: str,
        crc64: int = -1,
        etag: str = "",
    ) -> None:
        """Record an object that COS has confirmed.

        `crc64` is -1 where it is not known; `etag` is COS's, empty where it is not known.
        """
        obj, cos_path, size = sending.obj, sending.cos_path, sending.obj.fingerprint.size
        recorded = obj._replace(fingerprint=sending.told) if sending.told else obj
        record_key, source, puts = sending.record_key, self._source, self._puts
        puts.append((record_key.encode(), source.record_value(recorded).encode()))
        if not source.reads_at_once:
            puts.append(self._stored_value(sending, etag, crc64))
            if sending.update:  # what 0.1 has kept of it is not true any more
                self._deletes.append(records.crc64_key(record_key))
        if request_id:
            puts.append((records.request_id_key(cos_path), request_id.encode()))
        text = lines.sent(
            cos_path, size, source.download_name(obj), request_id, self._shown(record_key)
        )
        self._no_longer_failed(record_key)
        status = Status.UPDATE if sending.update else Status.NEW
        self._settle(status, obj, cos_path, text, unverified=unverified)

    def _stored_value(self, sending: Sending, etag: str, crc64: int) -> tuple[bytes, bytes]:
        """Return what to write of an object of a cloud beside its record."""
        obj = sending.obj
        if obj.weak:
            mtime_ns = listed_time(sending.listed_ns, obj.fingerprint.mtime_ns)
            obj = obj._replace(fingerprint=obj.fingerprint._replace(mtime_ns=mtime_ns))
            self._watch_weak(obj)
        return self._stored.arrived(obj, sending.cos_path, sending.record_key, etag, crc64)

    def skipped(
        self,
        obj: SourceObject,
        cos_path: str,
        record_key: str,
        value: str = "",
        line_of: Callable[[str], str] = lines.skipped,
    ) -> None:
        """Settle an object that is left alone; `line_of` makes its line.

        `value`: what its record is to say from now on; empty: what it says.
        """
        line = line_of(self._shown(record_key))
        self.left_alone.add([record_key])
        if value:
            self._puts.append((record_key.encode(), value.encode()))
        self._no_longer_failed(record_key)
        self._settle(Status.SKIP, obj, cos_path, line)

    def on_cos(self, sending: Sending, *, newer: bool) -> None:
        """Settle an object that is left alone because of what COS has at its path."""
        line_of = lines.skipped if newer else lines.found_on_cos
        self.skipped(sending.obj, sending.cos_path, sending.record_key, line_of=line_of)

    def not_matching(self, obj: SourceObject, line: str, record_key: str = "") -> None:
        """Settle what a condition of the configuration leaves out.

        `record_key`: under which it may have failed before.
        """
        self._no_longer_failed(record_key)
        self._settle(Status.CONDITION_NOT_MATCH, obj, "", line)

    def failed(
        self,
        obj: SourceObject,
        cos_path: str,
        record_key: str,
        failure: Failure,
        before: str = "",
        listed: Fingerprint | None = None,
    ) -> None:
        """Settle an object that failed; `before` are lines that explain it.

        `listed` is what its listing says of it: the next run holds its answers to that.
        """
        line = before + lines.failed(self._shown(record_key))
        kept = self._failed.record(obj, record_key, listed)
        if not obj.page and failure.code == _GONE and obj.name not in self._listed_again:
            # It failed before and is gone: unless it is listed again, that was its last time.
            self._no_longer_failed(record_key)
            self._gone[obj.name] = kept
        elif self._positions and obj.key:
            self._puts.append(kept)
        self._settle(Status.FAIL, obj, cos_path, line, failure=failure)

    def listed(self, listed: Listed, objects: int) -> None:
        """Note a page of a listing, of whose objects so many have no outcome yet."""
        if self._positions:
            self._positions.listed(listed, objects)

    def passed_over(self, obj: SourceObject | Rejected) -> None:
        """Note that an object of a page was tried, and counted, before it was listed."""
        self._listed_again.add(obj.name)
        self._list_again(obj)
        kept = self._gone.pop(obj.name, None)
        if kept:
            # The position moves behind it: only this will have it tried again.
            self._deletes = [key for key in self._deletes if key != kept[0]]
            self._puts.append(kept)
        if self._positions:
            self._positions.settled(obj.page)

    def _list_again(self, obj: SourceObject | Rejected) -> None:
        """Keep what the listing says now of an object that failed before."""
        if isinstance(obj, SourceObject) and self._failed.list_again(obj):
            record_key = self._source.record_key(obj, cos_path_of(self._source.target, obj))
            kept = self._failed.record(obj, record_key)
            if kept[0] in self._failed.keys:
                self._puts.append(kept)
            if obj.name in self._gone:
                self._gone[obj.name] = kept

    def renamed(self, record_key: str) -> None:
        """Note that an object has another record key than the one it had failed under."""
        self._no_longer_failed(record_key)

    def listing_complete(self) -> None:
        """Forget the positions: the next run lists from the start."""
        if self._positions:
            self.commit(final=True)
            self._positions = None
            self._deletes += positions.stale_keys(self._state)
            self.commit(final=True)

    def scanned(self, objects: int) -> int:
        """Note how many objects a complete scan has found.

        Return, when it has found none, how many the last one found that found any: 0 for none, -1
        where records only show that there were some. Raises StateError.
        """
        value = self._state.get(records.SCANNED)
        if objects:
            counted = str(objects).encode()
            if counted != value:
                self._puts.append((records.SCANNED, counted))
                self.commit(final=True)
            return 0
        if value is not None and value.isdigit():
            return int(value)
        return -1 if records.has_records(self._state) else 0

    def keep(self, step: Step) -> None:
        """Record what a step of a multipart upload means for its save point."""
        if step.begun:
            self._puts += self.save_points.begun(step.begun)
        if step.part and step.save_point:
            self._puts += self.save_points.part_done(step.save_point, step.part)
        if step.forget:
            self._forget(step.forget)
        if step.abandon:
            self.abandon(step.abandon)
        if step.not_aborted:
            self._forget(step.not_aborted)
            self._puts.append(_abandoned(step.not_aborted.cos_path, step.not_aborted.upload_id))

    def _forget(self, save_point: SavePoint) -> None:
        self._write()  # its parts are looked up: all of them must be there
        self._deletes += self.save_points.forget(save_point)

    def abandon(self, save_point: SavePoint) -> None:
        """Record that no object continues an upload, so that it is aborted."""
        self._forget(save_point)
        self.abandon_upload(save_point.cos_path, save_point.upload_id)

    def abandon_upload(self, cos_path: str, upload_id: str) -> None:
        """Record an upload without a save point, so that it is aborted."""
        self._puts.append(_abandoned(cos_path, upload_id))
        self._abandoning.append((cos_path, upload_id))

    @property
    def has_abandoned(self) -> bool:
        """Whether uploads wait to be aborted."""
        return bool(self.abandoned or self._abandoning)

    def aborted(self, upload_id: str) -> None:
        """Forget an upload that COS has no more."""
        self._deletes.append(records.abandoned_key(upload_id))

    def moved(self, sending: Sending, sent: int) -> None:
        """Tell how far an object is, now and then."""
        now = time.monotonic()
        size = sending.obj.fingerprint.size
        if now - sending.said >= _LINE_EVERY and sent < size:
            sending.said = now
            name = self._source.download_name(sending.obj)
            self._report.event(lines.progress(sending.cos_path, sent, size, name))

    def commit(self, *, final: bool = False) -> None:
        """Write records, then tell of them. Raises StateError."""
        now = time.monotonic()
        due = now - self._synced >= _SYNC_EVERY
        if self._positions:
            # In one batch with the records that they stand behind.
            puts, deletes = self._positions.changes()
            self._puts += puts
            self._deletes += deletes
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
        self.abandoned += self._abandoning
        self._abandoning.clear()
        self._puts, self._deletes = [], []
        self._unsynced = not sync

    def _shown(self, record_key: str) -> str:
        return printable(self._source.shown(record_key))

    def _no_longer_failed(self, record_key: str) -> None:
        if self._failed.keys:
            key = records.failed_key(record_key)
            if key in self._failed.keys:
                self._failed.keys.discard(key)
                self._deletes.append(key)

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
        if obj.page and self._positions:
            self._positions.settled(obj.page)
        size, mtime_ns, _ = obj.fingerprint
        self.settled += 1
        self._outcomes.append(
            Outcome(
                status,
                self._source.shown(obj.name),
                cos_path,
                size,
                lines,
                failure,
                mtime_ns // 1_000_000,  # -1, not known, stays -1; times before 1970 are negative
                unverified,
            )
        )


def _abandoned(cos_path: str, upload_id: str) -> tuple[bytes, bytes]:
    return records.abandoned_key(upload_id), cos_path.encode("utf-8", "surrogatepass")
