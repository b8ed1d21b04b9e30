"""The small-file and big-file pools: threads spread over worker processes, fed in batches.

Owns the processes, what each has been given, and how much more each is given. A process that
ends is replaced and its tasks are sent again; `suspects` says which of them with care, and which
one is reported as failed.
"""

from __future__ import annotations

import collections
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from cos_migrate.child import Child
from cos_migrate.cos.access import Credentials
from cos_migrate.job import Job
from cos_migrate.model import Failure
from cos_migrate.suspects import Suspects
from cos_migrate.tasks import Kind, Message, Reply

_BACKLOG_SECONDS = 0.03
"""A worker is given what it will do in so many seconds, besides what its threads hold."""
_BACKLOG_MOST = 1024
_BIG_BACKLOG = 1
_RATE_EVERY = 0.05
_ROWS = 8
"""Small tasks are given out in rows, as many as fill this share of a worker's room."""
_START_AGAIN = 0.3
"""Seconds before it is tried again to start a process."""
_PLACES_MOST = 256
"""Names of tasks that belong together whose worker is remembered: more than are under way."""


class Results(NamedTuple):
    """Results that a worker sent; the first field of each is its task's number."""

    worker: int
    results: list[Message]


class Lost(NamedTuple):
    """A worker process ended by itself."""

    worker: int
    generation: int
    reason: str


class _Seat(Protocol):
    """A worker, wherever it runs."""

    def send(self, command: str, value: Any) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None: ...


class _Process:
    """A worker in a process of its own."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        job: Job,
        index: int,
        generation: int,
        post: Callable[[Results | Lost], None],
    ) -> None:
        self._child = Child(
            process,
            hear=lambda results: post(Results(index, results)),
            lost=lambda reason: post(Lost(index, generation, reason)),
        )
        self._child.write(job)
        self.close = self._child.close

    def send(self, command: str, value: Any) -> None:
        """Send a command; of one that has ended meanwhile its loss is posted."""
        self._child.write((command, value))

    def end(self) -> None:
        """Have it finish what it does and end; one that does not is ended in a while."""
        self._child.let_end()
        self.send("close", None)


class _Inline:
    """A worker whose threads run in the coordinator's process."""

    def __init__(self, job: Job, index: int, post: Callable[[Results | Lost], None]) -> None:
        from cos_migrate.worker import Worker  # noqa: PLC0415 - elsewhere only its process has it

        self._worker = Worker(job, lambda result: post(Results(index, [result])))
        self._actions: dict[str, Callable[[Any], None]] = {
            "submit": self._worker.submit,
            "recall": lambda _: self._worker.recall(),
            "stop": lambda _: self._worker.stop(),
            "allow": self._worker.allow,
            "credentials": self._worker.replace_credentials,
        }

    def send(self, command: str, value: Any) -> None:
        self._actions[command](value)

    def end(self) -> None:
        """Do nothing: its threads end when it is closed."""

    def close(self) -> None:
        self._worker.close()


class _Load:
    """What one worker has been given, and how much it can be given."""

    def __init__(self, job: Job) -> None:
        self.threads = (job.small_threads, job.big_threads)
        self.given = [0, 0]
        self.done = 0
        self.backlog = 2 * job.small_threads
        self.since = time.monotonic()
        self.generation = 0
        self.outbox: list[Message] = []
        self.limited = False
        self.allowed = self.threads
        self.apart: collections.deque[Message] = collections.deque()
        """Tasks that are sent one at a time, while nothing else is."""
        self.alone = 0
        """The number of the one that was sent so; 0: none was."""

    @property
    def watched(self) -> bool:
        """Whether it does tasks one at a time now."""
        return bool(self.alone or self.apart)

    def clear(self) -> None:
        """Note that it has nothing any more."""
        self.given, self.outbox, self.alone = [0, 0], [], 0
        self.apart.clear()

    def limit(self, ratio: float) -> None:
        """Use only this share of its threads; 1 uses all."""
        self.limited = ratio < 1
        small, big = (max(1, int(count * ratio)) if count else 0 for count in self.threads)
        self.allowed = (small, big)

    def room(self, big: int) -> int:
        """Return how many more tasks of a pool it can be given."""
        if self.watched:
            return 0
        backlog = 0 if self.limited else (_BIG_BACKLOG if big else self.backlog)
        return (self.allowed[big] + backlog if self.allowed[big] else 0) - self.given[big]

    def fitness(self, big: int) -> tuple[bool, int]:
        """Return what is greater for a worker that should rather be given a task."""
        return not self.watched, self.room(big)

    def measure(self, done: int) -> None:
        """Learn from `done` finished small tasks how fast it works."""
        self.done += done
        now = time.monotonic()
        if now - self.since >= _RATE_EVERY:
            rate = self.done / (now - self.since)
            self.backlog = min(_BACKLOG_MOST, max(2, int(rate * _BACKLOG_SECONDS)))
            self.done, self.since = 0, now


