"""Where the scheduler of a cluster is: given by its address, or started on this machine."""

from __future__ import annotations

import os
import queue
import shutil
import time
from collections.abc import Callable
from typing import NamedTuple

from cos_migrate.pools.cluster import wire
from cos_migrate.processes.child import Child
from cos_migrate.processes.launcher import Launcher

SCHEDULER_PROGRAM = "cos_migrate.pools.cluster.local_scheduler"
WORKER_PROGRAM = "cos_migrate.pools.cluster.local_worker"
_END = 3.0
"""Seconds that a killed worker may take to end."""
_START = 60.0
"""Seconds that a scheduler on this machine may take to start."""


class GivenPlace:
    """A scheduler that others have started."""

    def __init__(self, address: str, security: wire.Security, *, is_insecure: bool) -> None:
        self._address = address
        self._security = security
        self.is_insecure = is_insecure

    def begin(self) -> tuple[str, wire.Security]:
        """Return address and certificates."""
        return self._address, self._security

    def look(self) -> None:
        """Do nothing: others watch over it."""

    def close(self) -> None:
        """Do nothing: it goes on."""


class PartOrder(NamedTuple):
    """What a scheduler or worker on this machine is started with."""

    security: wire.Security
    scheduler: str = ""
    """Address of the scheduler, for a worker."""
    name: str = ""
    """Of a worker."""
    folder: str = ""
    """Where a worker keeps its own files; removed with it."""


class LocalPlace:
    """A scheduler and workers on this machine, reached by no other; they end with this process."""

    is_insecure = False

    def __init__(self, workers: int, launcher: Launcher, folder: str) -> None:
        """Start nothing yet; `folder`: of temporary files."""
        self._launcher = launcher
        self._folder = folder
        self._address = ""
        self._security = wire.Security()
        self._scheduler: Child[PartOrder, str] | None = None
        self._workers: list[_LocalWorker | None] = [None] * workers

    def begin(self) -> tuple[str, wire.Security]:
        """Start what does not run; return address and certificates. Raises OSError."""
        if not self._address:
            self._security = wire.temporary_security()
            self._address = self._start_scheduler()
        self.look()
        return self._address, self._security

    def _start_scheduler(self) -> str:
        answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        failures: list[str] = []

        def note_loss(reason: str) -> None:
            failures.append(reason)
            answers.put("")

        started = self._start(SCHEDULER_PROGRAM, PartOrder(self._security), answers.put, note_loss)
        self._scheduler = started
        try:
            address = answers.get(timeout=_START)
        except queue.Empty:
            raise OSError("the scheduler on this machine did not start in time") from None
        if not address:
            raise OSError(f"the scheduler on this machine cannot run: {failures[0]}")
        return address

    def _start(
        self,
        program: str,
        order: PartOrder,
        on_frame: Callable[[str], None],
        on_loss: Callable[[str], None],
    ) -> Child[PartOrder, str]:
        started: Child[PartOrder, str] = Child(self._launcher.take(program), on_frame, on_loss)
        started.write(order)
        return started

    def look(self) -> None:
        """Start each worker that does not run."""
        for number, worker in enumerate(self._workers):
            if worker is None or worker.lost:
                self._workers[number] = self._start_worker(number)

    def _start_worker(self, number: int) -> _LocalWorker:
        worker = _LocalWorker()
        folder = f"{self._folder}/dask-{os.getpid()}-{number + 1}"
        order = PartOrder(self._security, self._address, f"local-{number + 1}", folder)
        worker.child = self._start(WORKER_PROGRAM, order, lambda _: None, worker.note_loss)
        return worker

    def close(self) -> None:
        """End scheduler and workers."""
        children = [worker.child for worker in self._workers if worker and worker.child]
        for child in (*children, self._scheduler):
            if child:
                child.kill()
        for number, child in enumerate(children, 1):
            child.close(time.monotonic() + _END)
            shutil.rmtree(f"{self._folder}/dask-{os.getpid()}-{number}", ignore_errors=True)
        self._address = ""


class _LocalWorker:
    """A worker process, and whether it is lost."""

    def __init__(self) -> None:
        self.child: Child[PartOrder, str] | None = None
        self.lost = False

    def note_loss(self, _reason: str) -> None:
        self.lost = True
