"""Compares objects with their records, and settles those that are unchanged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, cast

from cos_migrate.engine.commit import Committer, Completion
from cos_migrate.engine.rules import SEND_CHANGED, SEND_NEW, SKIP, Decision, cos_path_of
from cos_migrate.model import Found, Row, SourceObject, object_of, objects_of, rows_of
from cos_migrate.sources.base import Source
from cos_migrate.state import formats
from cos_migrate.state.store import RecordStore

_Get = Callable[[bytes], "bytes | None"]
_NOT_READ: Mapping[str, bytes] = {}


class ComparedObject(NamedTuple):
    """An object that must be sent, and the decision whether it counts as new or updated."""

    obj: SourceObject
    decision: Decision


class _Judgement(NamedTuple):
    """How an object compares with its record."""

    decision: Decision
    renewed: str = ""
    """The new value of the record of an unchanged object; empty: it stays."""
    completion: Completion | None = None
    """What its record lacks; None: nothing."""


_NEW, _CHANGED, _UNCHANGED = map(_Judgement, (SEND_NEW, SEND_CHANGED, SKIP))


class RecordComparer:
    """Reads the records of one job, and settles the objects that they show as unchanged."""

    def __init__(
        self,
        source: Source,
        state: RecordStore,
        committer: Committer,
        *,
        use_records: bool,
        one_by_one: bool = False,
    ) -> None:
        """`use_records`: whether unchanged recorded objects are skipped.

        `one_by_one`: whether each of them gets an outcome of its own.
        """
        self._source = source
        self._state = state
        self._use_records = use_records
        self._one_by_one = one_by_one
        self._committer = committer
        self._companions = committer.companions
        # A first run of millions need not look up records that cannot be there.
        self._nothing_recorded = state.was_empty and not source.may_repeat

    def recorded_value(self, record_key: str) -> str | None:
        """Return the recorded value of a key, None when there is none. Raises StateError."""
        if self._nothing_recorded:
            return None
        value = self._state.get(record_key.encode())
        return value.decode("utf-8", "replace") if value is not None else None

    def skip_if_unchanged(self, obj: SourceObject, cos_path: str, record_key: str) -> Decision:
        """Settle an object that its record shows as unchanged; return the decision.

        Raises StateError.
        """
        if not self._use_records:
            return SEND_CHANGED
        recorded = self.recorded_value(record_key)
        decision, renewed, completion = self._judge(
            obj, cos_path, record_key, recorded, self._state.get
        )
        if not decision.send:
            self._committer.settle_skipped(obj, cos_path, record_key, renewed, completion)
        return decision

    def _judge(
        self, obj: SourceObject, cos_path: str, record_key: str, recorded: str | None, get: _Get
    ) -> _Judgement:
        """Compare an object with its recorded value; None: there is none."""
        if recorded is None:
            return _NEW
        completion = None
        if not obj.weak:
            unchanged = self._source.is_unchanged(obj, recorded)
        else:
            self._committer.warn_if_changes_are_hidden(obj)
            companions = self._companions
            unchanged = companions.is_unchanged(obj, cos_path, record_key, recorded, get)
            if unchanged:
                completion = companions.completed_pair(obj, cos_path, record_key)
        if not unchanged:
            return _CHANGED
        renewed = self._source.renewed_value(obj, recorded)
        return _Judgement(SKIP, renewed, completion) if renewed or completion else _UNCHANGED

    def skip_unchanged(
        self, found: Sequence[Found | Row], retried: Collection[str]
    ) -> list[Found | ComparedObject]:
        """Settle the unchanged objects of a batch; return all other items.

        Does for a batch what `skip_if_unchanged` does for one object: in a repeated run nearly
        every object is settled here. `retried`: names of objects that failed before and are tried
        in this run. Raises StateError.
        """
        if self._nothing_recorded:
            return [
                ComparedObject(item, SEND_NEW)
                if type(item) is SourceObject and item.fingerprint[0] >= 0
                else item
                for item in objects_of(found)
            ]
        others: list[Found | ComparedObject] = []
        rows = rows_of(found)
        objects = [cast("Found", item) for item in found if type(item) is not tuple]
        unchanged: list[str] = []
        size, read = 0, _NOT_READ
        with self._state.ascending_reads() as get:
            if rows:
                size, read = self._compare_rows(rows, get, unchanged, objects, others)
            size += self._compare(objects, get, retried, read, unchanged, others)
        if unchanged:
            self._committer.settle_skipped_rows(unchanged, size)
        return others

    def _compare_rows(
        self,
        rows: list[Row],
        get: _Get,
        unchanged: list[str],
        objects: list[Found],
        others: list[Found | ComparedObject],
    ) -> tuple[int, Mapping[str, bytes]]:
        """Add the record keys of unchanged rows to `unchanged`, unrecorded ones to `others`.

        Those with another recorded value go to `objects`. Return the bytes of the unchanged rows,
        and the values of `objects` by record key.
        """
        failed, alone, size = self._committer.failures.keys, self._one_by_one, 0
        read: dict[str, bytes] = {}
        for row, (key, value) in zip(rows, self._source.row_records(rows), strict=True):
            recorded = get(key.encode("utf-8", "surrogatepass"))
            if recorded == value.encode() and not (
                alone or (failed and formats.failed_key(key) in failed)
            ):
                unchanged.append(key)
                size += row[2]
            elif recorded is None:
                obj = object_of(row)
                others.append(obj if self._source.may_repeat else ComparedObject(obj, SEND_NEW))
            else:
                objects.append(object_of(row))
                read[key] = recorded
        return size, read

    def _compare(
        self,
        found: list[Found],
        get: _Get,
        retried: Collection[str],
        read: Mapping[str, bytes],
        unchanged: list[str],
        others: list[Found | ComparedObject],
    ) -> int:
        """Add the record keys of unchanged objects to `unchanged`, all else to `others`.

        `read`: values by record key that need not be read again. Return the bytes of the unchanged
        objects.
        """
        source, positions = self._source, self._committer.batch.positions
        failed, alone = self._committer.failures.keys, self._one_by_one
        size = 0
        for obj in found:
            if (
                not isinstance(obj, SourceObject)
                or obj.fingerprint[0] < 0
                or (retried and obj.page and obj.name in retried)
            ):
                others.append(obj)
                continue
            cos_path = cos_path_of(source.target, obj)
            key = source.record_key(obj, cos_path)
            value = read.get(key) if read else None
            if value is None:
                value = get(key.encode("utf-8", "surrogatepass"))
            recorded = None if value is None else value.decode("utf-8", "replace")
            judged = self._judge(obj, cos_path, key, recorded, get)
            if judged.decision.send:
                # The record of an object that may repeat may be written before it is planned.
                others.append(obj if source.may_repeat else ComparedObject(obj, judged.decision))
                continue
            if alone or judged is not _UNCHANGED or (failed and formats.failed_key(key) in failed):
                self._committer.settle_skipped(
                    obj, cos_path, key, judged.renewed, judged.completion
                )
                continue
            unchanged.append(key)
            size += obj.fingerprint[0]
            if positions and obj.page:
                positions.count_outcome(obj.page)
        return size
