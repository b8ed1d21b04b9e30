"""The values that pass through a run: plain and immutable.

Types of which millions pass through the coordinator are named tuples: as immutable, comparable
and picklable as a frozen dataclass, at a quarter of its construction cost.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, cast

from cos_migrate.errors import MigrateError, Side
from cos_migrate.text import cut, describe_error, masked

if TYPE_CHECKING:
    from cos_migrate.checksums import Check

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_CODE_MOST = 100
"""Characters of an error code that a server has sent."""
_ID_MOST = 300


class Status(enum.Enum):
    """How a scanned object ended; the values are the names in the printed summary."""

    NEW = "migrate_new"
    UPDATE = "migrate_update"
    FAIL = "migrate_fail"
    SKIP = "migrate_skip"
    CONDITION_NOT_MATCH = "migrate_condition_not_match"

    # The hash of enum is a call into Python; members are unique objects.
    __hash__ = object.__hash__


class Credentials(NamedTuple):
    """Id, key and token that sign requests to one side."""

    secret_id: str
    """The access key id."""
    secret_key: str
    token: str = ""
    """The session token of temporary credentials, empty for permanent ones."""
    until: float = math.inf
    """The time.time() at which they end; infinite: never, or not known."""
    number: int = 0
    """How often they were replaced in this run."""

    def __repr__(self) -> str:
        return "Credentials(***)"

    def same_keys(self, other: Credentials) -> bool:
        """Return whether id, key and token are the same."""
        return self[:3] == other[:3]


class Fingerprint(NamedTuple):
    """The values that show whether an object has changed."""

    size: int
    """Bytes; -1 when it takes a HEAD to know."""
    mtime_ns: int = -1
    """Modification time in nanoseconds since 1970; -1 when the source has none."""
    etag: str = ""
    """The source's entity tag without quotes; empty when it has none."""


class SourceObject(NamedTuple):
    """One object of the source, as listed."""

    name: str
    """Its name at the source: an absolute path with `/` (local), an object key, a URL."""
    key: str
    """Its key below the target's `cosPath`, without a leading `/`."""
    fingerprint: Fingerprint
    page: int = 0
    """Number of its page of the listing, set by the scan; 0 where there are no pages."""
    is_folder: bool = False
    """An empty folder object `key/` (a folder named in a local file list)."""
    storage_class: str = ""
    """The source's name of its storage class, where it is listed and records need it."""
    spooled: str = ""
    """Path of a temporary file with its bytes, when they could not be streamed; else empty."""
    weak: bool = False
    """Whether its ETag does not show changes, so that its time must be compared too."""


class Failure(NamedTuple):
    """The values of a MigrateError, to be sent from one process to another."""

    operation: str
    message: str
    status: int = 0
    code: str = ""
    request_id: str = ""
    trace_id: str = ""
    retryable: bool = False
    fatal: bool = False
    side: Side = Side.HERE


def failure_of(error: MigrateError) -> Failure:
    """Return the plain values of an error, masked: texts of libraries may hold secrets."""
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


def unexpected_failure(
    operation: str, error: Exception, *, doing: str = "", side: Side = Side.HERE
) -> Failure:
    """Return the plain values of an exception that is no MigrateError; `doing`: what broke off."""
    described = describe_error(error)
    message = f"{doing} broke off: {described}" if doing else described
    return Failure(operation, message, code="Unexpected", side=side)


class Rejected(NamedTuple):
    """An entry of the source that is left out or cannot be read; its outcome is final."""

    name: str
    """As in SourceObject."""
    key: str
    """As in SourceObject; empty when it has no key (an excluded path, an undecodable name)."""
    line: str
    """The event line to print; empty when the `[fail] task_info: ...` line is enough."""
    failure: Failure | None = None
    """Set: it counts as migrate_fail. None: it counts as migrate_condition_not_match."""
    unlisted: bool = False
    """Whether the entries below it could not be listed: *list finished* becomes false."""
    page: int = 0
    """As in SourceObject."""


class Note(NamedTuple):
    """A log line about the scan itself, such as an excluded folder; it belongs to no object."""

    line: str
    warning: bool = False
    """Whether it is a warning: printed too, and written to warn.log instead."""


Found = SourceObject | Rejected | Note
"""An item that a scan yields."""


Row = tuple[str, str, int, int]
"""Name, key, bytes and modification time (ns) of an object without other fields.

Measured: sending it to another process and comparing it with its record cost a third of those of a
SourceObject.
"""


def rows_of(found: Iterable[Found | Row]) -> list[Row]:
    """Return the rows among found items."""
    return cast("list[Row]", [item for item in found if type(item) is tuple])


def objects_of(found: Iterable[Found | Row]) -> Iterator[Found]:
    """Yield found items, rows as objects."""
    for item in found:
        if type(item) is tuple:
            yield object_of(cast("Row", item))
        else:
            yield cast("Found", item)


def object_of(row: Row) -> SourceObject:
    """Return the object of a row."""
    name, key, size, mtime_ns = row
    return SourceObject(name, key, Fingerprint(size, mtime_ns))


