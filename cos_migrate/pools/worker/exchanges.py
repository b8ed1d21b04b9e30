"""The requests that the event loop has under way, and the connections they use."""

from __future__ import annotations

import collections
import selectors
import time
from collections.abc import Callable
from typing import Protocol

from cos_migrate.errors import Code, MigrateError, Side, TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.opening import Opening
from cos_migrate.http.pacing import ProcessPace
from cos_migrate.http.retries import asks_to_slow_down
from cos_migrate.pools.results import LATENCY, SLOW_DOWN, UNSTARTED, Latency, Result
from cos_migrate.pools.tasks import NumberedTask
from cos_migrate.pools.worker.allowance import Allowance
from cos_migrate.pools.worker.attempts import Attempt, Fetch, FirstTry
from cos_migrate.pools.worker.bodies import Body
from cos_migrate.pools.worker.memory import MemoryBudget
from cos_migrate.pools.worker.openings import BothOpenings
from cos_migrate.pools.worker.timed_selector import TimedSelector
from cos_migrate.pools.worker.wake_up import WakeUp


class TaskHandover(Protocol):
    """The function that takes a task which the event loop leaves to the threads."""

    def __call__(
        self,
        task: NumberedTask,
        connection: Connection | None,
        error: MigrateError | None = None,
        body: Body | None = None,
    ) -> None:
        """Pass a task on, with an open connection and the results of a first try, if any."""


