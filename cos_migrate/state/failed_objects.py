"""The failed objects of a listing, recorded so that the next run tries them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.state import formats


class FailedObjects:
    """The recorded failed objects of a job, with their listed fingerprints."""

    def __init__(self, mark: str) -> None:
        """`mark` is the `origin_mark` of the source."""
        self.keys: set[bytes] = set()
        """Keys of objects that have not succeeded since."""
        self._mark = mark
        self._listed: dict[str, Fingerprint] = {}
        """By name."""

    def load(self, pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[SourceObject]:
        """Yield the recorded objects, whose present size and version have to be requested."""
        for key, value in pairs:
            obj = formats.parse_failed(value, self._mark)
            if obj is not None:
                self.keys.add(key)
                if obj.fingerprint.size >= 0:
                    self._listed[obj.name] = obj.fingerprint
                yield obj._replace(fingerprint=Fingerprint(-1))

    def as_listed(self, obj: SourceObject) -> SourceObject:
        """Return an object of an earlier run as it was listed then, any other unchanged."""
        listed = None if obj.page else self._listed.get(obj.name)
        return obj._replace(fingerprint=listed) if listed else obj

    def update_listed(self, obj: SourceObject) -> bool:
        """Update the listed fingerprint of an object; return whether it differs."""
        if obj.fingerprint.size < 0 or self._listed.get(obj.name) == obj.fingerprint:
            return False
        self._listed[obj.name] = obj.fingerprint
        return True

    def pair_of(
        self, obj: SourceObject, record_key: str, listed: Fingerprint | None = None
    ) -> tuple[bytes, bytes]:
        """Return the key and value to write for a failed object.

        `listed` is its fingerprint in the listing; None: that of an earlier run.
        """
        listed = listed or self._listed.get(obj.name)
        return formats.failed_key(record_key), formats.failed_value(obj, self._mark, listed)
