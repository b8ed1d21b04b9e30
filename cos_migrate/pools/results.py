"""Results that workers send to the coordinator.

They travel as tasks do (see there): `(number, kind, content)`, with the number of the task.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple

from cos_migrate.errors import Side
from cos_migrate.model import Described, Failure, Fingerprint, RestoreState

if TYPE_CHECKING:  # a walk process reads no content
    from cos_migrate.checksums import Check


class ResultKind(enum.IntEnum):
    """The kind of a result: how a task ended, or its progress."""

    DONE = 0
    """Content: the result that the docstring of the task's class names."""
    FAILED = 1
    """Its content is a Failure."""
    TARGET_EXISTS = 2
    """Nothing was sent. Content: TargetExists."""
    UNSTARTED = 3
    """The task was given back, or given up, because work is to stop. Content: None."""
    PROGRESS = 4
    """Not final. Content: how many bytes of the task's transfer have passed so far."""
    SLOW_DOWN = 5
    """Of no task. Content: the Side that asked this worker for fewer requests."""
    CONNECTION_FAILED = 9
    """Of no task. Content: the Side to which a connection failed, or was silent for too long."""
    LATENCY = 10
    """Of no task. Content: Latency."""
    CREDENTIALS_ENDED = 11
    """Of no task. Content: CredentialsEnded."""
    REQUEST = 12
    """Of no task. Content: Requested; only where the job counts requests."""
    BUSY = 13
    """Of no task. Content: seconds for which the process was busy since the last report."""
    WARNING = 6
    """Not final. Content: a text about the task's object."""
    SPOOLED = 7
    """A small-file task found a big object. Content: Spooled."""
    DESCRIBED = 8
    """No upload was begun, since the source states no MD5. Content: Described."""


ObjectStored = tuple[str, str, int, int, int, str, str]
"""An object that one request has sent or copied.

`request_id`; `unverified`: why its CRC-64 could not be compared, empty when it agreed; `crc64` on
COS, -1 when not known; `size`, `mtime_ns` and `etag` of the version that was sent; `cos_etag`:
COS's, empty where it is of no use.
"""


class Digested(NamedTuple):
    """Result of Digest."""

    md5: str
    """Hex."""
    described: Described | None
    """The description with which a temporary file was compared."""


class Initiated(NamedTuple):
    """Result of InitiateUpload and ProbeUpload."""

    upload_id: str
    source_crc64: int = -1
    """-1: the source states none."""
    checks: tuple[Check, ...] = ()
    """Other checksums that the source states."""
    is_likely: bool = False
    """Whether `checks` is one probable MD5, which is stored and so has to be proven."""


class ListedParts(NamedTuple):
    """Result of ListParts."""

    parts: list[tuple[int, str, int]]
    """Number, ETag and bytes of each."""


AGREES: Final = "agrees"
"""An object agrees with the checksums that its source states; see `PartStored.checked`."""


class PartStored(NamedTuple):
    """Result of UploadPart and CopyPart."""

    etag: str
    crc64: int = -1
    """-1 of a copied part."""
    content_crc64: int = -1
    """Before it was encrypted; -1: it was not."""
    checked: str = ""
    """AGREES, the kind of the checksum that differs, or empty: not known yet."""
    other_crc: int = -1
    """As in PartRecord."""


class Completed(NamedTuple):
    """Result of CompleteUpload."""

    request_id: str
    unverified: str
    """Why its CRC-64 could not be compared; empty when it agreed."""
    etag: str


class SourceHead(NamedTuple):
    """Result of HeadSource."""

    fingerprint: Fingerprint
    storage_class: str


class Comparison(NamedTuple):
    """Result of CompareObject: size and checksum of an object on both sides."""

    cos_size: int
    """Bytes on COS (encryption adds none); -1: it is not there."""
    cos_crc64: int
    """Of the object on COS; -1: not known."""
    is_encrypted: bool
    """Whether it was encrypted before it was sent: its CRC-64 is not that of the content."""
    source_size: int
    """Bytes of the source's object; -1: it is gone, or was not asked for."""
    source_crc64: int
    """Of the source's object; -1: not known."""
    request_id: str
    """Of COS's answer."""
    cos_etag: str = ""
    """Of the object on COS, without quotes."""


class Deleted(NamedTuple):
    """Result of DeleteObjects: the objects that were not removed; all others were."""

    refused: tuple[tuple[str, str], ...]
    """Target paths that stay, with COS's reason."""


class Latency(NamedTuple):
    """The times that a worker's requests took to be answered since its last report."""

    answers: int
    seconds: float
    """From the begin of each transfer to the end of its answer, in sum."""
    big: bool = False
    """Whether they are answers to parts of the size that is usual, not to small objects."""


class TargetExists(NamedTuple):
    """COS has an object at the target path, which stays."""

    is_newer: bool
    """Whether that is why: it is newer than the source's."""


class Spooled(NamedTuple):
    """An object of unknown size, now in a temporary file, that is too large for one PUT."""

    path: str
    fingerprint: Fingerprint


class Requested(NamedTuple):
    """A request to COS that was answered or failed."""

    operation: str
    """As COS's API names it."""
    status: int
    """0: there was no answer."""


class CredentialsEnded(NamedTuple):
    """A server refused credentials; the requests of the worker wait for new credentials."""

    side: Side
    number: int
    """Of the refused credentials."""


Done = (
    Digested
    | Initiated
    | ListedParts
    | PartStored
    | Completed
    | Fingerprint
    | SourceHead
    | Comparison
    | RestoreState
    | Deleted
    | None
)
"""The content of a result DONE, other than an ObjectStored."""
Content = (
    ObjectStored
    | Done
    | TargetExists
    | Spooled
    | Described
    | Latency
    | CredentialsEnded
    | Requested
    | Failure
    | Side
    | str
    | int
    | float
)
"""The content of a result."""
Result = tuple[int, int, Content]
"""Number of the task, ResultKind as a plain number, and content."""

DONE: Final = int(ResultKind.DONE)
FAILED: Final = int(ResultKind.FAILED)
TARGET_EXISTS: Final = int(ResultKind.TARGET_EXISTS)
UNSTARTED: Final = int(ResultKind.UNSTARTED)
PROGRESS: Final = int(ResultKind.PROGRESS)
SLOW_DOWN: Final = int(ResultKind.SLOW_DOWN)
CONNECTION_FAILED: Final = int(ResultKind.CONNECTION_FAILED)
LATENCY: Final = int(ResultKind.LATENCY)
CREDENTIALS_ENDED: Final = int(ResultKind.CREDENTIALS_ENDED)
REQUEST: Final = int(ResultKind.REQUEST)
BUSY: Final = int(ResultKind.BUSY)
OF_NO_TASK: Final = frozenset(
    {SLOW_DOWN, CONNECTION_FAILED, LATENCY, CREDENTIALS_ENDED, REQUEST, BUSY}
)
"""Results that belong to no task."""
WARNING: Final = int(ResultKind.WARNING)
SPOOLED: Final = int(ResultKind.SPOOLED)
DESCRIBED: Final = int(ResultKind.DESCRIBED)
INTERIM: Final = frozenset({PROGRESS, WARNING})
"""Results that precede the final one of a task."""


def picklable(described: Described) -> Described:
    """Return the description of an object in a form that can be sent to another process."""
    return described._replace(headers=dict(described.headers))
