"""Removes objects from COS, each looked at once more on both sides right before it goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cos_migrate.engine.admission import Admission
from cos_migrate.engine.probes import Probes
from cos_migrate.engine.streak import FailureStreak
from cos_migrate.engine.task_table import TaskTable
from cos_migrate.errors import GONE_CODES
from cos_migrate.model import Failure, SourceObject
from cos_migrate.pools.results import INTERIM, UNSTARTED, Comparison, Content, Deleted
from cos_migrate.pools.tasks import CompareObject, DeleteObjects, HeadSource, NumberedTask
from cos_migrate.report.report import Report
from cos_migrate.sources.base import Source
from cos_migrate.state import formats
from cos_migrate.state.companions import key_of, parse
from cos_migrate.state.store import RecordStore
from cos_migrate.text import printable

_BATCH = 1_000
"""Objects that one request removes at most."""
_NOT_FOUND = 404
_IS_THERE = "the source has it (again)"


class Extra(NamedTuple):
    """An object on COS that the source no longer has."""

    cos_path: str
    etag: str
    """Of the object on COS, as listed."""
    obj: SourceObject
    """The object that the source would have."""


class Removal:
    """Looks at objects, and removes them with their records."""

    def __init__(
        self,
        *,
        source: Source,
        state: RecordStore,
        report: Report,
        tasks: TaskTable,
        admission: Admission,
        streak: FailureStreak,
        probes: Probes,
    ) -> None:
        self._source = source
        self._state = state
        self._report = report
        self._tasks = tasks
        self._admission = admission
        self._streak = streak
        self._probes = probes
        self._looked_at: list[str] = []
        """Target paths that may go."""
        self._looks = 0
        self._deletes: list[bytes] = []
        self._deleted: list[str] = []
        self.all_taken = False
        """Whether no further object is to be removed."""
        self.has_failed = False
        """Whether objects stay that were to be removed."""

    def __bool__(self) -> bool:
        """Return whether objects wait to be removed."""
        return bool(self._looked_at)

    def fail(self, text: str) -> None:
        """Report why objects that were to be removed stay on COS."""
        self.has_failed = True
        self._report.error(f"deleteExtra: {text}")

    def name_only(self, extras: Iterator[Extra]) -> None:
        """Report objects as in a dry run, and remove none."""
        self._deleted += (extra.cos_path for extra in extras)

    def commit(self) -> None:
        """Remove the records of removed objects, then report the objects. Raises StateError."""
        if self._deletes:
            self._state.write((), self._deletes)
            self._deletes = []
        if self._deleted:
            self._report.add_deleted(self._deleted)
            self._deleted = []

    def submit(self, going: Iterator[Extra]) -> None:
        """Look at objects on both sides, and remove those that may go."""
        room = min(self._admission.transfers(big=False), self._admission.source_requests())
        room = self._tasks.submit_again(room)
        while room > 0 and not self.all_taken and len(self._looked_at) + self._looks < _BATCH:
            extra = next(going, None)
            if extra is None:
                self.all_taken = True
                break
            if self._source.is_local:
                if self._source.is_gone(extra.obj):
                    room -= 1
                    self._look_at_cos(extra)
                else:
                    self._keep(extra, _IS_THERE)
                continue
            room -= 1
            self._looks += 1
            task = HeadSource(extra.obj)
            self._tasks.submit(task, extra, self._collect_source)
            self._admission.spend(task)
        if self._looked_at and not self._looks:
            paths, self._looked_at = tuple(self._looked_at), []
            self._mark_as_going(paths)
            self._tasks.submit(DeleteObjects(paths), paths, self._collect_deleted)

    def _look_at_cos(self, extra: Extra) -> None:
        self._looks += 1
        task = CompareObject(extra.obj, extra.cos_path, asks_source=False)
        self._tasks.submit(task, extra, self._collect_cos)
        self._admission.spend(task)

    def _collect_source(
        self, extra: Extra, task: NumberedTask, kind: int, content: Content
    ) -> None:
        if kind in INTERIM:
            return
        if kind == UNSTARTED:
            self._tasks.give_back(task, extra, self._collect_source)
            return
        self._looks -= 1
        if not isinstance(content, Failure):
            self._streak.note_source_success()
            self._keep(extra, _IS_THERE)
        elif content.status == _NOT_FOUND or content.code in GONE_CODES:
            self._streak.note_source_success()
            self._look_at_cos(extra)
        else:
            self._probes.note_failure(content, extra.cos_path)
            self._keep(extra, f"the source does not say that it is gone ({content.message})")
            self.has_failed = True

    def _collect_cos(self, extra: Extra, task: NumberedTask, kind: int, content: Content) -> None:
        if kind in INTERIM:
            return
        if kind == UNSTARTED:
            self._tasks.give_back(task, extra, self._collect_cos)
            return
        self._looks -= 1
        if isinstance(content, Failure):
            self._probes.note_failure(content, extra.cos_path)
            self._keep(extra, f"COS does not answer a look at it ({content.message})")
            self.has_failed = True
        elif isinstance(content, Comparison):
            self._streak.note_success(read=True)
            if content.cos_size < 0:
                return  # it is gone already
            if content.cos_etag == extra.etag:
                self._looked_at.append(extra.cos_path)
            else:
                self._keep(extra, "it has changed on COS")

    def _keep(self, extra: Extra, reason: str) -> None:
        path = printable(extra.cos_path)
        self._report.warn(f"deleteExtra: {path} stays on COS: {printable(reason)}")

    def _collect_deleted(
        self, paths: tuple[str, ...], _: NumberedTask, kind: int, content: Content
    ) -> None:
        if kind in INTERIM:
            return
        if kind == UNSTARTED:
            # The looks may be old by the time that the run goes on.
            self.fail(f"{len(paths)} objects stay, since the run paused; run again")
        elif isinstance(content, Failure):
            self._probes.note_failure(content, paths[0])
            self.fail(f"{len(paths)} objects could not be removed: {content.message}")
        elif isinstance(content, Deleted):
            refused = dict(content.refused)
            for path, reason in refused.items():
                self.fail(f"{printable(path)} could not be removed: {printable(reason)}")
            for path in paths:
                if path not in refused:
                    self._forget(path)
                    self._deleted.append(path)

    def _mark_as_going(self, paths: Sequence[str]) -> None:
        """Remove the records by which a run would skip objects, before COS removes these.

        A kill in between must not leave records of what COS no longer has. The companion records
        stay until it is removed: a later run may remove what is left. Raises StateError.
        """
        records = [self._record_key(path).encode("utf-8", "surrogatepass") for path in paths]
        self._state.write((), records, sync=True)

    def _record_key(self, cos_path: str) -> str:
        value = self._state.get(key_of(cos_path))
        record_key = parse(value).record_key if value is not None else ""
        if not record_key:
            there = self._source.object_at(cos_path[len(self._source.target.cos_path) :])
            record_key = self._source.record_key(there, cos_path)
        return record_key

    def _forget(self, cos_path: str) -> None:
        """Remove the records of an object."""
        record_key = self._record_key(cos_path)
        self._deletes += [key_of(cos_path), record_key.encode("utf-8", "surrogatepass")]
        self._deletes += [formats.crc64_key(record_key), formats.failed_key(record_key)]
        self._deletes.append(formats.request_id_key(cos_path))
