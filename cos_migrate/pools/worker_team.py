"""The workers of a run: those in use share all transfers and the memory for object data."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from cos_migrate.errors import Side
from cos_migrate.model import Credentials
from cos_migrate.pools.division import Division
from cos_migrate.pools.job import Job, share_of
from cos_migrate.pools.limiter import Limiter
from cos_migrate.pools.load_balancer import LoadBalancer
from cos_migrate.pools.results import UNSTARTED, Result
from cos_migrate.pools.worker.commands import CloseIdle, OpenAhead, Recall
from cos_migrate.pools.worker_handles import Post, WorkerResults
from cos_migrate.pools.worker_load import WorkerLoad
from cos_migrate.pools.workers import Workers
from cos_migrate.processes.liveness import WaitLimits

Launch = Callable[[], subprocess.Popen[bytes]]
"""Returns a worker process."""


class WorkerTeam:
    """Workers, all of them in use unless `use_workers` says otherwise."""

    def __init__(
        self,
        job: Job,
        processes: int,
        post: Post,
        launch: Launch,
        limits: WaitLimits,
        limiter: Limiter | None,
    ) -> None:
        """As `Pools`."""
        self._post = post
        count = max(1, min(processes, max(job.small_transfers, job.big_transfers)))
        jobs = [job.share(index, count) for index in range(count)]
        self._loads = [WorkerLoad(each) for each in jobs]
        self._workers = Workers(jobs, post, launch if processes else None, limits, limiter)
        self._balancer = LoadBalancer(self._loads)
        self._division = Division(job, count)
        self._started = False
        self._begun: set[int] = set()
        """Workers that were started."""

    @property
    def workers(self) -> int:
        """How many workers there are, in use or not."""
        return len(self._workers)

    @property
    def workers_in_use(self) -> int:
        """How many workers are given tasks."""
        return self._division.in_use

    def transfers_allowed(self, *, big: bool) -> int:
        """Return how many transfers of a pool may be made at once now, over all workers."""
        return sum(load.allowed[big] for load in self._loads)

    def count_tasks(self, *, big: bool) -> int:
        """Return how many tasks of a pool the workers have."""
        return sum(load.given[big] for load in self._loads)

    def start(self) -> None:
        """Start the workers in use, if they are not running."""
        if not self._started:
            self._started = True
            self._start_those_in_use()

    def _start_those_in_use(self) -> None:
        for index in range(self._division.in_use):
            if index not in self._begun:
                self._begun.add(index)
                self._start_worker(index)

    def allow_transfers(self, small: int, big: int) -> None:
        """Let at most `small` and `big` transfers be made at once, over all workers in use."""
        self._division.allow(small, big)
        self._send_shares()

    def use_workers(self, count: int) -> None:
        """Give tasks to `count` workers; the others are started when they are needed.

        A worker that is not used any more gives back what it has not begun, and the next tasks of
        its groups go to another.
        """
        self._division.use(count)
        self._send_shares()
        for index in range(self.workers_in_use, len(self._loads)):
            self._balancer.forget(index)
            self._recall_of(index)
            self._workers.send(index, CloseIdle())

    def _send_shares(self) -> None:
        for index, load in enumerate(self._loads):
            load.allow(self._division.share(index))
            self._workers.send(index, load.allowed)
        if self._started:
            self._start_those_in_use()

    def close_idle(self) -> None:
        """Close the connections that wait for a task, so that others can be opened."""
        self._workers.send_all(CloseIdle())

    def open_ahead(self, connections: int) -> None:
        """Open connections for small objects, before their tasks arrive, divided among workers."""
        self.start()
        count = self.workers_in_use
        for index in range(count):
            self._workers.send(index, OpenAhead(share_of(connections, index, count)))

    def replace_credentials(self, side: Side, credentials: Credentials | None) -> None:
        """Use other credentials in all workers; None: there are none for requests that wait."""
        self._workers.replace_credentials(side, credentials)

    def _recall_of(self, index: int) -> None:
        self._workers.send(index, Recall())
        load = self._loads[index]
        unsent: list[Result] = [
            (number, UNSTARTED, None) for number, _, _ in (*load.quarantined, *load.outbox)
        ]
        load.quarantined.clear()
        load.outbox = []
        if unsent:
            self._post(WorkerResults(index, unsent))

    def _start_worker(self, index: int) -> None:
        load = self._loads[index]
        self._workers.start(index, load.generation)
        if load.allowed != load.first:
            self._workers.send(index, load.allowed)
