"""Plans objects: returns the task that sends one, or settles it where nothing has to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cos_migrate.cos import keys
from cos_migrate.engine.big_objects import BigObjects
from cos_migrate.engine.billing import BilledSizes
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.copying import Copying
from cos_migrate.engine.options import MigrationOptions
from cos_migrate.engine.rules import Decision, cos_path_of, is_root, problem_of_size
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.unchanged import RecordComparer
from cos_migrate.filters import Filters
from cos_migrate.model import Failure, Fingerprint, Rejected, SourceObject
from cos_migrate.pools.tasks import CopyObject, HeadSource, Task, put_task
from cos_migrate.report import lines
from cos_migrate.report.report import Report
from cos_migrate.sources.base import Source

if TYPE_CHECKING:  # few runs restore
    from cos_migrate.engine.restores import Restores

Submission = tuple[Transfer, Task]
"""An object, and the task to submit for it to the small pool."""


class Planner:
    """Plans the objects of one run."""

    def __init__(
        self,
        *,
        options: MigrationOptions,
        source: Source,
        filters: Filters,
        committer: Committer,
        comparer: RecordComparer,
        big_objects: BigObjects,
        restores: Restores | None,
        report: Report,
    ) -> None:
        self._options = options
        self._restores = restores
        self._source = source
        self._filters = filters
        self._committer = committer
        self._comparer = comparer
        self._big_objects = big_objects
        self._billing = BilledSizes(options.least_billed, report.warn)
        copies = source.copied_by_cos and options.upload.encryption is None
        self.copying = Copying(possible=copies, note=report.note)

    def needs_description(self, obj: SourceObject) -> bool:
        """Return whether the source has to describe an object before it can be planned."""
        return obj.fingerprint.size < 0 and self._source.describes_first

    def plan(self, obj: SourceObject, decision: Decision | None = None) -> Submission | None:
        """Return what to submit for an object; None: it is settled, or queued with the big ones.

        `decision` is made by its record; None: the record has not been read.
        """
        cos_path = cos_path_of(self._source.target, obj)
        record_key = self._source.record_key(obj, cos_path)
        problem = keys.problem_of(cos_path) or problem_of_size(obj.fingerprint.size)
        # The object of the folder itself may prove empty, and is then left out.
        if problem and not (is_root(obj, cos_path) and self.needs_description(obj)):
            self._refuse(obj, cos_path, record_key, problem)
            return None
        if self.needs_description(obj):
            transfer = Transfer(obj, cos_path, record_key, is_update=False)
            return transfer, HeadSource(self._committer.failures.as_listed(obj))
        if decision is None:
            decision = self._comparer.skip_if_unchanged(obj, cos_path, record_key)
        if not decision.send:
            return None
        transfer = Transfer(obj, cos_path, record_key, is_update=decision.is_update)
        transfer.listed_fingerprint = obj.fingerprint
        return self._start(transfer)

    def add_description(
        self, transfer: Transfer, fingerprint: Fingerprint, storage_class: str
    ) -> bool:
        """Complete an object by the source's answer to HEAD; return whether it can be sent."""
        size = fingerprint.size
        weak = self._source.is_weak(fingerprint)
        obj = transfer.obj._replace(fingerprint=fingerprint, weak=weak)
        if storage_class and not obj.storage_class:
            obj = obj._replace(storage_class=storage_class)
            record_key = self._source.record_key(obj, transfer.cos_path)
            if record_key != transfer.record_key:
                self._committer.failures.note_succeeded(transfer.record_key)
                transfer.record_key = record_key
        transfer.obj = obj
        transfer.record_fingerprint = obj.fingerprint if size < 0 else None
        problem = keys.problem_of(transfer.cos_path) or problem_of_size(size)
        line = self._filters.line_against_object(obj) if self._filters else ""
        if line:
            self._committer.settle_left_out(obj, f"{line}\n", transfer.record_key)
        elif problem:
            self._refuse(obj, transfer.cos_path, transfer.record_key, problem)
        else:
            return True
        return False

    def plan_described(self, transfer: Transfer) -> Submission | None:
        """Plan an object that `add_description` has completed, as `plan` does."""
        obj, cos_path, record_key = transfer.obj, transfer.cos_path, transfer.record_key
        decision = self._comparer.skip_if_unchanged(obj, cos_path, record_key)
        if not decision.send:
            return None
        transfer.is_update = decision.is_update
        return self._start(transfer)

    def _start(self, transfer: Transfer) -> Submission | None:
        fingerprint = transfer.obj.fingerprint
        self._billing.add(fingerprint.size, transfer.obj.storage_class)
        if transfer.obj.weak:
            transfer.listed_mtime_ns = fingerprint.mtime_ns
        if self._restores is not None and self._restores.takes(transfer):
            self._restores.add(transfer)
            return None
        return self.plan_transfer(transfer, copy=self.copying.on)

    def plan_restored(self, transfer: Transfer) -> Submission | None:
        """Plan an archived object that can be read now, as `plan` does."""
        if self.needs_description(transfer.obj):
            return transfer, HeadSource(self._committer.failures.as_listed(transfer.obj))
        return self.plan_transfer(transfer, copy=self.copying.on)

    @property
    def is_held_up(self) -> bool:
        """Whether so many objects are being restored that no more should be planned."""
        return self._restores is not None and self._restores.is_full

    def plan_transfer(self, transfer: Transfer, *, copy: bool) -> Submission | None:
        """Return the task that sends an object; None: it is queued with the big ones."""
        obj, options = transfer.obj, self._options
        big_from = options.copies.in_parts_from if copy else options.plan.small_below
        if obj.fingerprint.size >= big_from:
            self._big_objects.enqueue(transfer)
            return None
        if copy:
            return transfer, CopyObject(obj, transfer.cos_path, options.upload.skip_if)
        return transfer, put_task(obj, transfer.cos_path, options.upload.skip_if)

    def settle_rejected(self, item: Rejected) -> None:
        """Settle an entry that the scan or the filters have rejected."""
        obj = SourceObject(item.name, item.key, Fingerprint(0), item.page)
        line = f"{item.line}\n" if item.line else ""
        if item.failure is None:
            self._committer.settle_left_out(obj, line)
            return
        cos_path = cos_path_of(self._source.target, obj) if item.key else ""
        record_key = self._source.record_key(obj, cos_path)
        self._committer.settle_failed(obj, cos_path, record_key, item.failure, line)

    def _refuse(self, obj: SourceObject, cos_path: str, record_key: str, problem: str) -> None:
        """Settle an object that COS cannot store."""
        if is_root(obj, cos_path) and not obj.fingerprint.size:
            # The object of the migrated folder itself, which the root of a bucket does not need.
            self._committer.settle_left_out(obj, lines.empty_key(obj.name))
            return
        code = "NotMigratable" if keys.problem_of(cos_path) else "ObjectTooLarge"
        failure = Failure("plan", problem, code=code)
        self._committer.settle_failed(obj, cos_path, record_key, failure)
