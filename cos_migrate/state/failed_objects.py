"""The objects of a listing that failed, as they are recorded for the next run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.state import keys as records


class FailedObjects:
    """What failed in earlier runs, and what its listing says of it."""

    def __init__(self, mark: str) -> None:
        """`mark` is the `origin_mark` of the source."""
        self.keys: set[bytes] = set()
        """The keys of those that have not succeeded since."""
        self._mark = mark
        self._listed: dict[str, Fingerprint] = {}
        """By name."""

    def load(self, pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[SourceObject]:
        """Yield the objects that are recorded; what each is now has to be asked."""
        for key, value in pairs:
            obj = records.parse_failed(value, self._mark)
            if obj is not None:
                self.keys.add(key)
                if obj.fingerprint.size >= 0:
                    self._listed[obj.name] = obj.fingerprint
                yield obj._replace(fingerprint=Fingerprint(-1))

    def as_listed(self, obj: SourceObject) -> SourceObject:
        """Return an object of an earlier run as it was listed then, any other as it is."""
        listed = None if obj.page else self._listed.get(obj.name)
        return obj._replace(fingerprint=listed) if listed else obj

    def list_again(self, obj: SourceObject) -> bool:
        """Take what the listing says now of an object; return whether that is something else."""
        if obj.fingerprint.size < 0 or self._listed.get(obj.name) == obj.fingerprint:
            return False
        self._listed[obj.name] = obj.fingerprint
        return True

    def record(
        self, obj: SourceObject, record_key: str, listed: Fingerprint | None = None
    ) -> tuple[bytes, bytes]:
        """Return key and value of an object that failed.

        `listed` is what its listing says of it; None: what it said in an earlier run.
        """
        listed = listed or self._listed.get(obj.name)
        return records.failed_key(record_key), records.failed_value(obj, self._mark, listed)
