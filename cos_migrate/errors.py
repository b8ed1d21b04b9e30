"""The exception tree of the package.

    MigrateError
    ├── ConfigError        config.ini or the command line is wrong (exit code 2)
    ├── StateError         the record database is in use or unusable (exit code 3)
    ├── SourceError        an object or a listing of the source could not be read
    │   └── SourceChanged  the object is no longer the one that was listed
    ├── CosError           COS answered with an error, or what it stored is not what was sent
    ├── TransportError     no usable answer: name, connection, TLS, time-out, broken stream
    └── WorkerLost         a worker process ended while it had work

No decision is ever made on message text: `status`, `code`, `retryable` and `fatal` say it all.
"""

from __future__ import annotations

from collections.abc import Sequence

CONTRADICTORY = "ContradictoryAnswer"
"""The code of an answer of the source that cannot be of the object that was listed."""
ETAG_IS_NO_MD5 = "EtagIsNoMd5"
"""The code of an object whose content, read twice, is not what its ETag looks like."""


class MigrateError(Exception):
    """Anything this tool can explain to its user.

    `operation` names what was tried (`PutObject`, `open`), `target` the key, path or host it was
    tried on. `status` is the HTTP status (0: none), `code` the service's error code or our own
    short one. `retryable`: trying again may help. `fatal`: no other object can escape it.
    """

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
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.target = target
        self.status = status
        self.code = code
        self.request_id = request_id
        self.trace_id = trace_id
        self.retryable = retryable
        self.fatal = fatal
        self.retry_after = 0.0
        """Seconds the server asked us to wait (its Retry-After header); 0: it said nothing."""


class ConfigError(MigrateError):
    """The configuration cannot be used; `problems` holds one printable line for each mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StateError(MigrateError):
    """The record database is in use, damaged or of a kind that cannot be opened here."""


class SourceError(MigrateError):
    """The source could not list, stat or deliver an object."""


class SourceChanged(SourceError):
    """The object changed after it was listed, or while it was read."""


class CosError(MigrateError):
    """COS refused a request, or holds something other than what was sent."""


class TransportError(MigrateError):
    """A request got no usable answer."""


class WorkerLost(MigrateError):
    """A worker process ended while it had work."""
