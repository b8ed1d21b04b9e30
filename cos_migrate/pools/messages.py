"""What travels between the coordinator and the workers: tasks one way, results the other.

On the wire both are flat tuples of plain values, gathered in lists: measured at a tenth of the
cost of pickled dataclasses, and of that of sending them one by one. A task is
`(number, kind, *fields)`, a result `(number, kind, *fields)`; `number` is the coordinator's.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from cos_migrate.checksums import Check
from cos_migrate.errors import MigrateError
from cos_migrate.model import Described, Envelope, Failure, Fingerprint, SourceObject
from cos_migrate.text import cut, masked

Message = tuple[Any, ...]
"""A task or a result as it travels."""


class Kind:
    """What a task asks for, named after the COS operations; plain numbers, cheap to send."""

    PUT_OBJECT: Final = 0
    """`(source..., cos_path, look)` -> Arrival, or TARGET_EXISTS, or SPOOLED"""
    LOOK: Final = 1
    """`(source..., cos_path, look)` -> `()`, or TARGET_EXISTS"""
    DIGEST: Final = 2
    """`(source..., described or None)` -> `(md5 as hex, described or None)`: hash a file that lies
    here; a temporary one is compared with `described`, for which the source is asked if it is None
    """
    INITIATE_UPLOAD: Final = 3
    """`(source..., cos_path, described or None, md5 or None, envelope or None, part_size)`
    -> `(upload_id, the source's crc64 or -1, other checksums that it states, likely)`, or DESCRIBED

    The source is asked if `described` is None. `md5`: empty for an upload without it, None for the
    source's own. `likely`: the one other checksum is an MD5 that is to be proven, since it is
    stored.
    """
    LIST_PARTS: Final = 4
    """`(cos_path, upload_id)` -> `(numbers and ETags of the parts the server has,)`"""
    UPLOAD_PART: Final = 5
    """`(source..., cos_path, envelope or None, checks, upload_id, number, offset, size)`
    -> `(etag, crc64, unverified, its crc64 before it was encrypted or -1, checked)`

    `checks` are to be compared over all parts, in order; `checked` is what `ordered` says of them.
    """
    COMPLETE_UPLOAD: Final = 6
    """`(cos_path, upload_id, ((number, etag), ...), size, crc64)`
    -> `(request_id, unverified, etag)`
    """
    ABORT_UPLOAD: Final = 7
    """`(cos_path, upload_id)` -> `()`"""
    STAT: Final = 8
    """`(source...)` -> `(size, mtime_ns, etag)`: its present fingerprint"""
    EXAMINE: Final = 9
    """`(source...)` -> `(size, mtime_ns, etag, storage class)`, for one listed without them"""
    COPY_OBJECT: Final = 10
    """`(source..., cos_path, look)` -> Arrival, or TARGET_EXISTS; COS copies, no body passes"""
    COPY_PART: Final = 11
    """Like UPLOAD_PART; its `crc64` is -1"""
    FETCH_PART: Final = 12
    """`(source..., path, offset, size)` -> `()`: a range of the source into a file"""
    CHECK: Final = 13
    """`(source..., cos_path, ask)` -> the fields of Compared; `ask`: the source too"""
    BEGIN_PROBE: Final = 14
    """`(cos_path,)` -> `(upload_id,)`: begin an upload that gets no parts"""
    LIST_SOURCE: Final = 15
    """`()` -> `()`: ask the source for one page of its listing"""

    SMALL: Final = frozenset({PUT_OBJECT, EXAMINE, COPY_OBJECT, CHECK})
    """What the small-file pool does; all else is the big-file pool's."""
    OF_PARTS: Final = frozenset({UPLOAD_PART, COPY_PART})
    """What moves one part to COS."""
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
        "examine",
        "CopyObject",
        "UploadPartCopy",
        "fetch",
        "check",
        "InitiateMultipartUpload",
        "list",
    )


class Look:
    """What to look for on COS before an object is sent; numbers that can be added."""

    NOT: Final = 0
    SAME_PATH: Final = 1
    """Leave it when COS has anything under the same key (`skipSamePath`)."""
    NEWER: Final = 2
    """Leave it when COS has something newer than the source (`realTimeCompare`)."""


