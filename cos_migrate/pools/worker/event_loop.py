"""Transfers small objects over many connections in one thread.

With a connection per thread, most of the time goes into passing the interpreter lock: 350 µs of CPU
per object with 32 threads, against 110 µs in one thread. One thread therefore makes the first try
of every small object over kept-alive connections; an object of a cloud is fetched first, over a
connection to the source. All else (errors, retries, large or slowly read objects) is passed to
threads.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable

from cos_migrate.errors import MigrateError
from cos_migrate.http.connection import Connection
from cos_migrate.http.pacing import ProcessPace
from cos_migrate.pools.results import UNSTARTED, Result
from cos_migrate.pools.tasks import NumberedTask
from cos_migrate.pools.worker.allowance import Allowance
from cos_migrate.pools.worker.attempts import FOR_THREADS, Attempt, FirstTry, ThreadTask
from cos_migrate.pools.worker.bodies import Body
from cos_migrate.pools.worker.exchanges import Exchanges
from cos_migrate.pools.worker.memory import MemoryBudget

_CHECK_EVERY = 0.5
"""Seconds between two checks for overdue requests."""
_REPORT_EVERY = 0.05
"""Seconds between two reports of the latency of answers."""
_LATE = 2.0
"""Seconds; a later check is skipped, as answers may have waited for this thread."""
_SLOW_READ = 0.002
"""Seconds; a source whose objects take longer to read on average is read by threads."""
_SMOOTHING = 0.05
_PREPARED_AT_ONCE = 4
"""Objects read ahead between two checks for answers."""
_RECHECK = 500
"""Objects read by threads before one is read here again, as the disk may be fast again."""


class _ReadTime:
    """The time that a read of the source takes on average: threads make those that are slow."""

    def __init__(self) -> None:
        self._average = 0.0
        self._skipped = 0

    @property
    def is_short(self) -> bool:
        """Whether the event loop may read ahead."""
        return self._average < _SLOW_READ

    def add(self, seconds: float) -> None:
        """Add a read."""
        self._average += (seconds - self._average) * _SMOOTHING

    def is_for_threads(self) -> bool:
        """Return whether threads make the next read."""
        if self.is_short:
            return False
        self._skipped += 1
        if self._skipped < _RECHECK:
            return True
        self._skipped = 0
        return False


class _Queue:
    """The tasks that are not begun; some of them are read ahead."""

    def __init__(self, memory: MemoryBudget) -> None:
        self._memory = memory
        self.tasks: collections.deque[NumberedTask] = collections.deque()
        self.prepared: collections.deque[Attempt] = collections.deque()

    def recall(self) -> list[NumberedTask]:
        """Take back the tasks that are not begun."""
        back: list[NumberedTask] = []
        try:
            while self.prepared:
                attempt = self.prepared.popleft()
                self._memory.give_back(attempt.size)
                back.append(attempt.task)
            while self.tasks:
                back.append(self.tasks.popleft())
        except IndexError:  # the thread has taken the last one
            pass
        return back

    def take_task(self) -> NumberedTask | None:
        """Take the next task that is not begun; None: there is none."""
        try:
            return self.tasks.popleft()
        except IndexError:  # recalled meanwhile
            return None

    def put_back(self) -> None:
        """Discard what was read ahead, as no connection will become free for it.

        A thread in the last slot may be waiting for its memory.
        """
        while task := self.take_prepared():
            self.tasks.appendleft(task)

    def take_prepared(self) -> NumberedTask | None:
        """Take the task that was read ahead last; what was read of it is discarded."""
        try:
            attempt = self.prepared.pop()
        except IndexError:  # none, or recalled meanwhile
            return None
        self._memory.give_back(attempt.size)
        return attempt.task


class EventLoop:
    """The slots of a worker's small pool, each a connection that one task uses at a time."""

    def __init__(
        self,
        first_try: FirstTry,
        slots: int,
        memory: MemoryBudget,
        pass_on: Callable[[ThreadTask], None],
        emit: Callable[[Result], None],
        pace: ProcessPace,
    ) -> None:
        """Start the thread.

        `memory`: for bodies, shared with the threads. `pass_on` gives a task to a thread, which
        calls `returned` at its end; `emit` takes results. `pace` has the limits.
        """
        self._first_try = first_try
        self._allowed = slots
        self._memory = memory
        self._pass_on = pass_on
        self._exchanges = Exchanges(
            first_try, memory, emit, self._pass_to_threads, self._send_prepared, pace
        )
        self._emit = emit
        self._held, self._to_cos = self._exchanges.held, self._exchanges.to_cos
        from_source = Allowance(pace.source(big=False), self._exchanges.wake)
        self._fetches = first_try.fetches
        self._allowance = from_source if self._fetches else self._to_cos
        """What limits allow of the first requests of tasks."""
        self._idle, self._busy = self._exchanges.idle, self._exchanges.busy
        self._openings = self._exchanges.openings
        self.waited = self._exchanges.waited
        self._queue = _Queue(memory)
        self._tasks, self._prepared = self._queue.tasks, self._queue.prepared
        self.recall = self._queue.recall
        self._returned: collections.deque[Connection | None] = collections.deque()
        self._in_threads = 0
        self._read_time = _ReadTime()
        self._ahead = 0
        self._closing = self._ahead_waits = self._closing_idle = self._stopped = False
        self._limited = False  # whether limits hold for what this loop sends or fetches
        self._thread = threading.Thread(target=self._run, name="event-loop", daemon=True)
        self._thread.start()

    def submit(self, tasks: list[NumberedTask]) -> None:
        """Queue tasks."""
        self._tasks.extend(tasks)
        self._exchanges.wake()

    def returned(self, connection: Connection | None) -> None:
        """Note that a thread has ended a task; `connection` is used again if it can be."""
        self._returned.append(connection)
        self._exchanges.wake()

    def close_idle(self) -> None:
        """Close the idle connections, so that others can be opened."""
        self._closing_idle = True
        self._exchanges.wake()

    def allow(self, slots: int) -> None:
        """Use at most `slots` slots."""
        self._allowed = slots
        self._exchanges.wake()

    def stop(self) -> None:
        """Give back what no request has begun for, also what limits hold back."""
        self._stopped = True
        self._exchanges.wake()

    def open_ahead(self, connections: int) -> None:
        """Open up to this number of connections, before their tasks arrive."""
        self._ahead = connections
        self._exchanges.wake()

    def close(self) -> None:
        """End the thread once everything submitted has a result."""
        self._closing = True
        self._exchanges.wake()
        self._thread.join()

    def _run(self) -> None:
        exchanges = self._exchanges
        next_report = exchanges.now + _REPORT_EVERY
        next_check = exchanges.now + _CHECK_EVERY
        while not (self._closing and self._is_done()):
            events = exchanges.select(0 if self._can_prepare() else _CHECK_EVERY)
            now = exchanges.now = time.monotonic()
            if events:
                self._ahead_waits = False
            for key, _ in events:
                if key.data is None:
                    exchanges.clear_wake()
                else:
                    exchanges.advance(key.data)
            if not events:
                self._prepare_some()
            self._take_returned()
            self._follow_limits()
            self._start_tasks()
            if now >= next_report:
                next_report = now + _REPORT_EVERY
                exchanges.report_latency()
                if now >= next_check:
                    late = now >= next_check + _LATE
                    next_check = now + _CHECK_EVERY
                    if not late:
                        exchanges.end_overdue(now)
        exchanges.close()

    def _is_done(self) -> bool:
        return not (self._tasks or self._prepared or self._busy or self._held or self._in_threads)

    def _follow_limits(self) -> None:
        """Send what limits allow by now; once stopped, give back what they hold back."""
        self._limited = self._to_cos.is_limited or self._allowance.is_limited
        if self._held:
            self._exchanges.put_held()
        if self._stopped:
            for number, _, _ in self.recall():
                self._emit((number, UNSTARTED, None))
            self._exchanges.give_up_held()

    def _can_prepare(self) -> bool:
        """Return whether to read ahead while answers are awaited."""
        return (
            bool(self._tasks)
            and not self._ahead_waits
            and len(self._prepared) < len(self._busy)
            and not self._fetches
            and self._read_time.is_short
            and not self._limited
        )

    def _prepare_some(self) -> None:
        """Read a few objects ahead, to send them as soon as a connection is free."""
        for _ in range(_PREPARED_AT_ONCE):
            if not self._can_prepare() or not (task := self._queue.take_task()):
                return
            size = self._first_try.memory_for(task)
            if size < 0 or not self._memory.take(size):
                self._tasks.appendleft(task)
                self._ahead_waits = True  # for a slot or for memory: both come with an event
                return
            try:
                self._prepared.append(self._first_try.prepare_put(task))
            except Exception:  # a thread meets the error again and judges it
                self._memory.give_back(size)
                self._pass_to_threads(task, None)

    def _take_returned(self) -> None:
        while self._returned:
            connection = self._returned.popleft()
            self._in_threads -= 1
            if connection is not None and connection.reusable:
                self._idle.append(connection)
        if self._closing_idle:
            self._closing_idle = False
            self._exchanges.drop_idle()
        if self._ahead:
            wanted, self._ahead = min(self._ahead, self._allowed), 0
            openings = self._openings.to_cos
            there = len(self._busy) + self._in_threads + len(self._idle) + len(openings)
            openings.begin(wanted - there)

    def _start_tasks(self) -> None:
        self._send_prepared()
        tasks, allowance = self._tasks, self._allowance
        limited = self._limited
        while tasks and self._free_slots() > 0:
            try:
                task = tasks.popleft()
            except IndexError:  # recalled meanwhile
                return
            connection = self._idle.pop() if self._idle else None
            size = self._first_try.memory_for(task)
            if limited and allowance.is_too_large(size):
                size = FOR_THREADS
            if size >= 0 and (connection is None or self._fetches):
                number = min(1 + len(tasks), self._free_slots())
                if self._openings.are_awaited(connection, number):
                    tasks.appendleft(task)
                    return
            if connection is None or size < 0 or self._read_time.is_for_threads():
                self._pass_to_threads(task, connection)
            elif limited and not allowance.admits(size, 1 + len(tasks)):
                self._idle.append(connection)
                tasks.appendleft(task)
                return
            elif self._memory.take(size):
                self._start(task, size, connection)
            else:
                # Memory is freed in this loop, or before a call of `returned`.
                if limited:
                    allowance.give_back(size)
                self._idle.append(connection)
                tasks.appendleft(task)
                return

    def _send_prepared(self) -> None:
        while self._prepared and self._idle and self._free_slots() > 0 and not self._limited:
            try:
                attempt = self._prepared.popleft()
            except IndexError:  # recalled meanwhile
                return
            self._exchanges.begin_put(attempt, self._idle.pop())
        if not self._busy or self._limited:
            self._queue.put_back()
        elif self._prepared and not self._tasks and not self._idle and self._free_slots() > 0:
            # No task is left for which a connection would be opened.
            number = min(len(self._prepared), self._free_slots())
            opens = self._openings.to_cos.have_under_way(number)
            if not opens and (task := self._queue.take_prepared()):
                self._pass_to_threads(task, None)

    def _free_slots(self) -> int:
        return self._allowed - len(self._busy) - len(self._held) - self._in_threads

    def _start(self, task: NumberedTask, size: int, connection: Connection) -> None:
        try:
            if self._fetches:
                if not self._exchanges.begin_fetch(task, size, connection):
                    self._give_to_threads(task, size, connection)
                return
            began = time.perf_counter()
            attempt = self._first_try.prepare_put(task)
        except Exception:  # a thread meets the error again and judges it
            self._give_to_threads(task, size, connection)
            return
        self._read_time.add(time.perf_counter() - began)
        self._exchanges.begin_put(attempt, connection)

    def _give_to_threads(self, task: NumberedTask, size: int, connection: Connection) -> None:
        """Pass on a task that was not begun, without what it has taken."""
        self._memory.give_back(size)
        self._allowance.give_back(size)
        self._pass_to_threads(task, connection)

    def _pass_to_threads(
        self,
        task: NumberedTask,
        connection: Connection | None,
        error: MigrateError | None = None,
        body: Body | None = None,
    ) -> None:
        self._in_threads += 1
        if connection is not None:
            self._exchanges.unwatch(connection)
        self._pass_on(ThreadTask(task, connection, error, body))
