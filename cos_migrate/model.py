"""The types that flow through a run: plain, immutable values without behaviour.

Types of which millions pass through the coordinator are named tuples: as immutable, comparable
and picklable as a frozen dataclass, at a quarter of its construction cost.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, cast

from cos_migrate.errors import Side

if TYPE_CHECKING:
    from cos_migrate.checksums import Check

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Status(enum.Enum):
    """How a scanned object ended; the values are the names in the printed summary."""

    NEW = "migrate_new"
    UPDATE = "migrate_update"
    FAIL = "migrate_fail"
    SKIP = "migrate_skip"
    CONDITION_NOT_MATCH = "migrate_condition_not_match"

    # Each member is there once; the hash that enum gives them is a call into Python.
    __hash__ = object.__hash__


class Fingerprint(NamedTuple):
    """What tells that an object is unchanged."""

    size: int
    """Bytes; -1 when only a HEAD can tell."""
    mtime_ns: int = -1
    """Modification time in nanoseconds since 1970; -1 when the source has none."""
    etag: str = ""
    """The source's entity tag without quotes; empty when it has none."""


class SourceObject(NamedTuple):
    """One object of the source, as listed."""

    name: str
    """What the source calls it: an absolute path with `/` (local), an object key, a URL."""
    key: str
    """Its key below the target's `cosPath`, without a leading `/`."""
    fingerprint: Fingerprint
    page: int = 0
    """The number of the listed page it stands on, given by the scanner; 0 where there are none."""
    is_folder: bool = False
    """An empty folder object `key/` (a folder named in a local file list)."""
    storage_class: str = ""
    """The source's name for its storage class, where the listing tells it and records need it."""
    spooled: str = ""
    """Path of a temporary file that holds its bytes, when they could not be streamed."""
    weak: bool = False
    """Whether what its record holds does not show changes: more of its fingerprint counts then."""


class Failure(NamedTuple):
    """Why something failed; plain values, so that it can leave a worker process."""

    operation: str
    message: str
    status: int = 0
    code: str = ""
    request_id: str = ""
    trace_id: str = ""
    retryable: bool = False
    fatal: bool = False
    side: Side = Side.HERE


class Rejected(NamedTuple):
    """Something the source met that will not be transferred: it is final as it stands."""

    name: str
    """As in SourceObject."""
    key: str
    """As in SourceObject; empty when it has no key (an excluded path, an undecodable name)."""
    line: str
    """The event line to print; empty when the `[fail] task_info: ...` line says it all."""
    failure: Failure | None = None
    """Set: it counts as migrate_fail. None: it counts as migrate_condition_not_match."""
    unlisted: bool = False
    """True when what lies below it could not be enumerated: *list finished* becomes false."""
    page: int = 0
    """As in SourceObject."""


class Note(NamedTuple):
    """Something to tell about the scan that is no object (an excluded folder): info.log only."""

    line: str
    warning: bool = False
    """Whether it is a warning instead: printed too, and written to warn.log."""


Found = SourceObject | Rejected | Note
"""What a scan yields."""


Row = tuple[str, str, int, int]
"""Name, key, bytes and modification time (ns) of an object of which there is no more to tell.

It travels between processes, and is compared with its record, at a third of a SourceObject's cost.
"""


def rows_of(found: Iterable[Found | Row]) -> list[Row]:
    """Return the rows among what was found."""
    return cast("list[Row]", [item for item in found if type(item) is tuple])


def objects_of(found: Iterable[Found | Row]) -> Iterator[Found]:
    """Yield what was found, rows as the objects that they stand for."""
    for item in found:
        if type(item) is tuple:
            yield object_of(cast("Row", item))
        else:
            yield cast("Found", item)


def object_of(row: Row) -> SourceObject:
    """Return the object that a row stands for."""
    name, key, size, mtime_ns = row
    return SourceObject(name, key, Fingerprint(size, mtime_ns))


