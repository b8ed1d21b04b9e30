"""Equal failures in a row: whether they must end the run.

Pure bookkeeping; it neither waits nor prints.
"""

from __future__ import annotations

import enum

from cos_migrate.errors import Side
from cos_migrate.model import Failure

_STREAK_PROBING = 5
"""Failures in a row that call for a probe, or end a run whose endpoint never answered well."""
_STREAK_CERTAIN = 10
_STREAK_LIKELY = 100
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
"""Codes of an endpoint that is out of reach."""
_USELESS = frozenset(
    {"Timeout", "ConnectionReset", "ConnectionBroken", "BadAnswer", "ForeignAnswer"}
)
"""Codes of an endpoint that has not yet shown to be COS; all tries of a request took long."""
_BROKEN = frozenset({"Timeout", "ConnectionReset", "ConnectionBroken", "EIO", "ENODEV", "ESTALE"})
"""Codes of a single mishap, or of a network or disk that is gone."""
_REFUSED_STATUS = frozenset({401, 403})
_NO_REFUSALS = frozenset({"InvalidObjectState", "Archived", "ForeignAnswer"})
"""Codes that come with 403 but not for lack of rights: archived objects, pages of proxies."""


class Verdict(enum.Enum):
    """What a failure means for the run."""

    GO_ON = "go on"
    LOOK_AT_COS = "look at COS"
    """Ask COS by one HEAD that depends on no object, then call `cos_looked_at`."""
    PROBE_COS = "probe COS"
    """Ask COS by one write that depends on no object, then call `cos_probed`."""
    PROBE_SOURCE = "probe the source"
    """Ask the source for one page of its listing, then call `source_probed`."""
    WEIGH = "weigh"
    """COS refuses the probe too: stop when the refused keys lie everywhere."""
    STOP = "stop"


class _SideStreak:
    """Equal failures in a row, of one side."""

    def __init__(self) -> None:
        self.length = 0
        self._kind = (0, "")

    def add(self, failure: Failure) -> int:
        """Count a failure; return how many of its kind stand in a row now."""
        kind = (failure.status, failure.code)
        self.length = self.length + 1 if kind == self._kind else 1
        self._kind = kind
        return self.length

    @property
    def refused(self) -> bool:
        """Whether its failures are refusals."""
        return self._kind[0] in _REFUSED_STATUS

    def clear(self) -> None:
        """Start again at none."""
        self.length = 0