def count_and_size(found: Sequence[Found | Row]) -> tuple[int, int]:
    """Return how many objects are in `found`, rejected ones too, and their total size in bytes."""
    rows = [size for _, _, size, _ in rows_of(found)]
    sizes = [item.fingerprint[0] for item in found if isinstance(item, SourceObject)]
    rejected = sum(isinstance(item, Rejected) for item in found) if len(rows) < len(found) else 0
    return len(rows) + len(sizes) + rejected, sum(rows) + sum(size for size in sizes if size > 0)


class ListRange(NamedTuple):
    """A range of a source's names, listed separately from the others."""

    prefix: str = ""
    """Prefix of its names (or the folder, or the list file)."""
    after: str = ""
    """It begins behind this name; empty: with the first."""
    until: str = ""
    """It ends with this name; empty: with the last."""


class KeyColumns(NamedTuple):
    """The objects of a page by columns, at a tenth of the cost of SourceObjects."""

    names: list[str]
    sizes: list[int]
    """Bytes; -1 when it takes a HEAD to know."""
    etags: list[str]
    """Without quotes."""
    times: list[str]
    """LastModified as it is written; the column is empty where times are not wanted."""
    classes: list[str]
    """Storage classes; the column is empty where they are not wanted."""
    reliable: bool = True
    """Whether all ETags show changes, so that no object is `weak`."""


class Page(NamedTuple):
    """One page of a range's listing."""

    found: list[Found]
    next: str
    """Marker of the next page; empty when the range is complete."""
    more: tuple[ListRange, ...] = ()
    """Further ranges found on this page; their names are in no other range."""
    problem: Failure | None = None
    """Why names are missing although the listing continues; None: none are known to be."""
    columns: KeyColumns | None = None
    """Its objects, where they are listed by columns instead of `found`."""


class Described(NamedTuple):
    """The description of an object by its source: headers to store, checksums, version."""

    fingerprint: Fingerprint
    headers: Mapping[str, str] = NO_HEADERS
    """Headers to store with it, lower-case names: `content-type`, `x-cos-meta-...`."""
    md5: str = ""
    """MD5 of the whole content as hex; empty when the source has none."""
    crc64: int = -1
    """CRC-64/XZ of the whole content; -1 when the source has none."""
    checks: tuple[Check, ...] = ()
    """Checksums of the whole content, compared when it is read."""
    warnings: tuple[str, ...] = ()
    """Messages about metadata that cannot be carried over."""
    storage_class: str = ""
    """The source's name of its storage class, where records need it."""
    likely_md5: str = ""
    """Probable MD5 as hex, such as an ETag; trusted once the content agrees."""
    tag_count: int = 0
    """How many tags the object has that are still to be requested."""


RESTORE_TIERS = ("Expedited", "Standard", "Bulk")
"""The fastest first."""


class RestoreRule(NamedTuple):
    """How objects of an archive class are restored at their source."""

    tiers: tuple[str, ...] = RESTORE_TIERS
    """The tiers that it offers, the fastest first; empty: there is one speed, without a name."""
    days_most: int = 365
    """Days for which a restored object can be read at most; 0: it needs no number of days."""

    def nearest_tier(self, wanted: str) -> str:
        """Return the tier that is offered and nearest to the wanted one; empty: there is none."""
        if wanted in self.tiers or not self.tiers:
            return wanted if self.tiers else ""
        place = RESTORE_TIERS.index(wanted)
        return min(self.tiers, key=lambda tier: abs(RESTORE_TIERS.index(tier) - place))


class RestoreState(NamedTuple):
    """Whether an archived object can be read."""

    readable: bool
    pending: bool = False
    """Whether it is being restored."""
    storage_class: str = ""
    """Its class, a key of `Source.restore_rules`; empty: it was not stated."""
    requested: bool = False
    """Whether its restore was requested just now."""


class Target(NamedTuple):
    """The bucket and folder that objects are sent to."""

    bucket: str
    """`<name>-<APPID>`."""
    region: str
    cos_path: str
    """Normalised: begins and ends with `/`, no `//`."""


class Envelope(NamedTuple):
    """Wrapped key and IV of a client-side encrypted object; no secret without the master key."""

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
    """CRC-64/XZ of the part's bytes; -1 of a part that COS has copied."""
    content_crc64: int = -1
    """CRC-64/XZ of its bytes before encryption; -1 of a part that is not encrypted."""
    other_crc: int = -1
    """CRC of its bytes before encryption, of the kind of `SavePoint.source_check`; -1: none."""


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
    """CRC-64/XZ of the whole object at the source; -1 when the source has none."""
    envelope: Envelope | None = None
    """Envelope of its key; None: its parts are not encrypted."""
    source_check: Check | None = None
    """Another checksum of the whole object at the source; None: it states none, or a CRC-64/XZ."""


class Outcome(NamedTuple):
    """How a scanned object ended; each object has exactly one."""

    status: Status
    name: str
    """`SourceObject.name`."""
    cos_path: str
    """Target path with its leading `/`; empty: none."""
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
    """Why only size and ETag could be compared; empty when the CRC-64 agreed."""
    objects: int = 1
    """Number of objects: skipped ones may share an outcome without names."""
    seconds: float = 0.0
    """Time from its submission to its confirmation; 0 where it was not sent."""
    request_id: str = ""
    """Of COS's answer, for an object that was sent; empty: it stated none."""
