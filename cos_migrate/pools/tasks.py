"""Tasks that the coordinator sends to the workers.

They travel in lists, as `(number, kind, content)`: `number` is the coordinator's, `kind` a plain
`int` (a member of an enum costs more to send), `content` a NamedTuple by the kind. The contents of
a PutObject and of its result are plain tuples, each unpacked once: for a small file, a NamedTuple
costs 1.3 µs more to make, send and receive, of about 40 µs for everything.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple

from cos_migrate.model import Described, Envelope, Fingerprint, SourceObject

if TYPE_CHECKING:  # a walk process reads no content
    from cos_migrate.checksums import Check


class TaskKind(enum.IntEnum):
    """The operation of a task."""

    PUT_OBJECT = 0
    HEAD_TARGET = 1
    DIGEST = 2
    INITIATE_UPLOAD = 3
    LIST_PARTS = 4
    UPLOAD_PART = 5
    COMPLETE_UPLOAD = 6
    ABORT_UPLOAD = 7
    STAT = 8
    HEAD_SOURCE = 9
    COPY_OBJECT = 10
    COPY_PART = 11
    FETCH_RANGE = 12
    COMPARE_OBJECT = 13
    PROBE_UPLOAD = 14
    REQUEST_LISTING = 15
    LOOK_AT_RESTORE = 16
    RESTORE_OBJECT = 17
    DELETE_OBJECTS = 18


class SkipIf(enum.IntFlag):
    """Whether an object is left out for what COS has; tasks carry it as a plain number."""

    NEVER = 0
    """COS is not asked."""
    ON_COS = 1
    """Leave the object out when COS has any under the same key (`skipSamePath`)."""
    NEWER_ON_COS = 2
    """Leave the object out when COS has one newer than the source's (`realTimeCompare`)."""
    SAME_ON_COS = 4
    """Leave the object out when COS has the same content (`skipSamePath=same`)."""


PutObject = tuple[str, int, int, str, bool, str, int]
"""Send an object by one request -> ObjectStored, or TARGET_EXISTS, or SPOOLED.

A SourceObject's name, size, mtime_ns, etag and is_folder, then `cos_path` and `skip_if`.
"""


class HeadTarget(NamedTuple):
    """Look for an object on COS -> None, or TARGET_EXISTS."""

    obj: SourceObject
    cos_path: str
    skip_if: int


class Digest(NamedTuple):
    """Hash a local or temporary file -> Digested."""

    obj: SourceObject
    described: Described | None
    """A temporary file is compared with it; None: ask the source."""


class InitiateUpload(NamedTuple):
    """Begin a multipart upload -> Initiated, or DESCRIBED."""

    obj: SourceObject
    cos_path: str
    described: Described | None
    """None: ask the source."""
    md5: str | None
    """Empty: store none; None: the source's own."""
    envelope: Envelope | None
    part_size: int
    """Bytes."""


class ListParts(NamedTuple):
    """List the parts that COS has of an upload -> ListedParts."""

    cos_path: str
    upload_id: str


class UploadPart(NamedTuple):
    """Send one part -> PartStored."""

    obj: SourceObject
    cos_path: str
    envelope: Envelope | None
    checks: tuple[Check, ...]
    """Compared over all parts, in order."""
    crc_kind: str
    """The kind of `PartStored.other_crc`; empty: none."""
    upload_id: str
    number: int
    """1-based."""
    offset: int
    """Bytes from the start of the object."""
    length: int
    """Bytes."""


class CopyPart(NamedTuple):
    """Have COS copy one part -> PartStored."""

    obj: SourceObject
    cos_path: str
    upload_id: str
    number: int
    """1-based."""
    offset: int
    """Bytes from the start of the object."""
    length: int
    """Bytes."""


class CompleteUpload(NamedTuple):
    """Join the parts of an upload -> Completed."""

    cos_path: str
    upload_id: str
    etags: tuple[tuple[int, str], ...]
    """Numbers and ETags of all parts."""
    size: int
    """Bytes of the object."""
    crc64: int
    """Of the object; -1: not known."""


class AbortUpload(NamedTuple):
    """Abort an upload -> None."""

    cos_path: str
    upload_id: str


class Stat(NamedTuple):
    """Ask the source for the present fingerprint of an object -> Fingerprint."""

    obj: SourceObject


class HeadSource(NamedTuple):
    """Ask the source about an object that was listed without its size -> SourceHead."""

    obj: SourceObject


class LookAtRestore(NamedTuple):
    """Ask the source whether an archived object can be read -> RestoreState."""

    obj: SourceObject


