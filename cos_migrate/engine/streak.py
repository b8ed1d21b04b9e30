"""Equal failures in a row: whether they must end the run.

Pure bookkeeping; it neither waits nor prints.
"""

from __future__ import annotations

import enum

from cos_migrate.errors import Code, Side
from cos_migrate.model import Failure

_STREAK_PROBING = 5
"""Failures in a row that call for a probe, or end a run that COS has accepted nothing of."""
_STREAK_CERTAIN = 10
"""Failures in a row that end a run if each shows by itself that all objects are concerned."""
_STREAK_LIKELY = 100
"""Failures in a row that end a run if each may be a single mishap."""
_UNREACHABLE = frozenset(
    {
        "NameNotResolved",
        "ConnectionRefused",
        "CertificateInvalid",
        "CertificateStore",
        "TlsFailed",
        Code.PROXY_REFUSED,
    }
)
"""Codes of an endpoint that is out of reach."""
_USELESS = frozenset(
    {"Timeout", "ConnectionReset", "ConnectionBroken", "BadAnswer", "ForeignAnswer"}
)
"""Codes that soon end a run in which COS has accepted nothing: the endpoint may not be COS."""
_BROKEN = frozenset({"Timeout", "ConnectionReset", "ConnectionBroken", "EIO", "ENODEV", "ESTALE"})
"""Codes of a single mishap, or of a network or disk that is gone for all."""
_REFUSED_STATUS = frozenset({401, 403})
_NO_REFUSALS = frozenset({"InvalidObjectState", "Archived", "ForeignAnswer"})
"""Codes that come with 403 for other reasons than missing rights: archived objects, proxies."""


class FailureVerdict(enum.Enum):
    """The consequence of a failure for the run."""

    GO_ON = "go on"
    HEAD_COS = "send COS a HEAD"
    """Send COS a HEAD that concerns no object, then call `note_cos_head`."""
    PROBE_COS = "probe COS"
    """Send COS a write that concerns no object, then call `note_cos_probe`."""
    PROBE_SOURCE = "probe the source"
    """Request one page of the source's listing, then call `note_source_probe`."""
    WEIGH = "weigh"
    """COS refuses the probe too: stop if the refused keys lie in all known folders."""
    STOP = "stop"


class _SideStreak:
    """Equal failures in a row, of one side."""

    def __init__(self) -> None:
        self.length = 0
        self._kind = (0, "")

    def add(self, failure: Failure) -> int:
        """Count a failure; return how many equal ones there are in a row now."""
        kind = (failure.status, failure.code)
        self.length = self.length + 1 if kind == self._kind else 1
        self._kind = kind
        return self.length

    @property
    def refused(self) -> bool:
        """Whether its failures are refusals."""
        return self._kind[0] in _REFUSED_STATUS

    def clear(self) -> None:
        """Start again at zero."""
        self.length = 0


