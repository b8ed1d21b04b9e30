"""Save points of unfinished uploads in the record database.

Returns what has to be written, so that the coordinator can write it in one batch with records.
"""

from __future__ import annotations

from collections.abc import Iterator

from cos_migrate.model import PartRecord, SavePoint
from cos_migrate.state import keys as records
from cos_migrate.state.keys import Readable

Puts = list[tuple[bytes, bytes]]


class SavePoints:
    """The unfinished uploads of one job."""

    def __init__(self, state: Readable, bucket: str) -> None:
        self._state = state
        self._bucket = bucket
        self._touched: set[str] = set()
        """Target paths whose objects were begun in this run."""

    def find(self, cos_path: str) -> SavePoint | None:
        """Return our save point of the upload to `cos_path`, with its parts."""
        self._touched.add(cos_path)
        key = records.upload_key(cos_path)
        value = self._state.get(key)
        return self._read(key, value) if value is not None else None

    def find_java(
        self, cos_path: str, name: str, mtime_ms: int, part_size: int, threshold: int
    ) -> str | None:
        """Return the upload id that the Java tool has kept, of whose parts nothing is known."""
        for time_ms in _java_times(mtime_ms):
            key = records.save_point_key(
                self._bucket, cos_path, name, time_ms, part_size, threshold
            )
            value = self._state.get(key)
            if value is not None:
                return records.parse_upload_id(value)
        return None

    def all(self) -> Iterator[SavePoint]:
        """Yield every save point of ours, with its parts."""
        for key, value in self._state.scan(records.upload_prefix()):
            found = self._read(key, value)
            if found:
                yield found

    def untouched(self) -> Iterator[SavePoint]:
        """Yield the save points of objects that were not begun in this run."""
        return (found for found in self.all() if found.cos_path not in self._touched)

    def begun(self, save_point: SavePoint) -> Puts:
        """Return what to write when an upload has its id: ours, and the Java tool's."""
        ours = (records.upload_key(save_point.cos_path), records.upload_value(save_point))
        if save_point.envelope:
            return [ours]  # the Java tool cannot continue what is encrypted
        return [ours, (self._java_keys(save_point)[0], save_point.upload_id.encode())]

    def part_done(self, save_point: SavePoint, part: PartRecord) -> Puts:
        """Return what to write when COS has confirmed a part."""
        return [(records.part_key(save_point.upload_id, part.number), records.part_value(part))]

    def forget(self, save_point: SavePoint) -> list[bytes]:
        """Return the keys to delete when an upload is over; its parts must have been written."""
        keys = [records.upload_key(save_point.cos_path), *self._java_keys(save_point)]
        return keys + [key for key, _ in self._parts(save_point.upload_id)]

    def _java_keys(self, save_point: SavePoint) -> list[bytes]:
        """Return the Java tool's key of an upload, then the one that it has under JDK 8."""
        return [
            records.save_point_key(
                self._bucket,
                save_point.cos_path,
                save_point.name,
                time_ms,
                save_point.part_size,
                save_point.threshold,
            )
            for time_ms in _java_times(save_point.fingerprint.mtime_ns // 1_000_000)
        ]

    def _read(self, key: bytes, value: bytes) -> SavePoint | None:
        found = records.parse_upload(value)
        if found is None or records.upload_key(found.cos_path) != key:
            return None
        return found._replace(parts=tuple(part for _, part in self._parts(found.upload_id) if part))

    def _parts(self, upload_id: str) -> Iterator[tuple[bytes, PartRecord | None]]:
        """Yield the keys of an upload's parts with what they say, None where it makes no sense."""
        size = len(records.part_key(upload_id, 1))
        for key, value in self._state.scan(records.part_prefix(upload_id)):
            if len(key) == size:  # a longer one is of another upload, whose id begins like this
                part = records.parse_part(value)
                ours = part is not None and records.part_key(upload_id, part.number) == key
                yield key, part if ours else None


def _java_times(mtime_ms: int) -> tuple[int, int]:
    """Return the times under which the Java tool may know a file: JDK 8 told whole seconds."""
    return mtime_ms, mtime_ms // 1000 * 1000
