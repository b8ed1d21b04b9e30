"""Transfers small objects over many connections in one thread.

With a connection per thread, most of the time goes into passing the interpreter lock: 350 µs of CPU
per object with 32 threads, against 110 µs in one thread. One thread therefore makes the first try
of every small object over kept-alive connections; an object of a cloud is fetched first, over a
connection to the source. All else (opening a connection, errors, retries, large or slowly read
objects) is passed to threads.
"""

from __future__ import annotations

import collections
import selectors
import socket
import threading
import time
from collections.abc import Callable

from cos_migrate.errors import MigrateError, TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.pools.results import Result
from cos_migrate.pools.tasks import NumberedTask
from cos_migrate.pools.worker.attempts import NOT_PLAIN, Attempt, Fetch, FirstTry, ThreadTask
from cos_migrate.pools.worker.bodies import Body
from cos_migrate.pools.worker.memory import MemoryBudget

_SWEEP = 0.5
"""Seconds between two checks for overdue requests."""
_LATE = 2.0
"""Seconds; a later check is skipped, as answers may have waited for this thread."""
_SLOW_READ = 0.002
"""Seconds; a source whose objects take longer to read on average is read by threads."""
_SMOOTHING = 0.05
_PREPARED_AT_ONCE = 4
"""Objects read ahead between two checks for answers."""
_RECHECK = 500
"""Objects read by threads before one is read here again, as the disk may be fast again."""