class FailureStreak:
    """Decides after each failure whether the run goes on, probes or stops.

    Refusals (401, 403) of single objects end no run by themselves: a probe, which concerns no
    object, decides. Failures are counted by side, since those of one show nothing about the other.
    """

    def __init__(self) -> None:
        self.proven = False
        """Whether COS has accepted the credentials, the bucket and the clock."""
        self.steady = False
        """Whether a further success would change nothing: both sides work, and nothing failed."""
        self._written = False
        self._listing_accepted = False
        self._read = False
        self._cos, self._source = _SideStreak(), _SideStreak()
        self._next_probe = _STREAK_PROBING
        self._next_listing = 0
        self._probe_refused = False
        self._unproven = 0
        self._next_unproven = _STREAK_PROBING

    def note_success(self, *, written: bool = True, read: bool = False) -> None:
        """Note a request that COS has accepted.

        `written`: it wrote something; `read`: the source delivered what was written.
        """
        self.proven = True
        if read:
            self.note_source_success()
        if written:
            self._written = True
            self._next_probe = _STREAK_PROBING
        if written or not self._cos.refused:
            self._cos.clear()
        self.steady = written and read

    def note_source_success(self) -> None:
        """Note an object that the source has delivered or described."""
        self._read = True
        self._next_listing = 0
        self._source.clear()

    @property
    def probe_refused(self) -> bool:
        """Whether COS has refused a probe, and has accepted no write in this run."""
        return self._probe_refused and not self._written

    def note_accepted_listing(self) -> None:
        """Note a listed page of a source that accepts the same credentials for objects."""
        self._listing_accepted = True

    def note_failure(self, failure: Failure) -> FailureVerdict:
        """Note the failure of an object."""
        self.steady = False
        at_cos = failure.side is Side.COS
        verdict = self._cos_failure(failure) if at_cos else self._source_failure(failure)
        if (
            self.proven
            or verdict is not FailureVerdict.GO_ON
            or (at_cos and not _is_final(failure))
        ):
            return verdict
        self._unproven += 1
        if self._unproven < self._next_unproven:
            return verdict
        # Transfers go one at a time until COS has accepted a request; these failures prove nothing.
        self._next_unproven *= 2
        return FailureVerdict.HEAD_COS

    def note_cos_head(self, failure: Failure | None) -> FailureVerdict:
        """Note how a probe by HEAD failed; None: COS has answered, with an object or without."""
        if failure is None:
            self.note_success(written=False)
            return FailureVerdict.GO_ON
        if _is_certain(failure):
            return FailureVerdict.STOP
        if _is_refusal(failure):  # an answer to HEAD has no body with a reason
            return FailureVerdict.PROBE_COS
        return self._cos_failure(failure)

    def note_cos_probe(self, failure: Failure | None) -> FailureVerdict:
        """Note how a probe that begins an upload failed; None: COS has accepted the upload."""
        self.steady = False
        if failure is None:
            self.note_success()
            return FailureVerdict.GO_ON
        if _is_certain(failure):
            return FailureVerdict.STOP
        if not _is_refusal(failure):
            return self._cos_failure(failure)
        self.proven = True
        if self._written:
            return FailureVerdict.GO_ON
        self._probe_refused = True
        return (
            FailureVerdict.WEIGH if self._cos.refused and self._cos.length else FailureVerdict.GO_ON
        )

    def note_source_probe(self, failure: Failure | None) -> FailureVerdict:
        """Note how a probe that lists the source failed; None: the source has answered."""
        if failure is None:
            return FailureVerdict.GO_ON
        # An account that may read the keys of a list need not be allowed to list them.
        ends = _is_certain(failure) or (self._listing_accepted and _is_refusal(failure))
        return FailureVerdict.STOP if ends else FailureVerdict.GO_ON

    def _cos_failure(self, failure: Failure) -> FailureVerdict:
        length = self._cos.add(failure)
        if _is_certain(failure):
            # An answer 404 to HEAD proves no bucket: without a bucket it is the same.
            sure = self.proven and (self._written or failure.code != Code.NO_SUCH_BUCKET)
            return _stop_from(_STREAK_CERTAIN if sure else 1, length)
        if _proves_cos_answers(failure):
            self.proven = True
        if _is_refusal(failure):
            return self._cos_refusal(length)
        if not self.proven and _is_useless(failure):
            return _stop_from(_STREAK_PROBING, length)
        return (
            _stop_from(_STREAK_LIKELY, length) if failure.code in _BROKEN else FailureVerdict.GO_ON
        )

    def _cos_refusal(self, length: int) -> FailureVerdict:
        if self._written or length < self._next_probe:
            return FailureVerdict.GO_ON
        self._next_probe = 2 * length
        return FailureVerdict.WEIGH if self._probe_refused else FailureVerdict.PROBE_COS

    def _source_failure(self, failure: Failure) -> FailureVerdict:
        length = self._source.add(failure)
        if _is_certain(failure) and not (failure.fatal and self._listing_accepted):
            return _stop_from(
                _STREAK_CERTAIN if self._read or self._listing_accepted else 1, length
            )
        if failure.fatal or _is_refusal(failure):
            return self._source_refusal(length, likely=failure.fatal)
        return (
            _stop_from(_STREAK_LIKELY, length) if failure.code in _BROKEN else FailureVerdict.GO_ON
        )

    def _source_refusal(self, length: int, *, likely: bool) -> FailureVerdict:
        """Probe the source again now and then, since it may withdraw the right during a run."""
        first = _STREAK_LIKELY
        if likely:
            first = _STREAK_CERTAIN
        elif not self._listing_accepted and not self._read:
            first = _STREAK_PROBING
        if length < max(first, self._next_listing):
            return FailureVerdict.GO_ON
        self._next_listing = 10 * length
        return FailureVerdict.PROBE_SOURCE


def is_refused_by_cos(failure: Failure) -> bool:
    """Return whether COS itself has refused an object."""
    return failure.side is Side.COS and _is_refusal(failure)


def _stop_from(limit: int, length: int) -> FailureVerdict:
    return FailureVerdict.STOP if length >= limit else FailureVerdict.GO_ON


def _is_certain(failure: Failure) -> bool:
    """Return whether a failure by itself shows that it concerns all objects."""
    return failure.fatal or failure.code in _UNREACHABLE


def _is_refusal(failure: Failure) -> bool:
    return failure.status in _REFUSED_STATUS and failure.code not in _NO_REFUSALS


def _proves_cos_answers(failure: Failure) -> bool:
    """Return whether a failure proves that COS has answered and accepts credentials and bucket.

    A proxy that answers in its place has no request id.
    """
    if failure.code == Code.CHECKSUM_MISMATCH:
        return True
    return bool(failure.request_id) and _is_final(failure)


def _is_final(failure: Failure) -> bool:
    """Return whether a server has judged a request, and is not merely busy."""
    return 400 <= failure.status < 500 and failure.status != 429  # noqa: PLR2004 - HTTP


def _is_useless(failure: Failure) -> bool:
    """Return whether the endpoint itself fails, other than by asking to slow down."""
    return failure.code in _USELESS or (
        failure.status >= 500 and failure.code != Code.SLOW_DOWN  # noqa: PLR2004 - HTTP
    )
