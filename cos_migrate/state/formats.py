"""The formats of records that all sources share: their keys and values, built and parsed.

Formats without `cosmigrate` are those of the Java tool, whose databases continue to work. Any text
can be part of a key; a value in another format is ignored.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from cos_migrate.checksums import Check
from cos_migrate.model import Envelope, Fingerprint, PartRecord, SavePoint, SourceObject

_REQUEST_ID = "x-cos-requestId-"
_UPLOAD = "[cosmigrate upload] [key: "
_JAVA_SAVE_POINT = "[task_kind: upload_savepoint] "
_PART = "[cosmigrate part] [uploadId: {}] [number: "
_ABANDONED = "[cosmigrate abandoned] [uploadId: "
_FAILED = "[cosmigrate failed] "
_RESTORE = "[cosmigrate restore] "
_CRC64 = "[cosmigrate crc64] "
SCANNED = b"[cosmigrate scanned]"
"""Key of the number of objects found by the last complete scan that found any; decimal."""
LAST_RUN = b"[cosmigrate run]"
"""Key of what is known of the last run: the mark of its origin, a blank, and one of these words."""
UNDER_WAY, WHOLE, INCOMPLETE = "under way", "whole", "incomplete"
"""WHOLE: all that the run left undone is recorded as failed. A killed run leaves UNDER_WAY."""
_PART_VALUE = re.compile(
    r"([0-9]{1,5}) ([0-9]{1,19}) ([0-9]{1,19}) (-1|[0-9]{1,20})(?:/([0-9]{1,20}))?"
    r"(?:\+([0-9]{1,20}))? (.*)",
    re.DOTALL,
)
_PART_KEY = re.compile(r"\[cosmigrate part\] \[uploadId: (.*)\] \[number: [0-9]{5}\]", re.DOTALL)
_MOST_PARTS = 10_000
_CRC_BITS = 64


class ReadableRecords(Protocol):
    """The reading half of a record database."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over the pairs whose key begins with `prefix`."""


def request_id_key(cos_path: str) -> bytes:
    """Return the key of the request id of the object at `cos_path`."""
    return _encoded(_REQUEST_ID + cos_path)


def query_request_id(state: ReadableRecords, cos_path: str) -> str | None:
    """Return the recorded request id of an object, None when there is none."""
    value = state.get(request_id_key(cos_path))
    return _decoded(value) if value is not None else None


def dump_request_ids(state: ReadableRecords) -> Iterator[tuple[str, str]]:
    """Yield (path, request id) of every recorded object that has one."""
    for key, value in state.scan(request_id_key("")):
        yield _decoded(key)[len(_REQUEST_ID) :], _decoded(value)


def failed_prefix() -> bytes:
    """Return the prefix of the keys of all failed objects."""
    return _encoded(_FAILED)


def failed_key(record_key: str) -> bytes:
    """Return the key of a failed object, from its record key."""
    return _encoded(_FAILED + record_key)


def origin_mark(origin: str) -> str:
    """Return a short digest of `Source.origin`."""
    return hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def failed_value(obj: SourceObject, mark: str, listed: Fingerprint | None) -> bytes:
    """Return the value for `failed_key`, from which the object can be tried again.

    `mark` is the `origin_mark` of its source; `listed` its fingerprint in the listing, if any.
    """
    return json.dumps([obj.name, obj.key, obj.storage_class, mark, listed]).encode()


def parse_failed(value: bytes, mark: str) -> SourceObject | None:
    """Return a failed object as it was listed; its present state has to be requested.

    None for an invalid value, and for an object of another origin.
    """
    try:
        name, key, storage_class, its_mark, *more = json.loads(value)
        if its_mark != mark:
            return None
        listed = Fingerprint(-1)
        if more and more[0]:  # an older record lacks it
            size, mtime_ns, etag = more[0]
            listed = Fingerprint(int(size), int(mtime_ns), _text(etag))
        return SourceObject(_text(name), _text(key), listed, storage_class=_text(storage_class))
    except (ValueError, TypeError):
        return None


def restore_key(record_key: str) -> bytes:
    """Return the key of a requested restore, from the record key of its object."""
    return _encoded(_RESTORE + record_key)


def restore_pair(
    record_key: str, etag: str, asked: int, tier: str, days: int
) -> tuple[bytes, bytes]:
    """Return the key and value of a restore that was requested at `asked`, seconds since 1970."""
    return restore_key(record_key), json.dumps([etag, asked, tier, days]).encode()


def restore_asked_at(value: bytes | None, etag: str) -> float:
    """Return the time at which the restore of an object was requested, in seconds since 1970.

    0: `value`, the record, is missing or invalid, or is that of another version than `etag`.
    """
    try:
        recorded, asked, *_ = json.loads(value or b"")
        return float(_number(asked)) if recorded == etag else 0.0
    except (ValueError, TypeError):
        return 0.0


def crc64_key(record_key: str) -> bytes:
    """Return the key of the CRC-64/XZ (decimal) that version 0.1 recorded of an object."""
    return _encoded(_CRC64 + record_key)


def has_records(state: ReadableRecords) -> bool:
    """Return whether any migrated object is recorded."""
    return next(state.scan(_encoded("[taskType: ")), None) is not None


def save_point_key(
    bucket: str, cos_path: str, name: str, mtime_ms: int, part_size: int, threshold: int
) -> bytes:
    """Return the Java tool's key of an unfinished upload; its value is the upload id."""
    return _encoded(
        f"{_JAVA_SAVE_POINT}[bucket: {bucket}], [key: {cos_path}], "
        f"[localPath: {name}], [mtime: {mtime_ms}], [partSize: {part_size}], "
        f"[mutlipartUploadThreshold: {threshold}]"
    )