class EventLoop:
    """The slots of a worker's small pool, each a connection that one task uses at a time."""

    def __init__(
        self,
        first_try: FirstTry,
        slots: int,
        memory: MemoryBudget,
        pass_on: Callable[[ThreadTask], None],
        emit: Callable[[Result], None],
    ) -> None:
        """Start the thread.

        `memory`: for bodies, shared with the threads. `pass_on` gives a task to a thread, which
        calls `returned` at its end; `emit` takes results.
        """
        self._first_try = first_try
        self._allowed = slots
        self._memory = memory
        self._pass_on = pass_on
        self._emit = emit
        self._tasks: collections.deque[NumberedTask] = collections.deque()
        self._prepared: collections.deque[Attempt] = collections.deque()
        self._returned: collections.deque[Connection | None] = collections.deque()
        self._idle: list[Connection] = []
        self._busy: dict[Connection, Attempt | Fetch] = {}
        self._in_threads = 0
        self._read_time = 0.0
        self._reads_skipped = 0
        self._closing = self._ahead_waits = self._shedding = False
        self._selector = selectors.DefaultSelector()
        self._registered: set[Connection] = set()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self._selector.register(self._wake_receiver, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="event-loop", daemon=True)
        self._thread.start()

    def submit(self, tasks: list[NumberedTask]) -> None:
        """Queue tasks."""
        self._tasks.extend(tasks)
        self._wake()

    def returned(self, connection: Connection | None) -> None:
        """End a task passed to a thread; `connection` can be used again."""
        self._returned.append(connection)
        self._wake()

    def recall(self) -> list[NumberedTask]:
        """Take back the tasks that are not begun."""
        back: list[NumberedTask] = []
        try:
            while self._prepared:
                attempt = self._prepared.popleft()
                self._memory.give_back(attempt.size)
                back.append(attempt.task)
            while self._tasks:
                back.append(self._tasks.popleft())
        except IndexError:  # the thread has taken the last one
            pass
        return back

    def shed(self) -> None:
        """Close the connections that wait for a task: there are no free descriptors."""
        self._shedding = True
        self._wake()

    def allow(self, slots: int) -> None:
        """Use at most so many slots."""
        self._allowed = slots
        self._wake()

    def close(self) -> None:
        """End the thread once everything submitted has a result."""
        self._closing = True
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        try:
            self._wake_sender.send(b"!")
        except (BlockingIOError, OSError):
            pass  # a wake-up is pending already, or the thread has ended

    def _run(self) -> None:
        next_sweep = time.monotonic() + _SWEEP
        while not (self._closing and self._is_done()):
            events = self._selector.select(0 if self._can_prepare() else _SWEEP)
            if events:
                self._ahead_waits = False
            for key, _ in events:
                if key.data is None:
                    self._wake_receiver.recv(4096)
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
        self._wake_receiver.close()
        self._wake_sender.close()

    def _is_done(self) -> bool:
        return not (self._tasks or self._prepared or self._busy or self._in_threads)

    def _can_prepare(self) -> bool:
        """Return whether to read ahead while answers are awaited."""
        return (
            bool(self._tasks)
            and not self._ahead_waits
            and len(self._prepared) < len(self._busy)
            and not self._first_try.fetches
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
            size = self._first_try.weigh(task)
            if size < 0 or not self._memory.take(size):
                self._tasks.appendleft(task)
                self._ahead_waits = True  # for a slot or for memory: both come with an event
                return
            try:
                self._prepared.append(self._first_try.prepare(task))
            except Exception:  # a thread meets the error again and judges it
                self._memory.give_back(size)
                self._pass_to_threads(task, None)

    def _take_returned(self) -> None:
        while self._returned:
            connection = self._returned.popleft()
            self._in_threads -= 1
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
            size = self._first_try.weigh(task)
            if connection is None or size < 0 or self._reads_are_slow():
                self._pass_to_threads(task, connection)
            elif self._memory.take(size):
                self._start(task, size, connection)
            else:
                # Memory is freed in this loop, or before a call of `returned`.
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
        """Discard what was read ahead, as no connection will become free for it.

        A thread in the last slot may be waiting for its memory.
        """
        while self._prepared:
            try:
                attempt = self._prepared.pop()
            except IndexError:  # recalled meanwhile
                return
            self._memory.give_back(attempt.size)
            self._tasks.appendleft(attempt.task)

    def _has_slot(self) -> bool:
        return len(self._busy) + self._in_threads < self._allowed

    def _reads_are_slow(self) -> bool:
        if self._read_time < _SLOW_READ:
            return False
        self._reads_skipped += 1
        if self._reads_skipped < _RECHECK:
            return True
        self._reads_skipped = 0
        return False

    def _start(self, task: NumberedTask, size: int, connection: Connection) -> None:
        try:
            if self._first_try.fetches:
                self._start_fetch(task, size, connection)
                return
            began = time.perf_counter()
            attempt = self._first_try.prepare(task)
        except Exception:
            # A thread meets the error again and judges it.
            self._memory.give_back(size)
            self._pass_to_threads(task, connection)
            return
        spent = time.perf_counter() - began
        self._read_time += (spent - self._read_time) * _SMOOTHING
        self._put(attempt, connection)

    def _start_fetch(self, task: NumberedTask, size: int, connection: Connection) -> None:
        fetch = self._first_try.fetch(task, size, connection)
        if fetch is None:
            self._memory.give_back(size)
            self._pass_to_threads(task, connection)
            return
        self._register(fetch.source, fetch)

    def _put(self, attempt: Attempt, connection: Connection) -> None:
        """Begin to send an object."""
        try:
            connection.begin(attempt.head, attempt.content)
        except MigrateError as error:
            self._memory.give_back(attempt.size)
            self._failed(connection, attempt, error)
            return
        self._register(connection, attempt)

    def _register(self, connection: Connection, state: Attempt | Fetch) -> None:
        if connection not in self._registered:
            self._registered.add(connection)
            self._selector.register(connection, selectors.EVENT_READ, connection)
        self._busy[connection] = state
        if connection.wants_write:
            self._listen(connection)

    def _advance(self, connection: Connection) -> None:
        state = self._busy.get(connection)
        if state is None:
            # Idle: the server has closed it, or sends unasked.
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
        """Advance a fetch; return whether it is over."""
        try:
            attempt = self._first_try.fetched(fetch)
        except Exception:  # a thread meets it again
            self._end_fetch(fetch)
            return True
        if attempt is None:
            return False
        source = fetch.source
        del self._busy[source]
        self._unregister(source)
        self._first_try.keep(source)
        self._put(attempt, fetch.target)
        return True

    def _end_fetch(self, fetch: Fetch) -> None:
        """Pass a failed fetch to a thread, which meets the error again and judges it."""
        del self._busy[fetch.source]
        self._memory.give_back(fetch.size)
        self._unregister(fetch.source)
        fetch.source.close()
        self._first_try.keep(fetch.source)
        self._pass_to_threads(fetch.task, fetch.target)

    def _advance_put(self, attempt: Attempt, connection: Connection) -> bool:
        """Advance a PUT; return whether it is over."""
        try:
            result = self._first_try.finish(attempt, connection)
        except MigrateError as error:
            self._done(connection, attempt)
            self._failed(connection, attempt, error)
            return True
        if result is None:
            return False
        self._done(connection, attempt)
        if not connection.reusable:
            self._unregister(connection)
        else:
            self._idle.append(connection)
            self._send_prepared()
        self._emit(result)
        return True

    def _done(self, connection: Connection, attempt: Attempt) -> None:
        del self._busy[connection]
        self._memory.give_back(attempt.size)

    def _listen(self, connection: Connection) -> None:
        events = selectors.EVENT_READ
        if connection.wants_write:
            events |= selectors.EVENT_WRITE
        self._selector.modify(connection, events, connection)

    def _failed(self, connection: Connection, attempt: Attempt, error: MigrateError) -> None:
        """Pass a failed PUT to a thread; a stale connection is no failed try."""
        stale = error.code == NOT_PLAIN or connection.was_stale(error)
        if not connection.reusable:
            self._unregister(connection)
        reusable = connection if connection.reusable else None
        self._pass_to_threads(attempt.task, reusable, None if stale else error, attempt.body)

    def _pass_to_threads(
        self,
        task: NumberedTask,
        connection: Connection | None,
        error: MigrateError | None = None,
        body: Body | None = None,
    ) -> None:
        self._in_threads += 1
        if connection is not None:
            self._unregister(connection)
        self._pass_on(ThreadTask(task, connection, error, body))

    def _end_overdue(self, now: float) -> None:
        """End overdue requests."""
        for connection, state in list(self._busy.items()):
            if not connection.overdue(now):
                continue
            if isinstance(state, Fetch):
                self._end_fetch(state)
                continue
            self._done(connection, state)
            self._unregister(connection)
            connection.close()
            error = TransportError(
                "the server did not answer in time",
                operation="exchange",
                code="Timeout",
                retryable=True,
            )
            self._failed(connection, state, error)

    def _drop(self, connection: Connection) -> None:
        self._unregister(connection)
        connection.close()
        if connection in self._idle:
            self._idle.remove(connection)

    def _unregister(self, connection: Connection) -> None:
        """Stop selecting a connection."""
        if connection in self._registered:
            self._registered.discard(connection)
            try:
                self._selector.unregister(connection)
            except (KeyError, ValueError):
                pass  # closed before, and with that unregistered by the system
