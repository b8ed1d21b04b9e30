"""The one policy by which requests to sources and to COS are tried again."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from cos_migrate.descriptors import retry_while_exhausted
from cos_migrate.errors import Code, MigrateError, Side, TransportError, stopping_error
from cos_migrate.http.credential_gate import CredentialGate

T = TypeVar("T")


class OnFailure(Protocol):
    """A function that is called after each failed try."""

    def __call__(self, error: MigrateError, /, *, next_is_last: bool) -> bool:
        """Return whether to try again at once, without counting this try."""


_RENEWALS_MOST = 10
"""How often one request may wait for new credentials, and be refused again."""
_WAIT = 0.5
"""Seconds; the longest first wait between two tries, doubled for each further one."""
_MAX_WAIT = 20.0
_SLOW_DOWN_STATUS = frozenset({429, 503, 573})
"""Statuses by which a server asks for fewer requests (573: Qiniu)."""
_SLOW_DOWN_CODES = frozenset(
    {"RequestLimitExceeded", Code.SLOW_DOWN, "Throttling", "TooManyRequests"}
)


def asks_to_slow_down(status: int, code: str) -> bool:
    """Return whether an error asks for fewer requests."""
    return status in _SLOW_DOWN_STATUS or code in _SLOW_DOWN_CODES


_CONNECTION_CODES = frozenset(
    {"Timeout", "ConnectionRefused", "ConnectionReset", "ConnectionBroken"}
)


class Strain(enum.Enum):
    """The kinds of failed tries that more transfers at once make more likely."""

    SLOW_DOWN = "it asks for fewer requests"
    CONNECTION = "a connection failed, or was silent for too long"


OnStrain = Callable[[Strain, Side], None]
"""Is called with the side that is strained."""


def ignore_strain(strain: Strain, side: Side) -> None:
    """Do nothing: no number of transfers depends on the failures of these requests."""


class Retries:
    """Runs requests, again after retryable errors, with growing waits between the tries."""

    def __init__(
        self,
        tries: int,
        stopping: threading.Event,
        strained: OnStrain = ignore_strain,
        gate: CredentialGate | None = None,
    ) -> None:
        """`stopping` ends waits; `strained` is called behind failed tries that show strain.

        `gate`: where ended credentials are waited for; None: they are a failure.
        """
        self.tries = tries
        self._gate = gate
        self._stopping = stopping
        self._strained = strained

    def pause(self, error: MigrateError, attempt: int) -> None:
        """Wait after try number `attempt` (1-based), which failed by `error`.

        Raises TransportError with the code `Stopping` when the run stops.
        """
        if asks_to_slow_down(error.status, error.code):
            self._strained(Strain.SLOW_DOWN, error.side)
        elif error.code in _CONNECTION_CODES:
            self._strained(Strain.CONNECTION, error.side)
        longest = min(_MAX_WAIT, _WAIT * 2 ** (attempt - 1))
        from random import uniform  # noqa: PLC0415 - most workers never try again

        pause = max(error.retry_after, uniform(longest / 2, longest))  # noqa: S311 - jitter
        if self._stopping.wait(pause):
            raise _stopped(error) from error

    def run(
        self,
        action: Callable[[], T],
        failed: OnFailure | None = None,
        *,
        earlier: MigrateError | None = None,
        patiently: bool = True,
    ) -> T:
        """Return the result of `action`; run it again after errors that are retryable.

        `failed` is called with each error. `earlier`: the error of a first try that was made
        elsewhere. `patiently`: wait where no descriptor is free, which is no failed try.
        """
        attempt = 0
        renewals = _Renewals(self._gate, self._stopping) if self._gate else None
        while True:
            attempt += 1
            first, earlier = earlier, None
            if renewals:
                renewals.begin_try(elsewhere=first is not None)
            try:
                if first is not None:
                    raise first
                return retry_while_exhausted(action, self._stopping.wait) if patiently else action()
            except MigrateError as error:
                if (error.credentials_ended and renewals and renewals.wait(error)) or (
                    failed and failed(error, next_is_last=attempt + 1 >= self.tries)
                ):
                    attempt -= 1
                    continue
                if not error.retryable or attempt >= self.tries:
                    raise
                self.pause(error, attempt)


class _Renewals:
    """The new credentials that one request waits for."""

    __slots__ = ("_gate", "_left", "_numbers", "_stopping")

    def __init__(self, gate: CredentialGate, stopping: threading.Event) -> None:
        self._gate = gate
        self._stopping = stopping
        self._left = _RENEWALS_MOST
        self._numbers: Mapping[Side, int] | None = None

    def begin_try(self, *, elsewhere: bool) -> None:
        """Note which credentials the try is made with; not known where it was made `elsewhere`."""
        self._numbers = None if elsewhere else self._gate.numbers

    def wait(self, error: MigrateError) -> bool:
        """Wait for new credentials after a refusal; return whether there are any now.

        Raises TransportError with the code `Stopping` when the run stops.
        """
        side = error.side
        if self._numbers is None and self._gate.was_replaced(side):
            return True
        number = (self._numbers or self._gate.numbers)[side]
        if self._gate.numbers[side] != number:
            return True
        self._left -= 1
        if self._left < 0:
            return False
        if self._gate.wait(side, number, self._stopping):
            return True
        if self._stopping.is_set():
            raise _stopped(error) from error
        return False


def _stopped(error: MigrateError) -> TransportError:
    """Return the error of a request that is not tried again, since the run stops."""
    return stopping_error(operation=error.operation, target=error.target, side=error.side)
