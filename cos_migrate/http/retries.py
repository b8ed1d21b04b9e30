"""The one policy by which requests to sources and to COS are tried again."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from cos_migrate.descriptors import retry_while_exhausted
from cos_migrate.errors import Code, MigrateError, Side, TransportError

T = TypeVar("T")


class OnFailure(Protocol):
    """A function that is called after each failed try."""

    def __call__(self, error: MigrateError, /, *, next_is_last: bool) -> bool:
        """Return whether to try again at once, without counting this try."""


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
    """Do nothing: no other request waits for this one."""


class Retries:
    """Runs requests, again after retryable errors, with growing waits between the tries."""

    def __init__(
        self,
        tries: int,
        stopping: threading.Event,
        strained: OnStrain = ignore_strain,
    ) -> None:
        """`stopping` ends waits; `strained` is called behind failed tries that show strain."""
        self.tries = tries
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
            raise TransportError(
                "given up because the run is stopping",
                operation=error.operation,
                target=error.target,
                code=Code.STOPPING,
                side=error.side,
            ) from error

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
        while True:
            attempt += 1
            try:
                if earlier is not None:
                    first, earlier = earlier, None
                    raise first
                return retry_while_exhausted(action, self._stopping.wait) if patiently else action()
            except MigrateError as error:
                if failed and failed(error, next_is_last=attempt + 1 >= self.tries):
                    attempt -= 1
                    continue
                if not error.retryable or attempt >= self.tries:
                    raise
                self.pause(error, attempt)
