"""One thread that drives many connections: the fast way of small objects.

Threads that each wait for their own connection spend most of their time handing the interpreter
lock around: measured with 32 of them, 350 µs of CPU an object against 110 µs in one thread. So one
thread makes the first try of every small object over the kept-alive connections of its worker.
Whatever is not the plain case, that is a connection to open, an error to judge, a request to try
again, a large or slowly read object, goes to the threads beside it.
"""

from __future__ import annotations

import collections
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from cos_migrate.cos.client import STALE, Attempt
from cos_migrate.errors import MigrateError, TransportError
from cos_migrate.http import Connection
from cos_migrate.tasks import Message

NOT_PLAIN = "NotPlain"
"""The code of an error that only says that the threads have to take over."""
_SWEEP = 0.5
"""Seconds between two looks for requests that wait too long."""
_SLOW_READ = 0.002
"""Seconds; a source whose objects take longer to read on average is read by threads."""
_SMOOTHING = 0.05
_RECHECK = 500
"""After so many objects read by threads, one is read here again: it may have become fast."""


class Handed(NamedTuple):
    """A task for the threads, with what has been found out about it."""

    task: Message
    connection: Connection | None
    """A connection to use for it, None when one has to be opened."""
    error: MigrateError | None
    """How a first try failed; None when there was none."""


class Lane(Protocol):
    """What prepares and judges the one try that is made here."""

    def fits(self, task: Message) -> bool:
        """Return whether the plain case is all that the task asks for."""

    def weight(self, task: Message) -> int:
        """Return how many bytes the task's body takes in memory."""

    def prepare(self, task: Message) -> Attempt:
        """Read the object and build its request. Raises MigrateError."""

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
        memory: int,
        silence: float,
        hand_over: Callable[[Handed], None],
        emit: Callable[[Message], None],
    ) -> None:
        """Start the thread.

        `memory`: bytes of bodies held at once; `silence`: seconds a request may be without
        progress; `hand_over` starts a thread's work. What is handed over must be `returned`.
        """
        self._lane = lane
        self._allowed = slots
        self._memory = memory
        self._held = 0
        self._silence = silence
        self._hand_over = hand_over
        self._emit = emit
        self._tasks: collections.deque[Message] = collections.deque()
        self._returned: collections.deque[Connection | None] = collections.deque()
        self._idle: list[Connection] = []
        self._busy: dict[Connection, tuple[Attempt, float]] = {}
        self._elsewhere = 0
        self._read_time = 0.0
        self._reads_skipped = 0
        self._closing = False
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
        back = []
        while self._tasks:
            try:
                back.append(self._tasks.popleft())
            except IndexError:
                break
        return back

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
        while not (self._closing and not (self._tasks or self._busy or self._elsewhere)):
            for key, _ in self._selector.select(_SWEEP):
                if key.data is None:
                    self._bell.recv(4096)
                else:
                    self._advance(key.data)
            self._take_returned()
            self._start_tasks()
            now = time.monotonic()
            if now >= next_sweep:
                next_sweep = now + _SWEEP
                self._end_silent(now)
        for connection in self._idle:
            connection.close()
        self._selector.close()
        self._bell.close()
        self._rope.close()

    def _take_returned(self) -> None:
        while self._returned:
            connection = self._returned.popleft()
            self._elsewhere -= 1
            if connection is not None and connection.reusable:
                self._idle.append(connection)

    def _start_tasks(self) -> None:
        tasks = self._tasks
        while tasks and len(self._busy) + self._elsewhere < self._allowed:
            try:
                task = tasks.popleft()
            except IndexError:  # recalled meanwhile
                return
            if self._held and self._held + self._lane.weight(task) > self._memory:
                tasks.appendleft(task)
                return
            connection = self._idle.pop() if self._idle else None
            if connection is None or not self._lane.fits(task) or self._reads_are_slow():
                self._pass_on(task, connection, None)
            else:
                self._start(task, connection)

    def _reads_are_slow(self) -> bool:
        if self._read_time < _SLOW_READ:
            return False
        self._reads_skipped += 1
        if self._reads_skipped < _RECHECK:
            return True
        self._reads_skipped = 0
        return False

    def _start(self, task: Message, connection: Connection) -> None:
        began = time.perf_counter()
        try:
            attempt = self._lane.prepare(task)
        except MigrateError:
            # A thread meets the same error and judges it.
            self._pass_on(task, connection, None)
            return
        spent = time.perf_counter() - began
        self._read_time += (spent - self._read_time) * _SMOOTHING
        try:
            connection.begin(attempt.head, attempt.payload.data)
        except MigrateError as error:
            self._failed(connection, attempt, error)
            return
        if connection not in self._registered:
            self._registered.add(connection)
            self._selector.register(connection, selectors.EVENT_READ, connection)
        self._busy[connection] = (attempt, time.monotonic())
        self._held += attempt.payload.size
        if connection.wants_write:
            self._listen(connection)

    def _advance(self, connection: Connection) -> None:
        known = self._busy.get(connection)
        if known is None:
            # Idle, and the server has closed it, or says what nobody asked.
            self._drop(connection)
            return
        attempt = known[0]
        wanted_write = connection.wants_write
        try:
            result = self._lane.finish(attempt, connection)
        except MigrateError as error:
            self._done(connection)
            self._failed(connection, attempt, error)
            return
        if result is None:
            self._busy[connection] = (attempt, time.monotonic())
            if connection.wants_write or wanted_write:
                self._listen(connection)
            return
        self._done(connection)
        self._emit(result)
        if connection.reusable:
            self._idle.append(connection)
        else:
            self._forget(connection)

    def _done(self, connection: Connection) -> None:
        attempt, _ = self._busy.pop(connection)
        self._held -= attempt.payload.size

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
        attempt.error = None if stale else error
        self._pass_on(attempt.task, connection if connection.reusable else None, attempt)

    def _pass_on(
        self, task: Message, connection: Connection | None, attempt: Attempt | None
    ) -> None:
        self._elsewhere += 1
        if connection is not None:
            self._forget(connection)
        self._hand_over(Handed(task, connection, attempt.error if attempt else None))

    def _end_silent(self, now: float) -> None:
        """Give up requests that have made no progress for too long."""
        for connection, (attempt, since) in list(self._busy.items()):
            if now - since > self._silence:
                self._done(connection)
                self._forget(connection)
                connection.close()
                error = TransportError(
                    "the server did not answer in time",
                    operation="exchange",
                    code="Timeout",
                    retryable=True,
                )
                self._failed(connection, attempt, error)

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
