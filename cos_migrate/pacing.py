"""When and how much a run may transfer: the time window, SlowDown, and rows of equal failures.

Pure bookkeeping over a clock that is handed in; it neither waits nor prints.
"""

from __future__ import annotations

from cos_migrate.model import Failure

_HALVE_EVERY = 1.0
_GROW_EVERY = 3.0
_GROWTH = 1.25
_ROW_PROBING = 5
"""Equal failures in a row that end a run of which nothing has succeeded yet."""
_ROW_CERTAIN = 10
_ROW_LIKELY = 100
_UNREACHABLE = frozenset(
    {
        "NameNotResolved",
        "ConnectionRefused",
        "CertificateInvalid",
        "CertificateStore",
        "TlsFailed",
        "ProxyRefused",
    }
)
"""Codes that say that the endpoint itself is out of reach."""
_USELESS = frozenset(
    {"Timeout", "ConnectionReset", "ConnectionBroken", "BadAnswer", "ChecksumMismatch"}
)
"""Codes of an endpoint that has not shown yet that it is COS; all tries of a request took long."""
_AT_COS = frozenset(
    {
        "CompleteMultipartUpload",
        "CopyObject",
        "HeadObject",
        "InitiateMultipartUpload",
        "PutObject",
        "UploadPart",
        "UploadPartCopy",
    }
)
"""Operations on the one endpoint that all objects go to; each may come from another place."""
_BROKEN = frozenset({"Timeout", "ConnectionReset", "ConnectionBroken", "EIO", "ENODEV", "ESTALE"})
"""Codes of one object's bad luck, or of a network or disk that is gone."""

_OF_ONE_OBJECT = frozenset({"InvalidObjectState"})
"""Codes of a refusal that says nothing of other objects: this one is archived."""


class Limit:
    """The one limit of transfers for all workers: halved when COS asks, then growing again."""

    def __init__(self, total: int) -> None:
        """Begin with all `total` transfers allowed."""
        self.total = total
        self.allowed = total
        self._changed = float("-inf")

    def slow_down(self, now: float) -> bool:
        """Halve it, at most once a second; return whether it changed."""
        if now - self._changed < _HALVE_EVERY or self.allowed == 1:
            return False
        self.allowed = max(1, self.allowed // 2)
        self._changed = now
        return True

    def grow(self, now: float) -> bool:
        """Let it grow a step when COS has been quiet; return whether it changed."""
        if self.allowed >= self.total or now - self._changed < _GROW_EVERY:
            return False
        self.allowed = min(self.total, int(self.allowed * _GROWTH) + 1)
        self._changed = now
        return True


class FailureRow:
    """Counts equal failures in a row, to tell what no object can escape."""

    def __init__(self) -> None:
        self.proven = False
        """Whether any request of the run has succeeded."""
        self._kind: tuple[int, str] | None = None
        self._length = 0

    def success(self) -> None:
        """Note a request that succeeded."""
        self.proven = True
        self._length = 0

    def failure(self, failure: Failure) -> bool:
        """Note a failed request; return whether the run must stop."""
        kind = (failure.status, failure.code)
        self._length = self._length + 1 if kind == self._kind else 1
        self._kind = kind
        return self._length >= self._longest(failure)

    def _longest(self, failure: Failure) -> float:
        certain = failure.fatal or failure.code in _UNREACHABLE
        if certain:
            return _ROW_CERTAIN if self.proven else 1
        if failure.code in _OF_ONE_OBJECT:
            return float("inf")
        if failure.status in {401, 403}:
            return _ROW_LIKELY if self.proven else _ROW_PROBING
        if not self.proven and _is_useless(failure):
            return _ROW_PROBING
        if failure.code in _BROKEN:
            return _ROW_LIKELY
        return float("inf")


def _is_useless(failure: Failure) -> bool:
    """Return whether it is the endpoint that fails, and not because it is asked too often."""
    if failure.operation not in _AT_COS:
        return False
    return failure.code in _USELESS or (
        failure.status >= 500 and failure.code != "SlowDown"  # noqa: PLR2004 - HTTP
    )
