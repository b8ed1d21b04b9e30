"""Copies the records of one shard from the database of the whole job, once."""

from __future__ import annotations

from collections.abc import Iterator

from cos_migrate.safe_files import write_safely
from cos_migrate.shards import Shard
from cos_migrate.state import formats, object_records
from cos_migrate.state.companions import path_of
from cos_migrate.state.database_folder import SHARD, TAKEN_OVER
from cos_migrate.state.store import RecordStore

_BATCH = 2_000


def take_over_shard(state: RecordStore, whole: RecordStore, shard: Shard, cos_root: str) -> int:
    """Copy the records of a shard from the database of the whole job; return how many objects.

    `cos_root` is the `cosPath` of the job. A copy that was interrupted is made again. Raises
    StateError, OSError.
    """
    objects, batch = 0, []
    for key, value in _pairs_of(whole, shard, cos_root):
        objects += key.startswith(object_records.PREFIX)
        batch.append((key, value))
        if len(batch) >= _BATCH:
            state.write(batch)
            batch = []
    state.write(batch, sync=True)
    if whole.taken_over:
        write_safely(state.folder / TAKEN_OVER)
        state.taken_over = True
    write_safely(state.folder / SHARD)
    state.was_empty = state.was_empty and not objects
    return objects


def _pairs_of(whole: RecordStore, shard: Shard, cos_root: str) -> Iterator[tuple[bytes, bytes]]:
    uploads = {
        found.upload_id
        for _, value in whole.scan(formats.upload_prefix())
        if (found := formats.parse_upload(value)) and shard.owns(found.cos_path)
    }
    for key, value in whole.scan(b""):
        part_of = formats.upload_of_part(key)
        if part_of is not None:
            if part_of in uploads:
                yield key, value
            continue
        path = _path_of(key, value, cos_root)
        if path is not None and (not path or shard.owns(path)):
            yield key, value


def _path_of(key: bytes, value: bytes, cos_root: str) -> str | None:
    """Return the target path that a record is about; empty: it concerns all; None: no shard."""
    if key == formats.LAST_RUN or key.startswith(formats.java_save_point_prefix()):
        return ""
    if key.startswith(object_records.PREFIX):
        found = object_records.parse(key, value, cos_root)
        return found.cos_path if found else None
    path = path_of(key) or formats.path_of(key, value)
    if path:
        return path
    record_key = formats.record_key_in(key)
    if record_key is None:
        return None
    # The record key of a folder that could not be listed has no path.
    found = object_records.parse(record_key, b"", cos_root)
    return found.cos_path if found else ""
