"""The exception tree of the package.

    MigrateError
    ├── ConfigError        config.ini or the command line is wrong (exit code 2)
    ├── CredentialsError   no credentials were found, or none could be fetched
    ├── StateError         the record database is in use or unusable (exit code 3)
    ├── SourceError        an object or a listing of the source could not be read
    │   └── SourceChanged  the object is no longer the one that was listed
    ├── CosError           COS answered with an error, or stored other bytes than were sent
    └── TransportError     no usable answer: name, connection, TLS, time-out, broken stream

Decisions are made on `side`, `status`, `code`, `retryable` and `fatal`, never on message text.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import ClassVar, Final


class Code:
    """Codes of failures on which decisions are made: this tool's, then those of services."""

    CHANGED: Final = "Changed"
    """The object is no longer the version that was listed."""
    CHECKSUM_MISMATCH: Final = "ChecksumMismatch"
    """COS does not hold what was sent."""
    CONTRADICTORY: Final = "ContradictoryAnswer"
    """A source's answer cannot belong to the listed object."""
    ETAG_IS_NO_MD5: Final = "EtagIsNoMd5"
    """The ETag of an object looks like an MD5, but not of its content, read twice."""
    NAME_NOT_UTF8: Final = "NameNotUtf8"
    NEEDS_THREAD: Final = "NeedsThread"
    """The event loop leaves the task to a thread; this counts as no failed try."""
    PROXY_REFUSED: Final = "ProxyRefused"
    RANGE_IGNORED: Final = "RangeIgnored"
    """The source sends no ranges of the object."""
    SOURCE_CHECKSUM_MISMATCH: Final = "SourceChecksumMismatch"
    """The content differs from the source's checksum."""
    STOPPING: Final = "Stopping"
    """The work was given up because the run ends."""
    TMP_FOLDER: Final = "TmpFolder"
    """There is no room for a temporary file."""

    NO_SUCH_BUCKET: Final = "NoSuchBucket"
    NO_SUCH_KEY: Final = "NoSuchKey"
    NO_SUCH_UPLOAD: Final = "NoSuchUpload"
    SLOW_DOWN: Final = "SlowDown"


CHANGED_SINCE_LISTED: Final = "it changed after it was listed"
DOES_NOT_EXIST: Final = "it does not exist (any more)"
"""Messages about objects of a source, whichever server answers."""
GONE_CODES = frozenset({"ENOENT", "ENOTDIR", Code.NO_SUCH_KEY})
"""Codes of an object that its source no longer has."""


class Side(enum.Enum):
    """The side of a transfer that failed: refused, answered wrongly or could not be reached."""

    SOURCE = "source"
    """A source that is reached over the network."""
    COS = "cos"
    """The target, which also answers for the copies that it makes."""
    HERE = "here"
    """This machine: its files, local sources and lists among them, and its processes."""


class MigrateError(Exception):
    """Base of the errors that are explained to the user.

    `operation` names what was tried (`PutObject`, `open`), `target` the key, path or host it was
    tried on. `status` is the HTTP status (0: none), `code` the service's error code or a short one
    of this tool. `retryable`: trying again may help. `fatal`: every other object would fail too.
    `side`: None takes `default_side`.
    """

    default_side: ClassVar[Side] = Side.HERE

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        target: str = "",
        status: int = 0,
        code: str = "",
        request_id: str = "",
        trace_id: str = "",
        retryable: bool = False,
        fatal: bool = False,
        side: Side | None = None,
    ) -> None:
        super().__init__(message)
        self.side = side or self.default_side
        self.operation = operation
        self.target = target
        self.status = status
        self.code = code
        self.request_id = request_id
        self.trace_id = trace_id
        self.retryable = retryable
        self.fatal = fatal
        self.retry_after = 0.0
        """Seconds to wait that the server asked for (Retry-After); 0: none."""
        self.language = ""
        """Code of the language in which to explain it; empty: that of the system."""
        self.credentials_ended = False
        """Whether the server refused credentials that may have ended, or been replaced."""


class ConfigError(MigrateError):
    """The configuration cannot be used; `problems` holds one printable line for each mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class CredentialsError(MigrateError):
    """No credentials were found, or the service that issues them gave none."""


class StateError(MigrateError):
    """The record database is in use, damaged or of a kind that cannot be opened here."""


class SourceError(MigrateError):
    """The source could not list, stat or deliver an object."""

    default_side = Side.SOURCE


class SourceChanged(SourceError):
    """The object changed after it was listed, or while it was read."""


class CosError(MigrateError):
    """COS refused a request, or holds something other than what was sent."""

    default_side = Side.COS


class TransportError(MigrateError):
    """A request got no usable answer.

    A connection does not know its side: the client that uses it sets `side`.
    """


def stopping_error(
    *, operation: str = "", target: str = "", side: Side | None = None
) -> TransportError:
    """Return the error of work that is given up because the run ends."""
    text = "given up because the run is stopping"
    return TransportError(text, operation=operation, target=target, code=Code.STOPPING, side=side)
