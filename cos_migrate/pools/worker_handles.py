"""Handles by which the coordinator controls workers, and the events that workers cause."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from cos_migrate.http.pacing import Units
from cos_migrate.pools.job import Job
from cos_migrate.pools.results import Result
from cos_migrate.pools.worker.commands import Close, Command
from cos_migrate.processes.child import Child


class WorkerResults(NamedTuple):
    """Results that a worker has sent."""

    worker: int
    results: list[Result]


class WorkerLost(NamedTuple):
    """The loss of a worker process: it ended, or was ended for lack of heartbeats."""

    worker: int
    generation: int
    reason: str
    silent: bool = False
    """Whether it sent no heartbeat."""


class PoolsNews(NamedTuple):
    """What pools whose workers come and go have to say, or to do in the thread of the engine."""

    warning: str = ""
    end: str = ""
    """Why the run cannot go on; empty: it can."""
    act: Callable[[], None] | None = None


WorkerEvent = WorkerResults | WorkerLost | PoolsNews
"""An event that a worker causes."""
Post = Callable[[WorkerEvent], None]
"""Takes the events of a worker; called from many threads."""


class WorkerHandle(Protocol):
    """Controls one worker."""

    @property
    def name(self) -> str:
        """What warnings call the worker; empty: it runs in this process, and is not watched."""
        ...

    @property
    def heartbeats(self) -> int:
        """Heartbeats so far."""
        ...

    def send(self, command: Command) -> None:
        """Send a command without waiting; the loss of an ended process is posted."""
        ...

    def end(self) -> None:
        """Let the worker finish its tasks and end."""
        ...

    def kill(self) -> None:
        """End the worker at once, as far as that is possible."""
        ...

    def close(self, deadline: float) -> None:
        """Wait for the worker's end until time.monotonic() is `deadline`, then end it."""
        ...


class ProcessHandle:
    """A worker in a process of its own."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        job: Job,
        index: int,
        generation: int,
        post: Post,
        asked: Callable[[Units], None],
    ) -> None:
        """`asked` takes what it asks of limits."""

        def take(frame: list[Result] | Units) -> None:
            if isinstance(frame, Units):
                asked(frame)
            else:
                post(WorkerResults(index, frame))

        self._child: Child[Job | Command | Close, list[Result] | Units] = Child(
            process,
            on_frame=take,
            on_loss=lambda reason: post(WorkerLost(index, generation, reason)),
        )
        self._child.write(job)
        self.name = f"worker process {process.pid}"
        self.kill = self._child.kill
        self.close = self._child.close

    @property
    def heartbeats(self) -> int:
        """Frames received from it."""
        return self._child.heartbeats

    def send(self, command: Command) -> None:
        """Send a command; the loss of an ended process is posted."""
        self._child.write(command)

    def end(self) -> None:
        """Let it finish its tasks and end."""
        self._child.let_end()
        self._child.write(Close())


class InlineHandle:
    """A worker whose threads run in the coordinator's process."""

    name = ""
    heartbeats = 0

    def __init__(self, job: Job, index: int, post: Post, asked: Callable[[Units], None]) -> None:
        """`asked` takes what it asks of limits."""
        from cos_migrate.pools.worker.worker import Worker  # noqa: PLC0415 - elsewhere only its process has it

        self._worker = Worker(
            job,
            lambda result: post(WorkerResults(index, [result])),
            lambda: asked(self._worker.pace.asked()),
        )

    def send(self, command: Command) -> None:
        """Carry out a command."""
        command.carry_out(self._worker)

    def end(self) -> None:
        """Do nothing: its threads end when it is closed."""

    def kill(self) -> None:
        """Do nothing: threads cannot be ended; they end with this process."""

    def close(self, deadline: float) -> None:
        """End its threads; those that are not done by `deadline` end with this process."""
        closer = threading.Thread(target=self._worker.close, daemon=True)
        with contextlib.suppress(RuntimeError):  # no more threads
            closer.start()
            closer.join(max(0.0, deadline - time.monotonic()))