class RestoreObject(NamedTuple):
    """Ask the source to restore an archived object -> RestoreState."""

    obj: SourceObject
    storage_class: str
    """A key of `Source.restore_rules`; empty: look at it first, it may be readable or pending."""
    tier: str
    """The wanted one; its class may have others."""
    days: int
    """The wanted ones; its class may allow fewer."""


class CopyObject(NamedTuple):
    """Have COS copy an object -> ObjectStored, or TARGET_EXISTS."""

    obj: SourceObject
    cos_path: str
    skip_if: int


class FetchRange(NamedTuple):
    """Write a range of the source's object into a temporary file -> None."""

    obj: SourceObject
    path: str
    offset: int
    """Bytes from the start of the object."""
    length: int
    """Bytes."""


class CompareObject(NamedTuple):
    """Ask COS, and the source where that is wanted, about a recorded object -> Comparison."""

    obj: SourceObject
    cos_path: str
    asks_source: bool


class ProbeUpload(NamedTuple):
    """Begin an upload that gets no parts, to see whether COS allows it -> Initiated."""

    cos_path: str


class RequestListing(NamedTuple):
    """Ask the source for one page of its listing -> None."""


class DeleteObjects(NamedTuple):
    """Remove objects from COS, at most 1,000 -> Deleted."""

    cos_paths: tuple[str, ...]


PartTask = UploadPart | CopyPart
RestoreTask = LookAtRestore | RestoreObject
SourceTask = Digest | InitiateUpload | UploadPart | Stat | HeadSource | FetchRange | RestoreTask
"""Tasks that read the source, or ask it; besides PutObject."""
Task = (
    PutObject
    | PartTask
    | SourceTask
    | HeadTarget
    | ListParts
    | CompleteUpload
    | AbortUpload
    | CopyObject
    | CompareObject
    | ProbeUpload
    | RequestListing
    | DeleteObjects
)
"""The content of a task."""
NumberedTask = tuple[int, int, Task]
"""Number, TaskKind as a plain number, and content."""

PUT_OBJECT: Final = int(TaskKind.PUT_OBJECT)
HEAD_SOURCE: Final = int(TaskKind.HEAD_SOURCE)
KIND_OF: Final[dict[type, int]] = {
    tuple: PUT_OBJECT,
    HeadTarget: int(TaskKind.HEAD_TARGET),
    Digest: int(TaskKind.DIGEST),
    InitiateUpload: int(TaskKind.INITIATE_UPLOAD),
    ListParts: int(TaskKind.LIST_PARTS),
    UploadPart: int(TaskKind.UPLOAD_PART),
    CompleteUpload: int(TaskKind.COMPLETE_UPLOAD),
    AbortUpload: int(TaskKind.ABORT_UPLOAD),
    Stat: int(TaskKind.STAT),
    HeadSource: HEAD_SOURCE,
    CopyObject: int(TaskKind.COPY_OBJECT),
    CopyPart: int(TaskKind.COPY_PART),
    FetchRange: int(TaskKind.FETCH_RANGE),
    CompareObject: int(TaskKind.COMPARE_OBJECT),
    ProbeUpload: int(TaskKind.PROBE_UPLOAD),
    RequestListing: int(TaskKind.REQUEST_LISTING),
    LookAtRestore: int(TaskKind.LOOK_AT_RESTORE),
    RestoreObject: int(TaskKind.RESTORE_OBJECT),
    DeleteObjects: int(TaskKind.DELETE_OBJECTS),
}
"""The kind of each content of a task."""
SMALL_KINDS: Final = frozenset(
    {
        TaskKind.PUT_OBJECT,
        TaskKind.HEAD_SOURCE,
        TaskKind.COPY_OBJECT,
        TaskKind.COMPARE_OBJECT,
        TaskKind.LOOK_AT_RESTORE,
        TaskKind.RESTORE_OBJECT,
    }
)
"""Tasks of the small-file pool; all others are the big-file pool's."""


def put_task(obj: SourceObject, cos_path: str, skip_if: int) -> PutObject:
    """Return the task that sends an object by one request."""
    return (obj.name, *obj.fingerprint, obj.is_folder, cos_path, skip_if)


def source_object(
    name: str, size: int, mtime_ns: int, etag: str, *, is_folder: bool
) -> SourceObject:
    """Return the object of a PutObject, by its first fields."""
    return SourceObject(name, "", Fingerprint(size, mtime_ns, etag), is_folder=is_folder)


def reads_source(task: Task) -> bool:
    """Return whether a task reads the source, or asks it."""
    if isinstance(task, SourceTask):
        return not task.obj.spooled
    return task.asks_source if isinstance(task, CompareObject) else type(task) is tuple
