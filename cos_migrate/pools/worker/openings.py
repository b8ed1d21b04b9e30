"""The connections to COS that the event loop is opening."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable

from cos_migrate.errors import TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.opening import Opening


class Openings:
    """Connections that are being opened without a thread for each."""

    def __init__(
        self,
        open_connection: Callable[[float], Opening | None],
        selector: selectors.BaseSelector,
        idle: list[Connection],
    ) -> None:
        """`open_connection` begins with one, at a time; it returns None where a thread has to.

        Open connections are added to `idle`.
        """
        self._open_connection = open_connection
        self._selector = selector
        self._idle = idle
        self._under_way: set[Opening] = set()
        self._failed = 0

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, number: int) -> bool:
        """Begin to open so many connections; return False where a thread has to open the first."""
        now = time.monotonic()
        for _ in range(number):
            if not self._begin(now):
                return len(self._under_way) > 0
        return True

    def _begin(self, now: float) -> bool:
        try:
            opening = self._open_connection(now)
        except TransportError:
            return False
        if opening is None:
            return False
        self._under_way.add(opening)
        self._selector.register(opening, opening.events, opening)
        return True

    def take_failure(self) -> bool:
        """Return whether one has failed: a thread has to meet the error again, and judge it."""
        if not self._failed:
            return False
        self._failed -= 1
        return True

    def advance(self, opening: Opening) -> None:
        """Continue the opening whose socket has an event."""
        before = opening.events
        try:
            connection = opening.advance()
        except TransportError:
            self._end(opening)
            self._failed += 1
            return
        if connection is not None:
            self._end(opening)
            self._idle.append(connection)
        elif opening.events != before:
            self._selector.modify(opening, opening.events, opening)

    def end_overdue(self, now: float) -> None:
        """Give up openings whose time is over at time.monotonic() `now`."""
        for opening in [each for each in self._under_way if each.overdue(now)]:
            self._end(opening)
            opening.close()
            self._failed += 1

    def close(self) -> None:
        """Give up all connections that are being opened."""
        for opening in self._under_way:
            opening.close()

    def _end(self, opening: Opening) -> None:
        self._under_way.discard(opening)
        try:
            self._selector.unregister(opening)
        except (KeyError, ValueError):
            pass  # closed before, and with that unregistered by the system
