"""The one way in which a worker waits and tries again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from cos_migrate.errors import MigrateError, TransportError

T = TypeVar("T")

_WAIT = 0.5
"""Seconds; the longest first wait between two tries, doubled for each further one."""
_WAIT_MOST = 20.0
_SLOW_DOWN_STATUS = frozenset({429, 503})
"""Statuses by which a server asks for fewer requests."""


class Retries:
    """How often a request is tried, and how long to wait in between."""

    def __init__(
        self, tries: int, stopping: threading.Event, slow_down: Callable[[], None]
    ) -> None:
        """`stopping` ends waits; `slow_down` is called when a server asks for fewer requests."""
        self.tries = tries
        self._stopping = stopping
        self._slow_down = slow_down

    def pause(self, error: MigrateError, attempt: int) -> None:
        """Wait before the try that follows number `attempt` (1-based), which failed by `error`.

        Raises TransportError with code `Stopping` when the run is to stop.
        """
        if error.status in _SLOW_DOWN_STATUS:
            self._slow_down()
        longest = min(_WAIT_MOST, _WAIT * 2 ** (attempt - 1))
        from random import uniform  # noqa: PLC0415 - most workers never try again

        pause = max(error.retry_after, uniform(longest / 2, longest))  # noqa: S311 - jitter
        if self._stopping.wait(pause):
            raise TransportError(
                "given up because the run is stopping",
                operation=error.operation,
                target=error.target,
                code="Stopping",
            ) from error

    def run(self, action: Callable[[], T]) -> T:
        """Return what `action` returns, trying again after errors that are retryable."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return action()
            except MigrateError as error:
                if not error.retryable or attempt >= self.tries:
                    raise
                self.pause(error, attempt)