class Exchanges:
    """Requests in flight, one on each connection, and the idle connections to COS."""

    def __init__(
        self,
        first_try: FirstTry,
        memory: MemoryBudget,
        emit: Callable[[Result], None],
        pass_on: TaskHandover,
        use_idle: Callable[[], None],
        pace: ProcessPace,
    ) -> None:
        """`memory` is given back as requests end; `emit` takes results.

        `use_idle` is called when a connection has become idle; `pace` has the limits.
        """
        self._selector = TimedSelector()
        self.waited = self._selector.waited
        """Returns the seconds for which `select` has waited."""
        self._wake_up = WakeUp(self._selector)
        self.wake = self._wake_up.wake
        """Ends a `select`; may be called from any thread."""
        self.clear_wake = self._wake_up.clear
        """Takes the event of `wake`."""
        self.to_cos = Allowance(pace.cos(big=False), self.wake)
        self.held: collections.deque[tuple[Attempt, Connection]] = collections.deque()
        """Fetched objects that a limit holds back, and the connections for their PUT."""
        self._first_try = first_try
        self._memory = memory
        self._emit = emit
        self._pass_on = pass_on
        self._use_idle = use_idle
        self.idle: list[Connection] = []
        """Open connections to COS without a request."""
        self.busy: dict[Connection, Attempt | Fetch] = {}
        """The request on each other connection."""
        self.now = time.monotonic()
        """The present time, to be set before each call."""
        self._answers = 0
        self._waited = 0.0
        self._watched: set[Connection] = set()
        self.openings = BothOpenings(first_try, self._selector, self.idle)
        """The connections that will be idle soon."""
        self.select = self._selector.select
        """Waits for events; `data` of each is its connection, None for a call of `wake`."""

    def close(self) -> None:
        """Close the connections that have no request, and the selector."""
        self.openings.close()
        for connection in self.idle:
            connection.close()
        self._selector.close()
        self._wake_up.close()

    def begin_put(self, attempt: Attempt, connection: Connection) -> None:
        """Begin to send an object."""
        connection.began = self.now
        try:
            connection.begin(attempt.head, attempt.content)
        except MigrateError as error:
            self._memory.give_back(attempt.size)
            self._fail(connection, attempt, error)
            return
        self._watch(connection, attempt)

    def put_held(self) -> None:
        """Begin to send the objects that no limit holds back any more."""
        while self.held:
            attempt, connection = self.held[0]
            if not self.to_cos.admits(attempt.size, len(self.held)):
                return
            self.held.popleft()
            if connection.reusable:
                self.begin_put(attempt, connection)
            else:  # closed by COS while it waited
                self._memory.give_back(attempt.size)
                self._pass_on(attempt.task, None, None, attempt.body)

    def give_up_held(self) -> None:
        """Give back the objects that a limit holds back, as not begun."""
        while self.held:
            attempt, connection = self.held.popleft()
            self._memory.give_back(attempt.size)
            self.idle.append(connection)
            self._emit((attempt.number, UNSTARTED, None))

    def begin_fetch(self, task: NumberedTask, size: int, target: Connection) -> bool:
        """Begin to fetch an object for a PUT over `target`; return False where that cannot be.

        Raises MigrateError.
        """
        fetch = self._first_try.begin_fetch(task, size, target)
        if fetch is None:
            return False
        self._watch(fetch.source, fetch)
        fetch.source.began = self.now
        return True

    def advance(self, connection: Connection) -> None:
        """Continue the request on a connection that has an event, or an Opening."""
        request = self.busy.get(connection)
        if request is None:
            self._advance_without_request(connection)
            return
        wanted_write = connection.wants_write
        if isinstance(request, Fetch):
            is_over = self._advance_fetch(request)
        else:
            is_over = self._advance_put(request, connection)
        if not is_over and (connection.wants_write or wanted_write):
            self._select_events(connection)

    def _advance_without_request(self, connection: Connection | Opening) -> None:
        if isinstance(connection, Opening):
            self.openings.advance(connection)
        else:  # the server has closed it, or sends without a request
            self.drop(connection)

    def _advance_fetch(self, fetch: Fetch) -> bool:
        """Advance a fetch; return whether it is over."""
        try:
            attempt = self._first_try.advance_fetch(fetch)
        except Exception as error:  # a thread meets it again, but may be answered by then
            if isinstance(error, MigrateError) and asks_to_slow_down(error.status, ""):
                self._emit((0, SLOW_DOWN, Side.SOURCE))
            self._end_fetch(fetch)
            return True
        if attempt is None:
            return False
        source = fetch.source
        del self.busy[source]
        self.unwatch(source)
        self._first_try.release_source(source)
        if self.held or (self.to_cos.is_limited and not self.to_cos.admits(attempt.size, 1)):
            self.held.append((attempt, fetch.target))
            return True
        self.begin_put(attempt, fetch.target)
        fetch.target.began = source.began  # the latency of an object includes both sides
        return True

    def _end_fetch(self, fetch: Fetch) -> None:
        """Pass a failed fetch to a thread, which meets the error again and judges it."""
        source = fetch.source
        del self.busy[source]
        self._memory.give_back(fetch.size)
        self.unwatch(source)
        source.close()
        self._first_try.release_source(source)
        self._pass_on(fetch.task, fetch.target)

    def _advance_put(self, attempt: Attempt, connection: Connection) -> bool:
        """Advance a PUT; return whether it is over."""
        try:
            result = self._first_try.advance_put(attempt, connection)
        except MigrateError as error:
            self._end_put(connection, attempt)
            self._fail(connection, attempt, error)
            return True
        if result is None:
            return False
        self._end_put(connection, attempt)
        self._answers += 1
        self._waited += self.now - connection.began
        if not connection.reusable:
            self.unwatch(connection)
        else:
            self.idle.append(connection)
            self._use_idle()
        self._emit(result)
        return True

    def _end_put(self, connection: Connection, attempt: Attempt) -> None:
        del self.busy[connection]
        self._memory.give_back(attempt.size)

    def _fail(self, connection: Connection, attempt: Attempt, error: MigrateError) -> None:
        """Pass a failed PUT to a thread; a stale connection is no failed try."""
        stale = error.code == Code.NEEDS_THREAD or connection.was_stale(error)
        if not connection.reusable:
            self.unwatch(connection)
        reusable = connection if connection.reusable else None
        self._pass_on(attempt.task, reusable, None if stale else error, attempt.body)

    def report_latency(self) -> None:
        """Send a result with the latency of the answers since the last one, if there were any."""
        if self._answers:
            self._emit((0, LATENCY, Latency(self._answers, self._waited)))
            self._answers, self._waited = 0, 0.0

    def end_overdue(self, now: float) -> None:
        """End the requests whose time is over at time.monotonic() `now`."""
        self.openings.end_overdue(now)
        for connection, request in list(self.busy.items()):
            if not connection.overdue(now):
                continue
            if isinstance(request, Fetch):
                self._end_fetch(request)
                continue
            self._end_put(connection, request)
            self.unwatch(connection)
            connection.close()
            error = TransportError(
                "the server did not answer in time",
                operation="exchange",
                code="Timeout",
                retryable=True,
            )
            self._fail(connection, request, error)

    def _watch(self, connection: Connection, request: Attempt | Fetch) -> None:
        if connection not in self._watched:
            self._watched.add(connection)
            self._selector.register(connection, selectors.EVENT_READ, connection)
        self.busy[connection] = request
        if connection.wants_write:
            self._select_events(connection)

    def _select_events(self, connection: Connection) -> None:
        events = selectors.EVENT_READ
        if connection.wants_write:
            events |= selectors.EVENT_WRITE
        self._selector.modify(connection, events, connection)

    def unwatch(self, connection: Connection) -> None:
        """Wait for no more events of a connection, which another part uses from now on."""
        if connection in self._watched:
            self._watched.discard(connection)
            try:
                self._selector.unregister(connection)
            except (KeyError, ValueError):
                pass  # closed before, and with that unregistered by the system

    def drop_idle(self) -> None:
        """Close all idle connections."""
        for connection in tuple(self.idle):
            self.drop(connection)

    def drop(self, connection: Connection) -> None:
        """Close a connection and forget it."""
        self.unwatch(connection)
        connection.close()
        if connection in self.idle:
            self.idle.remove(connection)
