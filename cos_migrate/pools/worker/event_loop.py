"""One thread that drives many connections: the fast way of small objects.

Threads that each wait for their own connection spend most of their time handing the interpreter
lock around: measured with 32 of them, 350 µs of CPU an object against 110 µs in one thread. So one
thread makes the first try of every small object over the kept-alive connections of its worker.
An object that lies on another server is fetched here too, by a connection to there, before it is
sent. Whatever is not the plain case, that is a connection to open, an error to judge, a request to
try again, a large or slowly read object, goes to the threads beside it.
"""

from __future__ import annotations

import collections
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from cos_migrate.cos.sender import STALE
from cos_migrate.errors import MigrateError, TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.pools.messages import Message
from cos_migrate.pools.worker.bodies import Body
from cos_migrate.pools.worker.memory import MemoryBudget

NOT_PLAIN = "NotPlain"
"""The code of an error that only says that the threads have to take over."""
_SWEEP = 0.5
"""Seconds between two looks for requests that wait too long."""
_LATE = 2.0
"""Seconds that such a look may be late; then answers may have waited for this thread."""
_SLOW_READ = 0.002
"""Seconds; a source whose objects take longer to read on average is read by threads."""
_SMOOTHING = 0.05
_PREPARED_AT_ONCE = 4
"""Objects read ahead between two looks for answers."""
_RECHECK = 500
"""After so many objects read by threads, one is read here again: it may have become fast."""


class Handed(NamedTuple):
    """A task for the threads, with what has been found out about it."""

    task: Message
    connection: Connection | None
    """A connection to use for it, None when one has to be opened."""
    error: MigrateError | None
    """How a first try failed; None when there was none."""
    body: Body | None
    """What was read for it; None where it has to be read."""


class Attempt(NamedTuple):
    """One try to put an object."""

    task: Message
    head: bytes
    content: bytes
    """The body's bytes."""
    crc64: int
    fingerprint: tuple[int, int, str]
    """Of the version that is sent."""
    body: Body | None = None
    """What was fetched; None where it was read at once, and is read anew by who tries again."""


class Fetch(NamedTuple):
    """One try to read an object from its server; the connection to COS waits for it."""

    task: Message
    source: Connection
    target: Connection


class Lane(Protocol):
    """What prepares and judges the one try that is made here."""

    fetches: bool
    """Whether objects are fetched from a server, else they are read at once."""

    def fits(self, task: Message) -> bool:
        """Return whether the plain case is all that the task asks for."""

    def weight(self, task: Message) -> int:
        """Return how many bytes the body of a task that fits takes in memory."""

    def prepare(self, task: Message) -> Attempt:
        """Read the object and build its request. Raises MigrateError."""

    def connect(self, task: Message) -> Connection | None:
        """Send the request for an object over a connection that is open; None when none is.

        Raises MigrateError.
        """

    def fetched(self, fetch: Fetch) -> Attempt | None:
        """Go on with a fetch; return what to send, None when more has to arrive.

        Raises MigrateError when the try failed.
        """

    def keep(self, connection: Connection) -> None:
        """Take a connection to the source back, for the next object unless it is closed."""

    def finish(self, attempt: Attempt, connection: Connection) -> Message | None:
        """Go on with a request; return its result, None when more has to arrive.

        Raises MigrateError when the try failed.
        """


