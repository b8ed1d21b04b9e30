"""The workers of a run: started, watched, replaced and ended; they know nothing of tasks."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial

from cos_migrate.errors import Side
from cos_migrate.http.pacing import AllTerms, Units
from cos_migrate.model import Credentials
from cos_migrate.pools.job import Job
from cos_migrate.pools.limiter import Limiter
from cos_migrate.pools.worker.commands import (
    Command,
    Grant,
    RefuseCredentials,
    ReplaceCredentials,
    SetTerms,
    Stop,
)
from cos_migrate.pools.worker_handles import (
    InlineHandle,
    Post,
    ProcessHandle,
    WorkerHandle,
    WorkerLost,
)
from cos_migrate.processes.liveness import (
    HeartbeatChange,
    HeartbeatWatch,
    WaitLimits,
    describe_change,
)

_START_AGAIN = 0.3
"""Seconds before another try to start a process."""


class Workers:
    """One worker for each share of a job; None stands for one that does not run."""

    def __init__(
        self,
        jobs: list[Job],
        post: Post,
        launch: Callable[[], subprocess.Popen[bytes]] | None,
        limits: WaitLimits,
        limiter: Limiter | None,
    ) -> None:
        """Start nothing yet.

        `post` is called from other threads with the events of the workers. `launch` returns a
        worker process; None: the worker is threads of this process. `limiter` gives each worker
        its share of what is limited.
        """
        self._limiter = limiter or Limiter()
        self._seats: dict[int, tuple[int, int]] = {}
        self._jobs = jobs
        self._post = post
        self._launch = launch
        self._limits = limits
        self._handles: list[WorkerHandle | None] = [None] * len(jobs)
        self._watch: HeartbeatWatch[tuple[int, int]] = HeartbeatWatch(limits)

    def __len__(self) -> int:
        return len(self._handles)

    def start(self, index: int, generation: int) -> None:
        """Start one worker; one that cannot be started is posted as lost."""
        job, asked = self._jobs[index], self.asked(index, generation)
        self._leave_limits(index)
        try:
            if self._launch is None:
                worker: WorkerHandle = InlineHandle(job, index, self._post, asked)
            else:
                process = self._launch()
                worker = ProcessHandle(process, job, index, generation, self._post, asked)
        except (OSError, RuntimeError) as error:  # no memory, too many processes or files
            self._handles[index] = None
            time.sleep(_START_AGAIN)
            self._post(WorkerLost(index, generation, f"it could not be started: {error}"))
        else:
            self.seat(index, generation, worker)

    def seat(self, index: int, generation: int, worker: WorkerHandle) -> None:
        """Take a worker that has been started."""
        seat = self._seats[index] = (index, generation)
        self._handles[index] = worker
        self._limiter.join(seat, lambda message: worker.send(_command_of(message)))

    def add(self, job: Job) -> None:
        """Have a place for one more worker."""
        self._jobs.append(job)
        self._handles.append(None)

    def job(self) -> Job:
        """Return a job with the present credentials."""
        return self._jobs[0]

    def asked(self, index: int, generation: int) -> Callable[[Units], None]:
        """Return what takes the units that a worker asks of limits."""
        return partial(self._limiter.ask, (index, generation))

    def _leave_limits(self, index: int) -> None:
        """Keep no share of what is limited for a worker that is gone."""
        seat = self._seats.pop(index, None)
        if seat is not None:
            self._limiter.leave(seat)

    def runs(self, index: int) -> bool:
        """Return whether one worker runs."""
        return self._handles[index] is not None

    def forget(self, index: int) -> None:
        """Do without a worker that is lost."""
        self._handles[index] = None
        self._leave_limits(index)

    def send(self, index: int, command: Command) -> None:
        """Send a command to one worker, if it runs."""
        worker = self._handles[index]
        if worker is not None:
            worker.send(command)

    def send_all(self, command: Command) -> None:
        """Send a command to all workers that run."""
        for index in range(len(self._handles)):
            self.send(index, command)

    def stop(self) -> None:
        """Have all workers stop, and end the waits for what is limited."""
        self._limiter.stop()
        self.send_all(Stop())

    def replace_credentials(self, side: Side, credentials: Credentials | None) -> None:
        """Use other credentials for one side in all workers, present and future.

        None: there are no others, so that the requests fail that wait for some.
        """
        if credentials is None:
            self.send_all(RefuseCredentials(side))
            return
        self._jobs = [job.with_credentials(side, credentials) for job in self._jobs]
        self.send_all(ReplaceCredentials(side, credentials))

    def watch(self, generations: Sequence[int]) -> list[str]:
        """Return warnings about workers whose heartbeats stop or come back.

        The loss of a worker that is silent for too long is posted, with its generation.
        """
        heartbeats = {
            (index, generations[index]): worker.heartbeats
            for index, worker in enumerate(self._handles)
            if worker is not None and worker.name
        }
        lines = []
        for (index, generation), sign in self._watch.look(heartbeats):
            worker = self._handles[index]
            if worker is None:
                continue
            line = describe_change(worker.name, sign, self._limits)
            if sign is HeartbeatChange.DEAD:
                worker.kill()
                self._handles[index] = None
                self._post(WorkerLost(index, generation, line, silent=True))
            else:
                lines.append(line)
        return lines

    def kill(self) -> None:
        """End all workers at once; their events have been posted when this returns."""
        running = self._take_all()
        for worker in running:
            worker.kill()
        for worker in running:
            worker.close(time.monotonic())

    def close(self) -> None:
        """Let all workers finish their tasks and end; kill those that do not in time."""
        running = self._take_all()
        for worker in running:
            worker.end()
        deadline = time.monotonic() + self._limits.close
        for worker in running:
            worker.close(deadline)
        self._limiter.close()

    def _take_all(self) -> list[WorkerHandle]:
        running = [worker for worker in self._handles if worker is not None]
        self._handles = [None] * len(self._handles)
        return running


def _command_of(message: AllTerms | Units) -> Command:
    """Return the command that hands a message of the limiter to a worker."""
    return Grant(message) if isinstance(message, Units) else SetTerms(message)