class Pools:
    """All workers of a run, as one."""

    def __init__(
        self,
        job: Job,
        processes: int,
        post: Callable[[Results | Lost], None],
        launch: Callable[[], subprocess.Popen[bytes]],
    ) -> None:
        """Start nothing yet.

        `job` holds the totals of threads and memory, divided among `processes` (0: threads of
        this process). `post` is called from other threads with what the workers report. `launch`
        gives a worker process.
        """
        self._post = post
        self._launch = launch
        self._inline = processes == 0
        count = max(1, min(processes, max(job.small_threads, job.big_threads)))
        self._jobs = [_share(job, index, count) for index in range(count)]
        self._loads = [_Load(part) for part in self._jobs]
        self._seats: list[_Seat | None] = [None] * count
        self._tasks: dict[int, tuple[int, int, Message, str]] = {}
        self._places: dict[str, int] = {}
        self._suspects = Suspects()
        self._favourite = self._in_row = 0
        self._total = job.small_threads + job.big_threads
        self._allowed = self._total
        self._started = self._stopped = False

    @property
    def workers(self) -> int:
        """How many workers there are."""
        return len(self._seats)

    @property
    def under_way(self) -> int:
        """How many tasks have been given and not come back."""
        return len(self._tasks)

    @property
    def allowed(self) -> int:
        """How many transfers may be under way at once, over all workers."""
        return self._allowed

    @property
    def small_threads(self) -> int:
        """How many small tasks may be under way at once, over all workers."""
        return sum(load.allowed[0] for load in self._loads)

    @property
    def total(self) -> int:
        """How many transfers all threads together can do at once."""
        return self._total

    def start(self) -> None:
        """Start all workers, if they are not running."""
        if not self._started:
            self._started = True
            for index in range(len(self._jobs)):
                self._seat(index)

    def room(self, *, big: bool, together: str = "") -> int:
        """Return how many more tasks can be submitted to a pool now.

        `together`: the name under which tasks are to be in one worker.
        """
        place = self._places.get(together)
        if place is not None:
            return max(0, self._loads[place].room(big))
        return sum(max(0, load.room(big)) for load in self._loads)

    def submit(self, task: Message, together: str = "") -> None:
        """Put a task into the outbox of the worker with the most room.

        Those with the same name `together` all go to one worker.
        """
        big = int(task[1] not in Kind.SMALL)
        index = self._places.get(together) if together else None
        if index is None:
            index = self._fittest() if big else self._next_small()
            if together:
                self._place(together, index)
        load = self._loads[index]
        load.given[big] += 1
        load.outbox.append(task)
        self._tasks[task[0]] = (index, big, task, together)

    def _next_small(self) -> int:
        """Return who gets a small task: several in a row are the same one's."""
        if self._in_row:
            self._in_row -= 1
        else:
            self._favourite = self._fittest(big=0)
            self._in_row = max(0, self._loads[self._favourite].room(0)) // _ROWS
        return self._favourite

    def _fittest(self, big: int = 1) -> int:
        # Even without room it must be one that has threads: a lost worker's tasks go anywhere.
        useful = [each for each, load in enumerate(self._loads) if load.threads[big]]
        return max(useful, key=lambda each: self._loads[each].fitness(big))

    def _place(self, together: str, index: int) -> None:
        self._places[together] = index
        if len(self._places) > _PLACES_MOST:
            del self._places[next(iter(self._places))]

    def flush(self) -> None:
        """Send what `submit` has gathered."""
        self._in_row = 0
        for index, load in enumerate(self._loads):
            if load.outbox and not load.watched:
                self.start()
                seat = self._seats[index]
                if seat is not None:  # what could not be started is lost, and replaced
                    seat.send("submit", load.outbox)
                    load.outbox = []

    def settle(self, event: Results) -> list[Message]:
        """Take note of finished tasks; return the results, less those of tasks sent elsewhere."""
        load = self._loads[event.worker]
        settled, small = [], 0
        for result in event.results:
            reply = result[1]
            if reply in Reply.PASSING:
                if result[0] in self._tasks:
                    settled.append(result)
                continue
            if reply == Reply.SLOW_DOWN:
                settled.append(result)
                continue
            known = self._tasks.get(result[0])
            if known is None or known[0] != event.worker:
                continue
            del self._tasks[result[0]]
            load.given[known[1]] -= 1
            small += not known[1]
            settled.append(result)
            if self._suspects:
                self._suspects.forget(result[0])
        load.measure(small)
        if load.watched and load.alone not in self._tasks:
            self._send_apart(event.worker)
            self.flush()
        return settled

    def replace(self, event: Lost) -> list[Message]:
        """Start a worker in the place of a lost one, and send its tasks again.

        Return the results of tasks that are not: they are given up, or the run is stopping.
        """
        load = self._loads[event.worker]
        if event.generation != load.generation:
            return []
        self._in_row = 0
        load.generation += 1
        held = [task[0] for task in load.apart]
        unsent = (*held, *(task[0] for task in load.outbox))
        had = {number for number, known in self._tasks.items() if known[0] == event.worker}
        load.clear()
        if self._stopped:
            self._seats[event.worker] = None
            return [self._not_begun(number) for number in had]
        apart, guilty = self._suspects.judge(had.difference(unsent))
        given_up = [self._give_up(number, event.reason) for number in guilty]
        if not guilty:  # else the others were suspected for what is found now
            apart += held
        self._seat(event.worker)
        for number in apart:
            _, big, task, _ = self._tasks[number]
            load.given[big] += 1
            load.apart.append(task)
        for number in sorted(had.difference(apart, guilty)):
            _, _, task, together = self._tasks.pop(number)
            self.submit(task, together)
        self._send_apart(event.worker)
        self.flush()
        return given_up

    def _not_begun(self, number: int) -> Message:
        del self._tasks[number]
        return (number, Reply.UNSTARTED)

    def _give_up(self, number: int, reason: str) -> Message:
        del self._tasks[number]
        self._suspects.forget(number)
        text = f"each worker process that had this task, and nothing else, ended ({reason})"
        return (number, Reply.FAILED, *Failure("worker", text, code="WorkerLost"))

    def _send_apart(self, index: int) -> None:
        """Send the next task that a worker does with nothing else beside it."""
        load, seat = self._loads[index], self._seats[index]
        load.alone = 0
        if load.apart and seat is not None:
            task = load.apart.popleft()
            load.alone = task[0]
            seat.send("submit", [task])

    def recall(self) -> None:
        """Ask for all tasks that no thread has begun; they come back as UNSTARTED."""
        self._tell("recall")
        for index, load in enumerate(self._loads):
            unsent: list[Message] = [
                (task[0], Reply.UNSTARTED) for task in (*load.apart, *load.outbox)
            ]
            load.apart.clear()
            load.outbox = []
            if unsent:
                self._post(Results(index, unsent))

    def stop(self) -> None:
        """Have nothing new begun and no failed request tried again."""
        self._stopped = True
        self._tell("stop")
        self.recall()

    def allow(self, transfers: int) -> None:
        """Let at most so many transfers be under way at once, over all workers."""
        self._allowed = max(1, min(transfers, self._total))
        for load, seat in zip(self._loads, self._seats, strict=True):
            load.limit(self._allowed / self._total)
            if seat is not None:
                seat.send("allow", load.allowed)

    def replace_credentials(self, credentials: Credentials) -> None:
        """Use other credentials in all workers, present and future."""
        self._jobs = [
            job._replace(cos=replace(job.cos, credentials=credentials)) for job in self._jobs
        ]
        self._tell("credentials", credentials)

    def abandon(self) -> None:
        """Forget all tasks: the workers that have them are gone or of no use."""
        self._tasks.clear()
        for load in self._loads:
            load.clear()

    def close(self) -> None:
        """Let all workers finish what they do and end; one that does not is ended."""
        seats = [seat for seat in self._seats if seat is not None]
        for seat in seats:
            seat.end()
        for seat in seats:
            seat.close()
        self._seats = [None] * len(self._jobs)

    def _seat(self, index: int) -> None:
        job, generation = self._jobs[index], self._loads[index].generation
        if self._inline:
            seat: _Seat = _Inline(job, index, self._post)
        else:
            try:
                seat = _Process(self._launch(), job, index, generation, self._post)
            except (OSError, RuntimeError) as error:  # no memory, too many processes or files
                self._seats[index] = None
                time.sleep(_START_AGAIN)
                self._post(Lost(index, generation, f"it could not be started: {error}"))
                return
        self._seats[index] = seat
        if self._loads[index].limited:
            seat.send("allow", self._loads[index].allowed)

    def _tell(self, command: str, value: Any = None) -> None:
        for seat in self._seats:
            if seat is not None:
                seat.send(command, value)


def _share(job: Job, index: int, count: int) -> Job:
    """Return the share of one worker of `count`: threads and memory divided evenly."""

    def part(total: int) -> int:
        return total // count + (index < total % count)

    return job._replace(
        small_threads=part(job.small_threads),
        big_threads=part(job.big_threads),
        memory=job.memory // count,
    )
