"""The records of objects that failed, kept until they succeed in a later run."""

from __future__ import annotations

from collections.abc import Iterator

from cos_migrate.engine.record_batch import RecordBatch
from cos_migrate.engine.rules import cos_path_of
from cos_migrate.errors import Code
from cos_migrate.model import Failure, Fingerprint, Rejected, SourceObject
from cos_migrate.sources.base import Source
from cos_migrate.state import formats
from cos_migrate.state.failed_objects import FailedObjects
from cos_migrate.state.store import RecordStore


class FailureRecords:
    """The records of failed objects of one job."""

    def __init__(self, state: RecordStore, source: Source, batch: RecordBatch) -> None:
        self._state = state
        self._source = source
        self._batch = batch
        self._objects = FailedObjects(formats.origin_mark(source.origin()))
        self.keys = self._objects.keys
        """Keys of the records of objects that have not succeeded yet."""
        self._gone: dict[str, tuple[bytes, bytes]] = {}
        """Records of objects that were gone when they were tried again, by name."""
        self._listed_again: set[str] = set()

    def load(self) -> Iterator[SourceObject]:
        """Yield the objects that failed in earlier runs over the same listing."""
        return self._objects.load(self._state.scan(formats.failed_prefix()))

    def as_listed(self, obj: SourceObject) -> SourceObject:
        """Return an object that failed before as it was listed then; any other as it is."""
        return self._objects.as_listed(obj)

    def note_failed(
        self,
        obj: SourceObject,
        record_key: str,
        failure: Failure,
        listed_fingerprint: Fingerprint | None,
    ) -> None:
        """Record that an object failed; `listed_fingerprint`: the one in the listing."""
        record = self._objects.pair_of(obj, record_key, listed_fingerprint)
        if not obj.page and failure.code == Code.NO_SUCH_KEY and obj.name not in self._listed_again:
            # It failed before and is gone: unless it is listed again, it is not tried again.
            self.note_succeeded(record_key)
            self._gone[obj.name] = record
        elif self._batch.positions and obj.key:
            self._batch.puts.append(record)

    def note_succeeded(self, record_key: str) -> None:
        """Forget that an object failed before."""
        if self.keys:
            key = formats.failed_key(record_key)
            if key in self.keys:
                self.keys.discard(key)
                self._batch.deletes.append(key)

    def note_listed_again(self, obj: SourceObject | Rejected) -> None:
        """Note that an object that was already tried in this run has been listed."""
        self._listed_again.add(obj.name)
        if isinstance(obj, SourceObject):
            self._update_listed(obj)
        record = self._gone.pop(obj.name, None)
        if record:
            # The position moves behind it: only this record makes a later run try it again.
            batch = self._batch
            batch.deletes = [key for key in batch.deletes if key != record[0]]
            batch.puts.append(record)

    def _update_listed(self, obj: SourceObject) -> None:
        """Record the fingerprint that is listed now."""
        if not self._objects.update_listed(obj):
            return
        record_key = self._source.record_key(obj, cos_path_of(self._source.target, obj))
        record = self._objects.pair_of(obj, record_key)
        if record[0] in self.keys:
            self._batch.puts.append(record)
        if obj.name in self._gone:
            self._gone[obj.name] = record