def java_save_point_prefix() -> bytes:
    """Return the prefix of the keys of the Java tool's unfinished uploads."""
    return _encoded(_JAVA_SAVE_POINT)


def parse_upload_id(value: bytes) -> str | None:
    """Return the upload id in the value of a Java save point, or None for an invalid one."""
    text = _decoded(value)
    return text if text.isascii() and text.isprintable() and text.strip() else None


def upload_prefix() -> bytes:
    """Return the prefix of the keys of all unfinished uploads."""
    return _encoded(_UPLOAD)


def upload_key(cos_path: str) -> bytes:
    """Return the key of our save point for an upload to `cos_path`."""
    return _encoded(f"{_UPLOAD}{cos_path}]")


def upload_value(save_point: SavePoint) -> bytes:
    """Return the value for `upload_key`: a save point without its parts."""
    fields: dict[str, Any] = {
        "uploadId": save_point.upload_id,
        "cosPath": save_point.cos_path,
        "name": save_point.name,
        "size": save_point.fingerprint.size,
        "mtimeNs": save_point.fingerprint.mtime_ns,
        "etag": save_point.fingerprint.etag,
        "partSize": save_point.part_size,
        "threshold": save_point.threshold,
        "sourceCrc64": save_point.source_crc64,
    }
    if save_point.envelope:
        fields["envelope"] = save_point.envelope
    if save_point.source_check:
        fields["sourceCheck"] = save_point.source_check
    return json.dumps(fields).encode()


def parse_upload(value: bytes) -> SavePoint | None:
    """Return the save point in a value, or None for an invalid one."""
    try:
        fields = json.loads(value)
        found = SavePoint(
            _text(fields["uploadId"]),
            _text(fields["cosPath"]),
            _text(fields["name"]),
            Fingerprint(_number(fields["size"]), _number(fields["mtimeNs"]), _text(fields["etag"])),
            _number(fields["partSize"]),
            _number(fields["threshold"]),
            source_crc64=_number(fields.get("sourceCrc64", -1)),
            envelope=_envelope(fields.get("envelope")),
            source_check=_check(fields.get("sourceCheck")),
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if found.upload_id and found.part_size > 0 else None


def abandoned_key(upload_id: str) -> bytes:
    """Return the key of an upload that is to be aborted; its value is the target path."""
    return _encoded(f"{_ABANDONED}{upload_id}]")


def abandoned_uploads(state: ReadableRecords) -> Iterator[tuple[str, str]]:
    """Yield (target path, upload id) of each upload that is to be aborted."""
    prefix = _encoded(_ABANDONED)
    for key, value in state.scan(prefix):
        upload_id, cos_path = _decoded(key[len(prefix) : -1]), _decoded(value)
        if upload_id and cos_path.startswith("/"):
            yield cos_path, upload_id


def part_prefix(upload_id: str) -> bytes:
    """Return the prefix of the keys of all parts of an upload."""
    return _encoded(_PART.format(upload_id))


def part_key(upload_id: str, number: int) -> bytes:
    """Return the key of one part."""
    return part_prefix(upload_id) + f"{number:05d}]".encode()


def upload_of_part(key: bytes) -> str | None:
    """Return the upload id in the key of a part; None for any other key."""
    match = _PART_KEY.fullmatch(_decoded(key))
    return match[1] if match else None


def path_of(key: bytes, value: bytes) -> str:
    """Return the target path that a record of an upload or a request id names; else empty."""
    text = _decoded(key)
    if text.startswith(_REQUEST_ID):
        return text[len(_REQUEST_ID) :]
    if text.startswith(_UPLOAD):
        return text[len(_UPLOAD) : -1]
    return _decoded(value) if text.startswith(_ABANDONED) else ""


def record_key_in(key: bytes) -> bytes | None:
    """Return the record key in the key of a failure, a restore or a CRC-64; else None."""
    for prefix in map(_encoded, (_FAILED, _RESTORE, _CRC64)):
        if key.startswith(prefix):
            return key[len(prefix) :]
    return None


def part_value(part: PartRecord) -> bytes:
    """Return the value of one part."""
    content = f"/{part.content_crc64}" if part.content_crc64 >= 0 else ""
    crcs = f"{part.crc64}{content}" + (f"+{part.other_crc}" if part.other_crc >= 0 else "")
    return _encoded(f"{part.number} {part.offset} {part.size} {crcs} {part.etag}")


def parse_part(value: bytes) -> PartRecord | None:
    """Return the part in a value, or None for an invalid one."""
    try:
        match = _PART_VALUE.fullmatch(value.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        return None
    if not match:
        return None
    number, offset, size, *crcs = (int(text or -1) for text in match.groups()[:6])
    if not 1 <= number <= _MOST_PARTS or not {crc >> _CRC_BITS for crc in crcs} <= {0, -1}:
        return None
    crc64, content, other = crcs
    return PartRecord(number, offset, size, match[7], crc64, content, other)


def _encoded(text: str) -> bytes:
    # A lone surrogate (a name that is not UTF-8) gives a key of its own.
    return text.encode("utf-8", "surrogatepass")


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise TypeError


def _envelope(value: Any) -> Envelope | None:
    if value is None:
        return None
    if type(value) is not list:
        raise TypeError
    return Envelope(*map(_text, value))


def _check(value: Any) -> Check | None:
    if value is None:
        return None
    if type(value) is not list:
        raise TypeError
    return Check(*map(_text, value))


def _number(value: Any) -> int:
    if type(value) is int:
        return value
    raise TypeError
