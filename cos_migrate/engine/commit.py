"""Commits outcomes: first the records of objects, then their lines and counts.

Outcomes are gathered, their records written in one batch, and only then reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from cos_migrate.engine.failure_records import FailureRecords
from cos_migrate.engine.record_batch import RecordBatch
from cos_migrate.engine.rules import cos_path_of
from cos_migrate.engine.spot_check import SkippedKeys
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.upload_records import UploadRecords
from cos_migrate.model import Failure, Fingerprint, Outcome, Rejected, SourceObject, Status
from cos_migrate.report import lines
from cos_migrate.report.report import Report
from cos_migrate.scan import positions
from cos_migrate.scan.base import PagePosition
from cos_migrate.scan.positions import Positions
from cos_migrate.sources.base import Source
from cos_migrate.state import formats
from cos_migrate.state.companions import CompanionRecords, time_to_record
from cos_migrate.state.store import RecordStore
from cos_migrate.text import all_visible, printable

_PROGRESS_EVERY = 2.0
"""Seconds between two progress lines of an object."""

Completion = tuple[tuple[bytes, bytes], bytes]
"""A pair to write beside the record of an unchanged object, and a key to delete."""


class Committer:
    """Gathers the outcomes of one run, with the records that they change, and commits them."""

    retrying: ClassVar[bool] = False
    """Whether only objects that failed before are tried, and nothing is listed."""

    def __init__(
        self, source: Source, state: RecordStore, report: Report, positions: Positions | None = None
    ) -> None:
        """`positions`: those of a listing by pages; None for a walk."""
        self.batch = RecordBatch(state, report, positions)
        self.failures = FailureRecords(state, source, self.batch, retrying=self.retrying)
        self.uploads = UploadRecords(state, source.target.bucket, self.batch)
        self.companions = CompanionRecords(state, source)
        self.settled = 0
        """Objects that have their outcome."""
        self.skipped_objects = SkippedKeys()
        self.restored: list[Transfer] = []
        """Objects that were restored and are settled now, for `Restores`."""
        self.folder = str(state.folder)
        self._source = source
        self._state = state
        self._report = report
        self._warned = False

    def settle_sent(
        self,
        transfer: Transfer,
        request_id: str,
        unverified: str,
        crc64: int = -1,
        etag: str = "",
    ) -> None:
        """Record an object that COS has confirmed.

        `crc64`: -1 where it is unknown; `etag`: COS's, empty where it is unknown.
        """
        obj, cos_path = transfer.obj, transfer.cos_path
        listed = transfer.record_fingerprint
        recorded = obj._replace(fingerprint=listed) if listed else obj
        record_key, source, puts = transfer.record_key, self._source, self.batch.puts
        puts.append((record_key.encode(), source.record_value(recorded).encode()))
        if source.is_local:
            puts.append(self.companions.plain_pair(cos_path, etag, crc64))
        else:
            puts.append(self._companion_pair(transfer, etag, crc64))
            if transfer.is_update:  # the CRC-64 that version 0.1 recorded is obsolete
                self.batch.deletes.append(formats.crc64_key(record_key))
        if transfer.restores:
            self.batch.deletes.append(formats.restore_key(record_key))
            self.restored.append(transfer)
        if request_id:
            puts.append((formats.request_id_key(cos_path), request_id.encode()))
        self.failures.note_succeeded(record_key)
        size, mtime_ns, _ = obj.fingerprint
        status = Status.UPDATE if transfer.is_update else Status.NEW
        text = self._sent_lines(transfer, request_id)
        seconds = time.monotonic() - transfer.began
        self._add_outcome(
            obj,
            Outcome(  # by position: faster
                status,
                source.mask(obj.name),
                cos_path,
                size,
                text,
                None,
                mtime_ns // 1_000_000,
                unverified,
                1,
                seconds,
                request_id,
            ),
        )

    def _sent_lines(self, transfer: Transfer, request_id: str) -> str:
        obj, source = transfer.obj, self._source
        name, record = source.download_name(obj), source.mask(transfer.record_key)
        return lines.sent(transfer.cos_path, obj.fingerprint.size, name, request_id, record)

    def _companion_pair(self, transfer: Transfer, etag: str, crc64: int) -> tuple[bytes, bytes]:
        """Return the pair to write beside the record of a cloud's object."""
        obj = transfer.obj
        if obj.weak:
            mtime_ns = time_to_record(transfer.listed_mtime_ns, obj.fingerprint.mtime_ns)
            obj = obj._replace(fingerprint=obj.fingerprint._replace(mtime_ns=mtime_ns))
            self.warn_if_changes_are_hidden(obj)
        return self.companions.sent_pair(obj, transfer.cos_path, transfer.record_key, etag, crc64)

    def warn_if_changes_are_hidden(self, obj: SourceObject) -> None:
        """Warn once if changes that keep the size of an object cannot be noticed."""
        if not self._warned and self.companions.changes_are_hidden(obj):
            self._warned = True
            self._report.warn(
                f"{printable(self._source.mask(obj.name))}: the source states neither an ETag "
                "that shows changes nor a time of modification; changes that keep the size of such "
                "objects cannot be noticed"
            )

    def settle_skipped(
        self,
        obj: SourceObject,
        cos_path: str,
        record_key: str,
        value: str,
        completion: Completion | None,
    ) -> None:
        """Settle an object that its record shows as unchanged.

        `value`: the new value of its record; empty: it stays.
        """
        if completion:
            self.batch.puts.append(completion[0])
            self.batch.deletes.append(completion[1])
        if value:
            self.batch.puts.append((record_key.encode(), value.encode()))
        self._skip(obj, cos_path, record_key, lines.skipped)

    def settle_skipped_rows(self, record_keys: list[str], size: int) -> None:
        """Settle many unchanged objects of `size` bytes at once; there is at least one."""
        shown = [self._source.mask(key) for key in record_keys]
        if not all_visible(shown):
            shown = [printable(key) for key in shown]
        self.skipped_objects.add(record_keys)
        text = lines.skipped_all(shown)
        self.settled += len(shown)
        self.batch.outcomes.append(Outcome(Status.SKIP, "", "", size, text, objects=len(shown)))

    def settle_existing(self, transfer: Transfer, *, newer: bool) -> None:
        """Skip an object because COS has one at its path; `newer`: a newer one."""
        if transfer.restores:
            self.restored.append(transfer)
        line_of = lines.skipped if newer else lines.skipped_on_cos
        self._skip(transfer.obj, transfer.cos_path, transfer.record_key, line_of)

    def _skip(
        self, obj: SourceObject, cos_path: str, record_key: str, line_of: Callable[[str], str]
    ) -> None:
        line = line_of(self._shown(record_key))
        self.skipped_objects.add([record_key])
        self.failures.note_succeeded(record_key)
        self._settle(Status.SKIP, obj, cos_path, line)

    def settle_left_out(self, obj: SourceObject, line: str, record_key: str = "") -> None:
        """Settle an object that a condition of the configuration leaves out.

        `record_key`: the key under which an earlier failure may be recorded.
        """
        self.failures.note_succeeded(record_key)
        cos_path = cos_path_of(self._source.target, obj) if obj.key else ""
        self._settle(Status.CONDITION_NOT_MATCH, obj, cos_path, line)

    def settle_failed(
        self,
        obj: SourceObject,
        cos_path: str,
        record_key: str,
        failure: Failure,
        explanation: str = "",
        listed_fingerprint: Fingerprint | None = None,
    ) -> None:
        """Settle an object that failed; `explanation`: lines to print before its own.

        `listed_fingerprint`: the one in the listing, which the next run compares answers with.
        """
        line = explanation + lines.failed(self._shown(record_key))
        self.failures.note_failed(obj, record_key, failure, listed_fingerprint)
        self._settle(Status.FAIL, obj, cos_path, line, failure=failure)

    def note_page(self, position: PagePosition, objects: int) -> None:
        """Note a page of a listing, with `objects` that have no outcome yet."""
        if self.batch.positions:
            self.batch.positions.add_page(position, objects)

    def note_listed_again(self, obj: SourceObject | Rejected) -> None:
        """Note that an object of a page was tried, and counted, before it was listed."""
        self.failures.note_listed_again(obj)
        if self.batch.positions:
            self.batch.positions.count_outcome(obj.page)

    def note_listing_complete(self) -> None:
        """Remove the positions, so that the next run lists from the start."""
        if self.batch.positions:
            self.commit(final=True)
            self.batch.positions = None
            self.batch.deletes += positions.stale_keys(self._state)
            self.commit(final=True)

    def note_scan_complete(self, objects: int) -> int:
        """Record how many objects a complete scan has found, or return how many are missing now.

        When it found none, return the number of the last scan that found any; -1: that number is
        not known; 0: none did. When it found some, return 0. Raises StateError.
        """
        value = self._state.get(formats.SCANNED)
        if objects:
            counted = str(objects).encode()
            if counted != value:
                self.batch.puts.append((formats.SCANNED, counted))
                self.commit(final=True)
            return 0
        if value is not None and value.isdigit():
            return int(value)
        return -1 if formats.has_records(self._state) else 0

    def note_progress(self, transfer: Transfer, sent: int) -> None:
        """Print how much of an object is sent, if its last progress line is old enough."""
        now = time.monotonic()
        size = transfer.obj.fingerprint.size
        if now - transfer.progress_shown >= _PROGRESS_EVERY and sent < size:
            transfer.progress_shown = now
            name = self._source.download_name(transfer.obj)
            self._report.event(lines.progress(transfer.cos_path, sent, size, name))

    def end(self, *, is_complete: bool, has_seen_all: bool) -> None:
        """Commit what the end of a run changes; see `FailureRecords.note_end`."""
        self.failures.note_end(is_complete=is_complete, has_seen_all=has_seen_all)
        self.commit(final=True)

    def commit(self, *, final: bool = False) -> None:
        """Write records, then report their outcomes. Raises StateError."""
        self.batch.commit(final=final)

    def _shown(self, record_key: str) -> str:
        return printable(self._source.mask(record_key))

    def _settle(
        self,
        status: Status,
        obj: SourceObject,
        cos_path: str,
        text: str,
        *,
        failure: Failure | None = None,
    ) -> None:
        size, mtime_ns, _ = obj.fingerprint
        name = self._source.mask(obj.name)
        mtime_ms = mtime_ns // 1_000_000  # -1, not known, stays -1; before 1970 it is negative
        self._add_outcome(obj, Outcome(status, name, cos_path, size, text, failure, mtime_ms))

    def _add_outcome(self, obj: SourceObject, outcome: Outcome) -> None:
        batch = self.batch
        if obj.page and batch.positions:
            batch.positions.count_outcome(obj.page)
        self.settled += 1
        batch.outcomes.append(outcome)
