"""What travels between the coordinator and the workers: tasks one way, results the other.

On the wire both are flat tuples of plain values, gathered in lists: measured at a tenth of the
cost of pickled dataclasses, and of that of sending them one by one. A task is
`(number, kind, *fields)`, a result `(number, kind, *fields)`; `number` is the coordinator's.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from cos_migrate.errors import MigrateError
from cos_migrate.model import Failure, Fingerprint, SourceObject

Message = tuple[Any, ...]
"""A task or a result as it travels."""


class Kind:
    """What a task asks for, named after the COS operations; plain numbers, cheap to send."""

    PUT_OBJECT: Final = 0
    """`(source..., cos_path, skip_same_path)` -> Sent, or TARGET_EXISTS"""
    DIGEST: Final = 2
    """`(source...)` -> `(md5 as hex,)`; touches the source only"""
    INITIATE_UPLOAD: Final = 3
    """`(source..., cos_path, md5 or "")` -> `(upload_id,)`"""
    LIST_PARTS: Final = 4
    """`(cos_path, upload_id)` -> `(numbers and ETags of the parts the server has,)`"""
    UPLOAD_PART: Final = 5
    """`(source..., cos_path, upload_id, number, offset, size)` -> `(etag, crc64, unverified)`"""
    COMPLETE_UPLOAD: Final = 6
    """`(cos_path, upload_id, ((number, etag), ...), size, crc64)` -> `(request_id, unverified)`"""
    ABORT_UPLOAD: Final = 7
    """`(cos_path, upload_id)` -> `()`"""
    LOOK: Final = 1
    """`(cos_path,)` -> `(whether COS has an object there,)`"""
    STAT: Final = 8
    """`(source...)` -> `(size, mtime_ns, etag)`: its present fingerprint"""

    NAMES: Final = (
        "PutObject",
        "HeadObject",
        "digest",
        "InitiateMultipartUpload",
        "ListParts",
        "UploadPart",
        "CompleteMultipartUpload",
        "AbortMultipartUpload",
        "stat",
    )


class Reply:
    """What a result says."""

    DONE: Final = 0
    """The fields that `Kind` names."""
    FAILED: Final = 1
    """The fields of a Failure."""
    TARGET_EXISTS: Final = 2
    """Nothing was sent: COS has an object at the target path."""
    UNSTARTED: Final = 3
    """The task was given back, or given up, because work was to stop."""
    MOVED: Final = 4
    """Not final: `(bytes,)` of the task's transfer have passed so far."""
    SLOW_DOWN: Final = 5
    """No task's: COS asked this worker for fewer requests."""

    NAMES: Final = ("done", "failed", "target exists", "unstarted", "moved", "slow down")


class SourceFields(NamedTuple):
    """The fields of a SourceObject that a worker needs, as they travel."""

    name: str
    size: int
    mtime_ns: int
    etag: str
    is_folder: bool


SOURCE_FIELDS = len(SourceFields._fields)


def source_fields(obj: SourceObject) -> Message:
    """Flatten `obj` for the wire."""
    return (obj.name, *obj.fingerprint, obj.is_folder)


def source_object(fields: Message) -> SourceObject:
    """Return the object whose `source_fields` a message begins with."""
    name, size, mtime_ns, etag, is_folder = fields[:SOURCE_FIELDS]
    return SourceObject(name, "", Fingerprint(size, mtime_ns, etag), "", is_folder)


def failure_of(error: MigrateError) -> Failure:
    """Return the plain values of an error."""
    return Failure(
        error.operation,
        str(error),
        error.status,
        error.code,
        error.request_id,
        error.trace_id,
        error.retryable,
        error.fatal,
    )
