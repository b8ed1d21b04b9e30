"""The types that flow through a run: plain, immutable values without behaviour.

Types of which millions pass through the coordinator are named tuples: as immutable, comparable
and picklable as a frozen dataclass, at a quarter of its construction cost.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Status(enum.Enum):
    """How a scanned object ended; the values are the names in the printed summary."""

    NEW = "migrate_new"
    UPDATE = "migrate_update"
    FAIL = "migrate_fail"
    SKIP = "migrate_skip"
    CONDITION_NOT_MATCH = "migrate_condition_not_match"


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
    cursor: str = ""
    """Listing can continue behind this position; empty when the source has none."""
    is_folder: bool = False
    """An empty folder object `key/` (a folder named in a local file list)."""


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


class Note(NamedTuple):
    """Something to tell about the scan that is no object (an excluded folder): info.log only."""

    line: str


Found = SourceObject | Rejected | Note
"""What a scan yields."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where objects go."""

    bucket: str
    """`<name>-<APPID>`."""
    region: str
    cos_path: str
    """Normalised: begins and ends with `/`, no `//`."""


@dataclass(frozen=True, slots=True)
class PartRecord:
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
    """CRC-64/XZ of the part's bytes."""


@dataclass(frozen=True, slots=True)
class SavePoint:
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


class Outcome(NamedTuple):
    """How one scanned object ended; exactly one for each."""

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
    """Modification time of the source object, milliseconds since 1970; -1 when unknown."""
    unverified: str = ""
    """Why what arrived could only be compared by size and ETag; empty when its CRC64 agreed."""
