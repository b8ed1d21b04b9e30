"""The connections that the event loop is opening."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable

from cos_migrate.errors import TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.opening import Opening
from cos_migrate.pools.worker.attempts import FirstTry


class Openings:
    """Connections to one side that are being opened without a thread for each."""

    def __init__(
        self,
        open_connection: Callable[[float], Opening | None],
        selector: selectors.BaseSelector,
        keep: Callable[[Connection], None],
    ) -> None:
        """`open_connection` begins with one, at a time; it returns None where a thread has to.

        `keep` takes open connections.
        """
        self._open_connection = open_connection
        self._selector = selector
        self._keep = keep
        self._under_way: set[Opening] = set()
        self._failed = 0

    def __len__(self) -> int:
        return len(self._under_way)

    def __contains__(self, opening: Opening) -> bool:
        return opening in self._under_way

    def begin(self, number: int) -> bool:
        """Begin to open `number` connections; return False where a thread has to open the first."""
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

    def have_under_way(self, number: int) -> bool:
        """Have `number` connections under way; return False where a thread has to open one.

        False also after a failed opening: the thread meets the error again, and judges it.
        """
        if self._failed:
            self._failed -= 1
            return False
        return self.begin(number - len(self._under_way))

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
            self._keep(connection)
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


class BothOpenings:
    """The connections to COS, and to a source over the network, that are being opened."""

    def __init__(
        self, first_try: FirstTry, selector: selectors.BaseSelector, idle: list[Connection]
    ) -> None:
        """`idle`: open connections to COS."""
        self._first_try = first_try
        self._idle = idle
        self.to_cos = Openings(first_try.open_connection, selector, idle.append)
        self._to_source = Openings(first_try.open_source, selector, first_try.keep_source)

    def are_awaited(self, connection: Connection | None, number: int) -> bool:
        """Return whether the next of `number` tasks waits for connections; these are opened.

        `connection`: its connection to COS, put back where it waits for one to the source. False
        where it needs no other, or a thread has to open it.
        """
        if connection is None:
            return self.to_cos.have_under_way(number)
        if not self._first_try.lacks_source or not self._to_source.have_under_way(number):
            return False
        self._idle.append(connection)
        return True

    def advance(self, opening: Opening) -> None:
        """Continue the opening whose socket has an event."""
        (self.to_cos if opening in self.to_cos else self._to_source).advance(opening)

    def end_overdue(self, now: float) -> None:
        """Give up openings whose time is over at time.monotonic() `now`, on both sides."""
        self.to_cos.end_overdue(now)
        self._to_source.end_overdue(now)

    def close(self) -> None:
        """Give up all connections that are being opened, on both sides."""
        self.to_cos.close()
        self._to_source.close()