def extent_of(found: Sequence[Found | Row]) -> tuple[int, int]:
    """Return how many objects were found, and their bytes."""
    rows = [size for _, _, size, _ in rows_of(found)]
    sizes = [item.fingerprint[0] for item in found if isinstance(item, SourceObject)]
    rejected = sum(isinstance(item, Rejected) for item in found) if len(rows) < len(found) else 0
    return len(rows) + len(sizes) + rejected, sum(rows) + sum(size for size in sizes if size > 0)


class ListRange(NamedTuple):
    """A part of what a source lists, which is listed by itself."""

    prefix: str = ""
    """What names begin with (or the folder, or the list file)."""
    after: str = ""
    """Only names behind this one belong to it; empty: from the first."""
    until: str = ""
    """Only names up to this one belong to it; empty: to the last."""


class Page(NamedTuple):
    """One answer to a listing of a range."""

    found: list[Found]
    next: str
    """The marker with which the range goes on behind this page; empty when it is complete."""
    more: tuple[ListRange, ...] = ()
    """Ranges that this page has shown: what they hold is in no other."""
    problem: Failure | None = None
    """Why the range is not complete although it goes on; None: no reason is known."""


class Described(NamedTuple):
    """An object as its source describes it now."""

    fingerprint: Fingerprint
    headers: Mapping[str, str] = NO_HEADERS
    """What is stored with it: lower-case names, `content-type`, `x-cos-meta-...`."""
    md5: str = ""
    """The MD5 of the whole content as hex, where the source tells it."""
    crc64: int = -1
    """The CRC-64/XZ of the whole content, where the source tells it."""
    checks: tuple[Check, ...] = ()
    """Checksums against which the whole content can be compared when it is read."""
    warnings: tuple[str, ...] = ()
    """What of its metadata cannot be carried over."""
    storage_class: str = ""
    """The source's name for its storage class, where records need it."""
    likely_md5: str = ""
    """What is its MD5 in all likelihood, as hex: believed when the content agrees."""


class Target(NamedTuple):
    """Where objects go."""

    bucket: str
    """`<name>-<APPID>`."""
    region: str
    cos_path: str
    """Normalised: begins and ends with `/`, no `//`."""


class Envelope(NamedTuple):
    """What opens a client-side encrypted object for who has the master key; it is no secret."""

    key: str
    """The content key, wrapped, in base64."""
    start: str
    """The initialisation vector, wrapped, in base64."""


class PartRecord(NamedTuple):
    """One part of an unfinished multipart upload that COS has confirmed."""

    number: int
    """1-based."""
    offset: int
    """Bytes from the start of the object."""
    size: int
    """Bytes."""
    etag: str
    """Without quotes."""
    crc64: int
    """CRC-64/XZ of the part's bytes; -1 of a part that COS has copied itself."""
    plain_crc64: int = -1
    """That of its bytes before they were encrypted; -1 of a part that was not."""


class SavePoint(NamedTuple):
    """An unfinished multipart upload that a later run can continue."""

    upload_id: str
    cos_path: str
    """Target path with its leading `/`."""
    name: str
    """`SourceObject.name`."""
    fingerprint: Fingerprint
    part_size: int
    """Bytes."""
    threshold: int
    """`smallFileThreshold` in force when it began, bytes."""
    parts: tuple[PartRecord, ...] = ()
    source_crc64: int = -1
    """CRC-64/XZ of the whole object as its source tells it; -1 when it does not."""
    envelope: Envelope | None = None
    """How its parts are encrypted; None: they are not."""


class Outcome(NamedTuple):
    """How a scanned object ended; each is in exactly one."""

    status: Status
    name: str
    """`SourceObject.name`."""
    cos_path: str
    """Target path with its leading `/`; empty when it has none."""
    size: int
    """Bytes; 0 when unknown."""
    lines: str
    """The event lines to print, each ended by a newline."""
    failure: Failure | None = None
    """Set exactly when `status` is FAIL."""
    mtime_ms: int = -1
    """Modification time of the source object, milliseconds since 1970, negative before; -1 when
    unknown."""
    unverified: str = ""
    """Why what arrived could only be compared by size and ETag; empty when its CRC64 agreed."""
    objects: int = 1
    """Objects it stands for: such as are left alone may be told of together, without names."""