class Express:
    """The slots of a worker's small pool, each a connection that one task uses at a time."""

    def __init__(
        self,
        lane: Lane,
        slots: int,
        memory: MemoryBudget,
        hand_over: Callable[[Handed], None],
        emit: Callable[[Message], None],
    ) -> None:
        """Start the thread.

        `memory`: for bodies, shared with the threads; `hand_over` starts a thread's work. What is
        handed over must be `returned`.
        """
        self._lane = lane
        self._allowed = slots
        self._memory = memory
        self._hand_over = hand_over
        self._emit = emit
        self._tasks: collections.deque[Message] = collections.deque()
        self._prepared: collections.deque[Attempt] = collections.deque()
        self._returned: collections.deque[Connection | None] = collections.deque()
        self._idle: list[Connection] = []
        self._busy: dict[Connection, Attempt | Fetch] = {}
        self._elsewhere = 0
        self._read_time = 0.0
        self._reads_skipped = 0
        self._closing = self._ahead_waits = self._shedding = False
        self._selector = selectors.DefaultSelector()
        self._registered: set[Connection] = set()
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="express", daemon=True)
        self._thread.start()

    def submit(self, tasks: list[Message]) -> None:
        """Queue tasks."""
        self._tasks.extend(tasks)
        self._ring()

    def returned(self, connection: Connection | None) -> None:
        """Note that a task handed over is done; `connection` can be used again."""
        self._returned.append(connection)
        self._ring()

    def recall(self) -> list[Message]:
        """Take back the tasks that nothing has been done for."""
        back: list[Message] = []
        try:
            while self._prepared:
                task = self._prepared.popleft().task
                self._let_go(task)
                back.append(task)
            while self._tasks:
                back.append(self._tasks.popleft())
        except IndexError:  # the thread was quicker
            pass
        return back

    def shed(self) -> None:
        """Close the connections that wait for a task: there are no free descriptors."""
        self._shedding = True
        self._ring()

    def allow(self, slots: int) -> None:
        """Use at most so many slots."""
        self._allowed = slots
        self._ring()

    def close(self) -> None:
        """End the thread once everything submitted has a result."""
        self._closing = True
        self._ring()
        self._thread.join()

    def _ring(self) -> None:
        try:
            self._rope.send(b"!")
        except (BlockingIOError, OSError):
            pass  # it has been rung already, or the thread has ended

    def _run(self) -> None:
        next_sweep = time.monotonic() + _SWEEP
        while not (self._closing and self._is_done()):
            events = self._selector.select(0 if self._can_prepare() else _SWEEP)
            if events:
                self._ahead_waits = False
            for key, _ in events:
                if key.data is None:
                    self._bell.recv(4096)
                else:
                    self._advance(key.data)
            if not events:
                self._prepare_some()
            self._take_returned()
            self._start_tasks()
            now = time.monotonic()
            if now >= next_sweep:
                late = now >= next_sweep + _LATE
                next_sweep = now + _SWEEP
                if not late:
                    self._end_overdue(now)
        for connection in self._idle:
            connection.close()
        self._selector.close()
        self._bell.close()
        self._rope.close()

    def _is_done(self) -> bool:
        return not (self._tasks or self._prepared or self._busy or self._elsewhere)

    def _can_prepare(self) -> bool:
        """Return whether the time until the next answer can be used to read what is sent then."""
        return (
            bool(self._tasks)
            and not self._ahead_waits
            and len(self._prepared) < len(self._busy)
            and not self._lane.fetches
            and self._read_time < _SLOW_READ
        )

    def _prepare_some(self) -> None:
        """Read a few objects ahead: their requests leave the moment that a connection is free."""
        for _ in range(_PREPARED_AT_ONCE):
            if not self._can_prepare():
                return
            try:
                task = self._tasks.popleft()
            except IndexError:  # recalled meanwhile
                return
            if not self._lane.fits(task) or not self._memory.take(self._lane.weight(task)):
                self._tasks.appendleft(task)
                self._ahead_waits = True  # for a slot or for memory: an event tells of either
                return
            try:
                self._prepared.append(self._lane.prepare(task))
            except Exception:  # a thread meets the same error and judges it
                self._let_go(task)
                self._pass_on(task, None)

    def _take_returned(self) -> None:
        while self._returned:
            connection = self._returned.popleft()
            self._elsewhere -= 1
            if connection is not None and connection.reusable:
                self._idle.append(connection)
        if self._shedding:
            self._shedding = False
            for connection in tuple(self._idle):
                self._drop(connection)

    def _start_tasks(self) -> None:
        self._send_prepared()
        tasks = self._tasks
        while tasks and self._has_slot():
            try:
                task = tasks.popleft()
            except IndexError:  # recalled meanwhile
                return
            connection = self._idle.pop() if self._idle else None
            if connection is None or not self._lane.fits(task) or self._reads_are_slow():
                self._pass_on(task, connection)
            elif self._memory.take(self._lane.weight(task)):
                self._start(task, connection)
            else:
                # Whatever holds the memory ends in this loop, or with a call of `returned`.
                self._idle.append(connection)
                tasks.appendleft(task)
                return

    def _send_prepared(self) -> None:
        while self._prepared and self._idle and self._has_slot():
            try:
                attempt = self._prepared.popleft()
            except IndexError:  # recalled meanwhile
                return
            self._put(attempt, self._idle.pop())
        if not self._busy:
            self._put_back()

    def _put_back(self) -> None:
        """Give up what was read ahead: no connection will become free for it.

        Its memory may be what a thread that has the last slot waits for.
        """
        while self._prepared:
            try:
                attempt = self._prepared.pop()
            except IndexError:  # recalled meanwhile
                return
            self._let_go(attempt.task)
            self._tasks.appendleft(attempt.task)

    def _has_slot(self) -> bool:
        return len(self._busy) + self._elsewhere < self._allowed

    def _reads_are_slow(self) -> bool:
        if self._read_time < _SLOW_READ:
            return False
        self._reads_skipped += 1
        if self._reads_skipped < _RECHECK:
            return True
        self._reads_skipped = 0
        return False

    def _start(self, task: Message, connection: Connection) -> None:
        try:
            if self._lane.fetches:
                self._start_fetch(task, connection)
                return
            began = time.perf_counter()
            attempt = self._lane.prepare(task)
        except Exception:
            # A thread meets the same error and judges it.
            self._let_go(task)
            self._pass_on(task, connection)
            return
        spent = time.perf_counter() - began
        self._read_time += (spent - self._read_time) * _SMOOTHING
        self._put(attempt, connection)

    def _start_fetch(self, task: Message, connection: Connection) -> None:
        source = self._lane.connect(task)
        if source is None:
            self._let_go(task)
            self._pass_on(task, connection)
            return
        self._watch(source, Fetch(task, source, connection))

    def _put(self, attempt: Attempt, connection: Connection) -> None:
        """Begin to send an object."""
        try:
            connection.begin(attempt.head, attempt.content)
        except MigrateError as error:
            self._let_go(attempt.task)
            self._failed(connection, attempt, error)
            return
        self._watch(connection, attempt)

    def _watch(self, connection: Connection, state: Attempt | Fetch) -> None:
        if connection not in self._registered:
            self._registered.add(connection)
            self._selector.register(connection, selectors.EVENT_READ, connection)
        self._busy[connection] = state
        if connection.wants_write:
            self._listen(connection)

    def _advance(self, connection: Connection) -> None:
        state = self._busy.get(connection)
        if state is None:
            # Idle, and the server has closed it, or says what nobody asked.
            self._drop(connection)
            return
        wanted_write = connection.wants_write
        if isinstance(state, Fetch):
            over = self._advance_fetch(state)
        else:
            over = self._advance_put(state, connection)
        if not over and (connection.wants_write or wanted_write):
            self._listen(connection)

    def _advance_fetch(self, fetch: Fetch) -> bool:
        """Go on with a fetch; return whether it is over."""
        try:
            attempt = self._lane.fetched(fetch)
        except Exception:  # as above
            self._end_fetch(fetch)
            return True
        if attempt is None:
            return False
        source = fetch.source
        del self._busy[source]
        self._forget(source)
        self._lane.keep(source)
        self._put(attempt, fetch.target)
        return True

    def _end_fetch(self, fetch: Fetch) -> None:
        """Leave an object to the threads, which meet what failed here again and judge it."""
        del self._busy[fetch.source]
        self._let_go(fetch.task)
        self._forget(fetch.source)
        fetch.source.close()
        self._lane.keep(fetch.source)
        self._pass_on(fetch.task, fetch.target)

    def _advance_put(self, attempt: Attempt, connection: Connection) -> bool:
        """Go on with sending an object; return whether that is over."""
        try:
            result = self._lane.finish(attempt, connection)
        except MigrateError as error:
            self._done(connection, attempt)
            self._failed(connection, attempt, error)
            return True
        if result is None:
            return False
        self._done(connection, attempt)
        if not connection.reusable:
            self._forget(connection)
        else:
            self._idle.append(connection)
            self._send_prepared()
        self._emit(result)
        return True

    def _done(self, connection: Connection, attempt: Attempt) -> None:
        del self._busy[connection]
        self._let_go(attempt.task)

    def _let_go(self, task: Message) -> None:
        self._memory.give_back(self._lane.weight(task))

    def _listen(self, connection: Connection) -> None:
        events = selectors.EVENT_READ
        if connection.wants_write:
            events |= selectors.EVENT_WRITE
        self._selector.modify(connection, events, connection)

    def _failed(self, connection: Connection, attempt: Attempt, error: MigrateError) -> None:
        """Leave a failed try to the threads; a connection that was stale is no failed try."""
        stale = error.code == NOT_PLAIN or (error.code in STALE and not connection.answered)
        if not connection.reusable:
            self._forget(connection)
        reusable = connection if connection.reusable else None
        self._pass_on(attempt.task, reusable, None if stale else error, attempt.body)

    def _pass_on(
        self,
        task: Message,
        connection: Connection | None,
        error: MigrateError | None = None,
        body: Body | None = None,
    ) -> None:
        self._elsewhere += 1
        if connection is not None:
            self._forget(connection)
        self._hand_over(Handed(task, connection, error, body))

    def _end_overdue(self, now: float) -> None:
        """Give up requests that take too long."""
        for connection, state in list(self._busy.items()):
            if not connection.overdue(now):
                continue
            if isinstance(state, Fetch):
                self._end_fetch(state)
                continue
            self._done(connection, state)
            self._forget(connection)
            connection.close()
            error = TransportError(
                "the server did not answer in time",
                operation="exchange",
                code="Timeout",
                retryable=True,
            )
            self._failed(connection, state, error)

    def _drop(self, connection: Connection) -> None:
        self._forget(connection)
        connection.close()
        if connection in self._idle:
            self._idle.remove(connection)

    def _forget(self, connection: Connection) -> None:
        """Listen to a connection no longer."""
        if connection in self._registered:
            self._registered.discard(connection)
            try:
                self._selector.unregister(connection)
            except (KeyError, ValueError):
                pass  # it was closed before: the system has forgotten it already
