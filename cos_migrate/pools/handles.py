"""The workers of a pool, each in its worker: in a process of its own, or in threads of this one."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from cos_migrate.pools.job import Job
from cos_migrate.pools.messages import Message
from cos_migrate.pools.process import Child


class Results(NamedTuple):
    """Results that a worker sent; the first field of each is its task's number."""

    worker: int
    results: list[Message]


class Lost(NamedTuple):
    """A worker process ended by itself, or was ended because it showed no sign of life."""

    worker: int
    generation: int
    reason: str
    silent: bool = False


class WorkerHandle(Protocol):
    """A worker, wherever it runs."""

    @property
    def pid(self) -> int:
        """Its process; 0 for this one."""
        ...

    @property
    def beats(self) -> int:
        """How many signs of life it has shown."""
        ...

    def send(self, command: str, value: Any) -> None:
        """Send a command without waiting; of a process that has ended its loss is posted."""
        ...

    def end(self) -> None:
        """Have it finish what it does and end."""
        ...

    def kill(self) -> None:
        """End it at once, as far as that is possible."""
        ...

    def close(self, deadline: float) -> None:
        """Wait for its end until time.monotonic() is `deadline`, then end it."""
        ...


class ProcessWorker:
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
        self.pid = process.pid
        self.kill = self._child.kill
        self.close = self._child.close

    @property
    def beats(self) -> int:
        """How many frames have come from it."""
        return self._child.beats

    def send(self, command: str, value: Any) -> None:
        """Send a command; of a process that has ended its loss is posted."""
        self._child.write((command, value))

    def end(self) -> None:
        """Have it finish what it does and end."""
        self._child.let_end()
        self.send("close", None)


class InlineWorker:
    """A worker whose threads run in the coordinator's process."""

    pid = 0
    beats = 0

    def __init__(self, job: Job, index: int, post: Callable[[Results | Lost], None]) -> None:
        from cos_migrate.pools.worker.worker import Worker  # noqa: PLC0415 - elsewhere only its process has it

        self._worker = Worker(job, lambda result: post(Results(index, [result])))
        self._actions: dict[str, Callable[[Any], None]] = {
            "submit": self._worker.submit,
            "recall": lambda _: self._worker.recall(),
            "stop": lambda _: self._worker.stop(),
            "allow": self._worker.allow,
            "credentials": self._worker.replace_credentials,
        }

    def send(self, command: str, value: Any) -> None:
        """Carry out a command."""
        self._actions[command](value)

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
