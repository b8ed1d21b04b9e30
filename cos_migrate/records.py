"""Keys and values of the records that belong to no single source, as pure functions.

The formats without `cosmigrate` are the Java tool's, so that its databases go on working.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Protocol

from cos_migrate.model import Fingerprint, PartRecord, SavePoint

_REQUEST_ID = b"x-cos-requestId-"
_UPLOAD = "[cosmigrate upload] [key: {}]"
_PART = "[cosmigrate part] [uploadId: {}] [number: "


class Readable(Protocol):
    """What a look-up needs of the database."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs whose key begins with `prefix`."""


def request_id_key(cos_path: str) -> bytes:
    """Return the key of the request id of the object at `cos_path`."""
    return _REQUEST_ID + cos_path.encode()


def query_request_id(state: Readable, cos_path: str) -> str | None:
    """Return the recorded request id of an object, None when there is none."""
    value = state.get(request_id_key(cos_path))
    return value.decode("utf-8", "replace") if value is not None else None


def dump_request_ids(state: Readable) -> Iterator[tuple[str, str]]:
    """Yield (path, request id) of every recorded object that has one."""
    for key, value in state.scan(_REQUEST_ID):
        path = key[len(_REQUEST_ID) :].decode("utf-8", "replace")
        yield path, value.decode("utf-8", "replace")


def save_point_key(
    bucket: str, cos_path: str, name: str, mtime_ms: int, part_size: int, threshold: int
) -> bytes:
    """Return the Java tool's key of an unfinished upload; its value is the upload id."""
    return (
        f"[task_kind: upload_savepoint] [bucket: {bucket}], [key: {cos_path}], "
        f"[localPath: {name}], [mtime: {mtime_ms}], [partSize: {part_size}], "
        f"[mutlipartUploadThreshold: {threshold}]"
    ).encode()


def upload_prefix() -> bytes:
    """Return what the keys of all unfinished uploads begin with."""
    return _UPLOAD.partition("{")[0].encode()


def upload_key(cos_path: str) -> bytes:
    """Return the key of what we know of an unfinished upload to `cos_path`."""
    return _UPLOAD.format(cos_path).encode()


def upload_value(save_point: SavePoint) -> bytes:
    """Return the value for `upload_key`: a save point less its parts."""
    fields = {
        "uploadId": save_point.upload_id,
        "cosPath": save_point.cos_path,
        "name": save_point.name,
        "size": save_point.fingerprint.size,
        "mtimeNs": save_point.fingerprint.mtime_ns,
        "etag": save_point.fingerprint.etag,
        "partSize": save_point.part_size,
        "threshold": save_point.threshold,
    }
    return json.dumps(fields).encode()


def parse_upload(value: bytes) -> SavePoint | None:
    """Return the save point of a value, None when it is none."""
    try:
        fields = json.loads(value)
        return SavePoint(
            str(fields["uploadId"]),
            str(fields["cosPath"]),
            str(fields["name"]),
            Fingerprint(int(fields["size"]), int(fields["mtimeNs"]), str(fields["etag"])),
            int(fields["partSize"]),
            int(fields["threshold"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def part_prefix(upload_id: str) -> bytes:
    """Return what the keys of all parts of an upload begin with."""
    return _PART.format(upload_id).encode()


def part_key(upload_id: str, number: int) -> bytes:
    """Return the key of one part."""
    return part_prefix(upload_id) + f"{number:05d}]".encode()


def part_value(part: PartRecord) -> bytes:
    """Return the value of one part."""
    return f"{part.number} {part.offset} {part.size} {part.crc64} {part.etag}".encode()


def parse_part(value: bytes) -> PartRecord | None:
    """Return the part of a value, None when it is none."""
    try:
        number, offset, size, crc64, etag = value.decode().split(" ", 4)
        return PartRecord(int(number), int(offset), int(size), etag, int(crc64))
    except ValueError:
        return None
