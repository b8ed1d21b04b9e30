"""Save points of unfinished uploads in the record database.

Returns what has to be written, so that the coordinator can write it in one batch with records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cos_migrate import records
from cos_migrate.model import SavePoint
from cos_migrate.records import Readable

Puts = list[tuple[bytes, bytes]]


class SavePoints:
    """The unfinished uploads of one job."""

    def __init__(self, state: Readable, bucket: str) -> None:
        self._state = state
        self._bucket = bucket

    def find(self, cos_path: str) -> SavePoint | None:
        """Return our save point of the upload to `cos_path`, with its parts."""
        value = self._state.get(records.upload_key(cos_path))
        found = records.parse_upload(value) if value is not None else None
        return self._with_parts(found) if found else None

    def find_java(
        self, cos_path: str, name: str, mtime_ms: int, part_size: int, threshold: int
    ) -> str | None:
        """Return the upload id that the Java tool has kept, of whose parts nothing is known."""
        key = records.save_point_key(self._bucket, cos_path, name, mtime_ms, part_size, threshold)
        value = self._state.get(key)
        return value.decode("utf-8", "replace") if value else None

    def all(self) -> Iterator[SavePoint]:
        """Yield every save point of ours, with its parts."""
        for _, value in self._state.scan(records.upload_prefix()):
            found = records.parse_upload(value)
            if found:
                yield self._with_parts(found)

    def begun(self, save_point: SavePoint) -> Puts:
        """Return what to write when an upload has its id: ours, and the Java tool's."""
        return [
            (records.upload_key(save_point.cos_path), records.upload_value(save_point)),
            (self._java_key(save_point), save_point.upload_id.encode()),
        ]

    def forget(self, save_point: SavePoint) -> list[bytes]:
        """Return the keys to delete when an upload is over."""
        keys = [records.upload_key(save_point.cos_path), self._java_key(save_point)]
        prefix = records.part_prefix(save_point.upload_id)
        return keys + [key for key, _ in self._state.scan(prefix)]

    def _java_key(self, save_point: SavePoint) -> bytes:
        return records.save_point_key(
            self._bucket,
            save_point.cos_path,
            save_point.name,
            save_point.fingerprint.mtime_ns // 1_000_000,
            save_point.part_size,
            save_point.threshold,
        )

    def _with_parts(self, save_point: SavePoint) -> SavePoint:
        prefix = records.part_prefix(save_point.upload_id)
        parts = (records.parse_part(value) for _, value in self._state.scan(prefix))
        return replace(save_point, parts=tuple(part for part in parts if part))
