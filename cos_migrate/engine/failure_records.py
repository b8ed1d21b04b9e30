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

    def __init__(
        self, state: RecordStore, source: Source, batch: RecordBatch, *, retrying: bool = False
    ) -> None:
        """`retrying`: only objects that failed before are tried, and nothing is listed."""
        self._state = state
        self._retrying = retrying
        self._source = source
        self._batch = batch
        self._mark = formats.origin_mark(source.origin())
        self._objects = FailedObjects(self._mark)
        self.keys = self._objects.keys
        """Keys of the records of objects that have not succeeded yet."""
        self._gone: dict[str, tuple[bytes, bytes]] = {}
        """Records of objects that were gone when they were tried again, by name."""
        self._listed_again: set[str] = set()
        self._failed_again: set[bytes] = set()
        """Those of `keys` that have failed in this run, too."""
        self._unrecorded = 0
        """Failures that name nothing which could be tried alone."""
        last = state.get(formats.LAST_RUN) if retrying else None
        self.are_whole = last == self._last_run(formats.WHOLE)[1]
        """Whether the records hold all that the last run left undone; known when retrying."""
        if not retrying:
            batch.puts.append(self._last_run(formats.UNDER_WAY))

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
        is_gone = failure.code == Code.NO_SUCH_KEY and not self._retrying
        if is_gone and not obj.page and obj.name not in self._listed_again:
            # It failed before and is gone: unless it is listed again, it is not tried again.
            self.note_succeeded(record_key)
            self._gone[obj.name] = record
        elif obj.key or self._is_folder(obj, failure):
            self._batch.puts.append(record)
            if record[0] in self.keys:
                self._failed_again.add(record[0])
        else:
            self._unrecorded += 1

    def _is_folder(self, obj: SourceObject, failure: Failure) -> bool:
        """Return whether a failure is of a folder of this machine that could not be listed."""
        is_folder = self._source.is_local and obj.name.endswith("/")
        return is_folder and failure.code != Code.NAME_NOT_UTF8

    def note_end(self, *, is_complete: bool, has_seen_all: bool) -> None:
        """Note the end of a run.

        `is_complete`: it has tried all that it found. `has_seen_all`: what did not fail in it has
        no failure any more.
        """
        if has_seen_all and (self._retrying or not self._source.paged):
            self._batch.deletes += self.keys - self._failed_again
            self.keys.intersection_update(self._failed_again)
        whole = is_complete and not self._unrecorded
        if not self._retrying:
            word = formats.WHOLE if whole else formats.INCOMPLETE
            self._batch.puts.append(self._last_run(word))
        elif self._unrecorded:
            self._batch.puts.append(self._last_run(formats.INCOMPLETE))

    def _last_run(self, word: str) -> tuple[bytes, bytes]:
        """Return the pair to write about this run."""
        return formats.LAST_RUN, f"{self._mark} {word}".encode()

    def note_succeeded(self, record_key: str) -> None:
        """Forget that an object failed before."""
        if self.keys:
            key = formats.failed_key(record_key)
            if key in self.keys:
                self.keys.discard(key)
                self._batch.deletes.append(key)

    def note_listed_again(self, obj: SourceObject | Rejected) -> None:
        """Note that a listing has found an object which this run has already tried."""
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
