"""The pass of `check=on`: compares every recorded object with COS.

It walks the records, not the source, so that no migrated object is missed. A missing object is
reported, never silently sent again: the only records written are companions of verified objects.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

from cos_migrate.engine.loop import Loop, PassParts
from cos_migrate.model import Failure, Outcome, SourceObject, Status
from cos_migrate.pools.results import INTERIM, UNSTARTED, Comparison, Content
from cos_migrate.pools.tasks import CompareObject, NumberedTask
from cos_migrate.state import object_records
from cos_migrate.state.companions import CompanionRecords
from cos_migrate.text import printable


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """A record that is being compared with COS."""

    cos_path: str
    """Target path with its leading `/`."""
    obj: SourceObject
    record_key: str
    crc64: int
    """As recorded; -1: it is not recorded."""


class CheckResult(NamedTuple):
    """The result of comparing an object with COS, and its failure if they differ."""

    line: str
    """The line to print, without its newline."""
    failure: Failure | None
    verified: bool = False
    """Whether the checksums agree."""


def judge(checked: CheckedRecord, found: Comparison) -> CheckResult:
    """Decide from a comparison whether COS has an object as it is recorded or at the source.

    COS is compared with the present object of the source, or with the record if the object is gone
    or the source was not asked.
    """
    path = printable(checked.cos_path)
    asked = found.source_size >= 0
    size = found.source_size if asked else checked.obj.fingerprint.size
    # A recorded CRC-64 is that of the bytes sent, a source's own that of the content.
    crc64 = checked.crc64
    if crc64 < 0 and not found.is_encrypted:
        crc64 = found.source_crc64
    if found.cos_size < 0:
        words = f"check exist fail: {path}. localLength: {size}"
        return _fail(words, "CheckMissing", "it is not on COS", found)
    if size >= 0 and found.cos_size != size:
        words = f"check length fail: {path}. cosLength: {found.cos_size}, localLength: {size}"
        what = f"COS has {found.cos_size} bytes of it, the source {size}"
        return _fail(words, "CheckLength", what, found)
    if crc64 >= 0 and found.cos_crc64 >= 0:
        if crc64 != found.cos_crc64:
            words = f"check crc64 fail: {path}. cosCrc64: {found.cos_crc64}, localCrc64: {crc64}"
            what = f"its CRC-64 is {found.cos_crc64} on COS, {crc64} at the source"
            return _fail(words, "CheckCrc64", what, found)
        return CheckResult(f"[ok] check ok: {path}", None, verified=True)
    how = "length" if size >= 0 else "exist"
    return CheckResult(f"[ok] check {how} ok: {path}", None)


def _fail(words: str, code: str, what: str, found: Comparison) -> CheckResult:
    failure = Failure("check", what, code=code, request_id=found.request_id)
    return CheckResult(f"[fail] {words}", failure)


class Verification(Loop):
    """The pass that compares all records of a job with COS."""

    def __init__(self, parts: PassParts) -> None:
        super().__init__(parts)
        self._companions = CompanionRecords(parts.state, parts.source)
        self._waiting = self._records()
        self._complete = False
        self._probes = self._make_probes()
        self._admission = self._make_admission(self._probes)
        self._outcomes: list[Outcome] = []
        self._puts: list[tuple[bytes, bytes]] = []

    def _close(self) -> None:
        self._waiting.close()

    def _is_complete(self) -> bool:
        return self._complete and not self._tasks

    def _is_over(self) -> bool:
        if self._pools.under_way:
            return False
        return self._stopping or (self._complete and not self._tasks and not self._chores)

    def _records(self) -> Generator[CheckedRecord, None, None]:
        """Yield the records in the order of their keys. Raises StateError."""
        for key, value in self._state.scan(object_records.PREFIX):
            found = object_records.parse(key, value, self._source.target.cos_path)
            if found is None:
                self._unreadable(key)
                continue
            record_key = key.decode("utf-8", "surrogatepass")
            crc64 = self._crc64_of(found.cos_path, record_key)
            yield CheckedRecord(found.cos_path, found.obj, record_key, crc64)

    def _crc64_of(self, cos_path: str, record_key: str) -> int:
        if self._source.is_local:
            return -1  # the content is read instead
        found = self._companions.find(cos_path, record_key)
        return found.crc64 if found else -1

    def _submit_tasks(self) -> None:
        """Submit as much as the pools take."""
        if self._stopping or not self._window.is_open:
            return
        self._chores.submit(1)
        room = min(self._admission.transfers(big=False), self._admission.source_requests())
        room = self._tasks.submit_again(room)
        known = size = 0
        while room > 0 and not self._complete:
            checked = next(self._waiting, None)
            if checked is None:
                self._complete = True
                self._report.totals.final = True
                break
            room -= 1
            known += 1
            size += max(checked.obj.fingerprint.size, 0)
            self._submit(checked)
        self._report.totals.add_found(known, size)
        self._pools.flush()

    def _submit(self, checked: CheckedRecord) -> None:
        asked = self._source.object_of_record(checked.obj) if checked.crc64 < 0 else None
        task = CompareObject(asked or checked.obj, checked.cos_path, asked is not None)
        self._tasks.submit(task, checked, self._collect_compared)
        self._admission.spend(task)

    def _collect_compared(
        self, checked: CheckedRecord, task: NumberedTask, kind: int, content: Content
    ) -> None:
        if kind in INTERIM:
            return
        if kind == UNSTARTED:
            self._tasks.give_back(task, checked, self._collect_compared)
        elif isinstance(content, Comparison):
            self._streak.note_success(read=True)
            self._tuning.small.objects += 1
            checked_result = judge(checked, content)
            if checked_result.verified and content.cos_etag:
                self._note_verified(checked, content)
            self._settle(checked, checked_result)
        elif isinstance(content, Failure):
            path = printable(checked.cos_path)
            checked_result = CheckResult(f"[fail] check fail: {path}. {content.message}", content)
            self._probes.note_failure(content, checked.cos_path)
            self._settle(checked, checked_result)

    def _note_verified(self, checked: CheckedRecord, found: Comparison) -> None:
        pair = self._companions.verified_pair(
            checked.cos_path,
            checked.record_key,
            found.cos_etag,
            found.cos_crc64,
            by_source=found.source_crc64 >= 0,
        )
        if pair:
            self._puts.append(pair)

    def _settle(self, checked: CheckedRecord, checked_result: CheckResult) -> None:
        status = Status.FAIL if checked_result.failure else Status.NEW
        name = self._source.mask(checked.obj.name) or checked.cos_path
        size = max(checked.obj.fingerprint.size, 0)
        line = f"{checked_result.line}\n"
        outcome = Outcome(status, name, checked.cos_path, size, line, checked_result.failure)
        self._outcomes.append(outcome)

    def _unreadable(self, key: bytes) -> None:
        """Report a record that cannot be parsed."""
        text = printable(key.decode("utf-8", "replace"))
        failure = Failure("check", "the record cannot be read", code="CheckRecord")
        line = f"[fail] check fail: {text}. {failure.message}\n"
        self._outcomes.append(Outcome(Status.FAIL, text, "", 0, line, failure))

    def _commit(self) -> None:
        if self._puts:
            self._state.write(self._puts)
            self._puts = []
        if self._outcomes:
            self._report.add(self._outcomes)
            self._outcomes = []