class Reply:
    """What a result says."""

    DONE: Final = 0
    """The fields that `Kind` names."""
    FAILED: Final = 1
    """The fields of a Failure."""
    TARGET_EXISTS: Final = 2
    """`(whether that is because it is newer,)`: nothing was sent, COS has an object there."""
    UNSTARTED: Final = 3
    """The task was given back, or given up, because work was to stop."""
    MOVED: Final = 4
    """Not final: `(bytes,)` of the task's transfer have passed so far."""
    SLOW_DOWN: Final = 5
    """No task's: `(side,)` asked this worker for fewer requests."""
    WARNING: Final = 6
    """Not final: `(text,)` to tell about the task's object."""
    SPOOLED: Final = 7
    """`(path, size, mtime_ns, etag)`: it is larger than thought, and lies in a file now."""

    DESCRIBED: Final = 8
    """`(described,)`: no upload was begun, since the source states no MD5"""

    PASSING: Final = frozenset({MOVED, WARNING})
    """Replies behind which the final one follows."""
    NAMES: Final = (
        "done",
        "failed",
        "target exists",
        "unstarted",
        "moved",
        "slow down",
        "warning",
        "spooled",
        "described",
    )


class Arrival(NamedTuple):
    """The fields of the result of an object that was sent with one request."""

    request_id: str
    unverified: str
    """Why its CRC-64 could not be compared; empty when it agreed."""
    crc64: int
    """Of what COS has; -1 when not known."""
    size: int
    """Bytes that were sent."""
    mtime_ns: int
    etag: str
    """The fingerprint of the version that was sent."""
    cos_etag: str
    """COS's ETag; empty where it is of no use."""


class Compared(NamedTuple):
    """What both sides have of an object that was recorded as migrated."""

    cos_size: int
    """Bytes on COS (encryption adds none); -1: it is not there."""
    cos_crc64: int
    """Of what COS has; -1 when it does not tell."""
    encrypted: bool
    """Whether it was encrypted before it was sent: its CRC-64 is not that of the content."""
    source_size: int
    """Bytes of the source's object; -1: it is gone, or was not asked for."""
    source_crc64: int
    """Of the source's object; -1 when the source does not tell."""
    request_id: str
    """Of COS's answer."""


class SourceFields(NamedTuple):
    """The fields of a SourceObject that a worker needs, as they travel."""

    name: str
    size: int
    mtime_ns: int
    etag: str
    is_folder: bool
    spooled: str


class UploadPart(NamedTuple):
    """The fields of an UPLOAD_PART or COPY_PART task, its number first."""

    task: int
    kind: int
    name: str
    size: int
    mtime_ns: int
    etag: str
    is_folder: bool
    spooled: str
    cos_path: str
    envelope: Envelope | None
    checks: tuple[Check, ...]
    """To be compared over all parts, in order."""
    upload_id: str
    part: int
    """1-based."""
    offset: int
    """Bytes from the start of the object."""
    length: int
    """Bytes."""


class FetchPart(NamedTuple):
    """The fields of a FETCH_PART task, its number first."""

    task: int
    kind: int
    name: str
    size: int
    mtime_ns: int
    etag: str
    is_folder: bool
    spooled: str
    path: str
    """The file that the range is written into."""
    offset: int
    """Bytes from the start of the object."""
    length: int
    """Bytes."""


_CODE_MOST = 100
"""Characters of an error code that a server has sent."""
_ID_MOST = 300
SOURCE_FIELDS = len(SourceFields._fields)


def source_fields(obj: SourceObject) -> Message:
    """Flatten `obj` for the wire."""
    return (obj.name, *obj.fingerprint, obj.is_folder, obj.spooled)


_READS = frozenset(
    {
        Kind.PUT_OBJECT,
        Kind.DIGEST,
        Kind.INITIATE_UPLOAD,
        Kind.UPLOAD_PART,
        Kind.STAT,
        Kind.EXAMINE,
        Kind.FETCH_PART,
    }
)


def reads_source(task: Message) -> bool:
    """Return whether a task, which begins with its number, asks the source for anything."""
    return task[1] in _READS and not task[1 + SOURCE_FIELDS]


def source_object(fields: Message) -> SourceObject:
    """Return the object whose `source_fields` a message begins with."""
    name, size, mtime_ns, etag, is_folder, spooled = fields[:SOURCE_FIELDS]
    fingerprint = Fingerprint(size, mtime_ns, etag)
    return SourceObject(name, "", fingerprint, 0, is_folder, "", spooled)


def picklable(described: Described | None) -> Described | None:
    """Return a description that can be sent to another process."""
    return described and described._replace(headers=dict(described.headers))


def failure_of(error: MigrateError) -> Failure:
    """Return the plain values of an error; what it has from a library may hold secrets."""
    return Failure(
        error.operation,
        masked(str(error)),
        error.status,
        cut(error.code, _CODE_MOST),
        cut(error.request_id, _ID_MOST),
        cut(error.trace_id, _ID_MOST),
        error.retryable,
        error.fatal,
        error.side,
    )