class FailureStreak:
    """Decides after each failure whether other objects can escape it.

    Refusals (401, 403) of single objects end no run by themselves: a probe decides, which is no
    object's. Each side has a row of its own, since its failures show nothing about the other side.
    """

    def __init__(self) -> None:
        self.proven = False
        """Whether COS has accepted the credentials, the bucket and the clock."""
        self.steady = False
        """Whether a further success would change nothing: both sides work, and nothing failed."""
        self._written = False
        self._listed = False
        self._read = False
        self._cos, self._source = _SideStreak(), _SideStreak()
        self._next_probe = _STREAK_PROBING
        self._next_listing = 0
        self._probe_refused = False
        self._unproven = 0
        self._next_unproven = _STREAK_PROBING

    def success(self, *, written: bool = True, read: bool = False) -> None:
        """Note a request that COS has accepted.

        `written`: it wrote something; `read`: the source delivered what was written.
        """
        self.proven = True
        if read:
            self.source_success()
        if written:
            self._written = True
            self._next_probe = _STREAK_PROBING
        if written or not self._cos.refused:
            self._cos.clear()
        self.steady = written and read

    def source_success(self) -> None:
        """Note an object that the source has delivered or described."""
        self._read = True
        self._next_listing = 0
        self._source.clear()

    @property
    def probe_refused(self) -> bool:
        """Whether COS has refused a probe, and has accepted no write in this run."""
        return self._probe_refused and not self._written

    def listed(self) -> None:
        """Note a page that the source has listed, with the credentials that objects are read by."""
        self._listed = True

    def failure(self, failure: Failure) -> Verdict:
        """Note the failure of an object."""
        self.steady = False
        at_cos = failure.side is Side.COS
        verdict = self._cos_failure(failure) if at_cos else self._source_failure(failure)
        if self.proven or verdict is not Verdict.GO_ON or (at_cos and not _is_final(failure)):
            return verdict
        self._unproven += 1
        if self._unproven < self._next_unproven:
            return verdict
        # Until COS has accepted a request, transfers go one at a time, and these change nothing.
        self._next_unproven *= 2
        return Verdict.LOOK_AT_COS

    def cos_looked_at(self, failure: Failure | None) -> Verdict:
        """Note how the look at COS ended; None: COS has or has not what it was to look for."""
        if failure is None:
            self.success(written=False)
            return Verdict.GO_ON
        if _is_certain(failure):
            return Verdict.STOP
        if _is_refusal(failure):  # an answer to HEAD has no body with a reason
            return Verdict.PROBE_COS
        return self._cos_failure(failure)

    def cos_probed(self, failure: Failure | None) -> Verdict:
        """Note how the probe of COS ended; None: it was accepted."""
        self.steady = False
        if failure is None:
            self.success()
            return Verdict.GO_ON
        if _is_certain(failure):
            return Verdict.STOP
        if not _is_refusal(failure):
            return self._cos_failure(failure)
        self.proven = True
        if self._written:
            return Verdict.GO_ON
        self._probe_refused = True
        return Verdict.WEIGH if self._cos.refused and self._cos.length else Verdict.GO_ON

    def source_probed(self, failure: Failure | None) -> Verdict:
        """Note how the listing ended that was asked for; None: it was accepted."""
        if failure is None:
            return Verdict.GO_ON
        # An account that may read the keys of a list need not be allowed to list them.
        ends = _is_certain(failure) or (self._listed and _is_refusal(failure))
        return Verdict.STOP if ends else Verdict.GO_ON

    def _cos_failure(self, failure: Failure) -> Verdict:
        length = self._cos.add(failure)
        if _is_certain(failure):
            # An answer 404 to HEAD proves no bucket: where none is, it is the same.
            sure = self.proven and (self._written or failure.code != "NoSuchBucket")
            return _stop_from(_STREAK_CERTAIN if sure else 1, length)
        if _shows_cos(failure):
            self.proven = True
        if _is_refusal(failure):
            return self._cos_refusal(length)
        if not self.proven and _is_useless(failure):
            return _stop_from(_STREAK_PROBING, length)
        return _stop_from(_STREAK_LIKELY, length) if failure.code in _BROKEN else Verdict.GO_ON

    def _cos_refusal(self, length: int) -> Verdict:
        if self._written or length < self._next_probe:
            return Verdict.GO_ON
        self._next_probe = 2 * length
        return Verdict.WEIGH if self._probe_refused else Verdict.PROBE_COS

    def _source_failure(self, failure: Failure) -> Verdict:
        length = self._source.add(failure)
        if _is_certain(failure) and not (failure.fatal and self._listed):
            return _stop_from(_STREAK_CERTAIN if self._read or self._listed else 1, length)
        if failure.fatal or _is_refusal(failure):
            return self._source_refusal(length, likely=failure.fatal)
        return _stop_from(_STREAK_LIKELY, length) if failure.code in _BROKEN else Verdict.GO_ON

    def _source_refusal(self, length: int, *, likely: bool) -> Verdict:
        """Have the source list again now and then: it may have withdrawn the right meanwhile."""
        first = _STREAK_LIKELY
        if likely:
            first = _STREAK_CERTAIN
        elif not self._listed and not self._read:
            first = _STREAK_PROBING
        if length < max(first, self._next_listing):
            return Verdict.GO_ON
        self._next_listing = 10 * length
        return Verdict.PROBE_SOURCE


def is_refused_by_cos(failure: Failure) -> bool:
    """Return whether COS itself has refused an object."""
    return failure.side is Side.COS and _is_refusal(failure)


def _stop_from(limit: int, length: int) -> Verdict:
    return Verdict.STOP if length >= limit else Verdict.GO_ON


def _is_certain(failure: Failure) -> bool:
    """Return whether a failure by itself shows that no object can escape it."""
    return failure.fatal or failure.code in _UNREACHABLE


def _is_refusal(failure: Failure) -> bool:
    return failure.status in _REFUSED_STATUS and failure.code not in _NO_REFUSALS


def _shows_cos(failure: Failure) -> bool:
    """Return whether only COS could have failed so, with the credentials and the bucket in order.

    A proxy that answers in its place has no request id.
    """
    if failure.code == "ChecksumMismatch":
        return True
    return bool(failure.request_id) and _is_final(failure)


def _is_final(failure: Failure) -> bool:
    """Return whether a server has judged a request, and is not just busy."""
    return 400 <= failure.status < 500 and failure.status != 429  # noqa: PLR2004 - HTTP


def _is_useless(failure: Failure) -> bool:
    """Return whether it is the endpoint that fails, and not because it is asked too often."""
    return failure.code in _USELESS or (
        failure.status >= 500 and failure.code != "SlowDown"  # noqa: PLR2004 - HTTP
    )
