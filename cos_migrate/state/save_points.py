"""Save points of unfinished uploads in the record database.

Methods return the pairs to write, so that the coordinator writes them in one batch with records.
"""

from __future__ import annotations

from collections.abc import Iterator

from cos_migrate.model import PartRecord, SavePoint
from cos_migrate.state import formats
from cos_migrate.state.formats import ReadableRecords

Puts = list[tuple[bytes, bytes]]


class SavePoints:
    """The unfinished uploads of one job."""

    def __init__(self, state: ReadableRecords, bucket: str) -> None:
        self._state = state
        self._bucket = bucket
        self._touched: set[str] = set()
        """Target paths of objects started in this run."""

    def find(self, cos_path: str) -> SavePoint | None:
        """Return our save point of an upload to `cos_path`, with its parts."""
        self._touched.add(cos_path)
        key = formats.upload_key(cos_path)
        value = self._state.get(key)
        return self._read(key, value) if value is not None else None

    def find_java_upload_id(
        self, cos_path: str, name: str, mtime_ms: int, part_size: int, threshold: int
    ) -> str | None:
        """Return the upload id in a save point of the Java tool, which has no parts."""
        for time_ms in _java_times(mtime_ms):
            key = formats.save_point_key(
                self._bucket, cos_path, name, time_ms, part_size, threshold
            )
            value = self._state.get(key)
            if value is not None:
                return formats.parse_upload_id(value)
        return None

    def all(self) -> Iterator[SavePoint]:
        """Yield every save point of ours, with its parts."""
        for key, value in self._state.scan(formats.upload_prefix()):
            found = self._read(key, value)
            if found:
                yield found

    def untouched(self) -> Iterator[SavePoint]:
        """Yield the save points of objects that were not started in this run."""
        return (found for found in self.all() if found.cos_path not in self._touched)

    def upload_pairs(self, save_point: SavePoint) -> Puts:
        """Return the pairs to write when an upload has got its id: ours and the Java tool's."""
        ours = (formats.upload_key(save_point.cos_path), formats.upload_value(save_point))
        if save_point.envelope:
            return [ours]  # the Java tool cannot continue an encrypted upload
        return [ours, (self._java_keys(save_point)[0], save_point.upload_id.encode())]

    def part_pairs(self, save_point: SavePoint, part: PartRecord) -> Puts:
        """Return the pairs to write for a part that COS has confirmed."""
        return [(formats.part_key(save_point.upload_id, part.number), formats.part_value(part))]

    def upload_keys(self, save_point: SavePoint) -> list[bytes]:
        """Return all keys of an upload, to delete when it is over; its parts must be written."""
        keys = [formats.upload_key(save_point.cos_path), *self._java_keys(save_point)]
        return keys + [key for key, _ in self._parts(save_point.upload_id)]

    def _java_keys(self, save_point: SavePoint) -> list[bytes]:
        """Return the keys of an upload in the Java tool: the usual one, then that of JDK 8."""
        return [
            formats.save_point_key(
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
        found = formats.parse_upload(value)
        if found is None or formats.upload_key(found.cos_path) != key:
            return None
        return found._replace(parts=tuple(part for _, part in self._parts(found.upload_id) if part))

    def _parts(self, upload_id: str) -> Iterator[tuple[bytes, PartRecord | None]]:
        """Yield the keys of the parts of an upload with the parts; None for an invalid value."""
        size = len(formats.part_key(upload_id, 1))
        for key, value in self._state.scan(formats.part_prefix(upload_id)):
            if len(key) == size:  # a longer one belongs to an upload whose id begins alike
                part = formats.parse_part(value)
                ours = part is not None and formats.part_key(upload_id, part.number) == key
                yield key, part if ours else None


def _java_times(mtime_ms: int) -> tuple[int, int]:
    """Return the times in the Java tool's keys of a file: JDK 8 had whole seconds."""
    return mtime_ms, mtime_ms // 1000 * 1000
