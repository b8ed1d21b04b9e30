"""The pools of a run whose workers are on a Dask cluster: they come and go.

A place belongs to one worker at a time. The tasks of a worker that is lost or leaves go to the
others; without any they wait in the first place for the next worker.
"""

from __future__ import annotations

from typing import NoReturn

from cos_migrate.errors import Side
from cos_migrate.model import Credentials
from cos_migrate.pools.cluster.channel import ClusterChannel, Seat
from cos_migrate.pools.cluster.checks import ChecksMaker
from cos_migrate.pools.cluster.members import Members, PassOrder, Place
from cos_migrate.pools.division import Division
from cos_migrate.pools.job import Job
from cos_migrate.pools.limiter import Limiter
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.worker.commands import ReplaceCredentials
from cos_migrate.pools.worker_handles import Post
from cos_migrate.pools.worker_load import WorkerLoad
from cos_migrate.processes.liveness import WaitLimits

_EACH = (1024, 64)
"""Transfers of the small and of the big pool that one worker makes at most."""


class ClusterPools(Pools):
    """Pools over the workers of a cluster."""

    def __init__(
        self,
        job: Job,
        place: Place,
        checks: ChecksMaker,
        post: Post,
        limits: WaitLimits,
        limiter: Limiter,
    ) -> None:
        """As `Pools`; `checks` returns what each worker has to prove."""
        super().__init__(job, 0, post, _launch_nothing, limits, limiter)
        self._total = job
        self._division = Division(job, 1, _EACH)
        self._division.note_presence(0, is_there=False)
        self._replaced: dict[Side, Credentials] = {}
        self._members = Members(place, PassOrder(self._workers.job, checks, post, self.seat))

    def replace_credentials(self, side: Side, credentials: Credentials | None) -> None:
        """Use other credentials in all workers; None: there are none for requests that wait."""
        super().replace_credentials(side, credentials)
        if credentials:
            self._replaced[side] = credentials

    def start(self) -> None:
        """Do nothing: workers are looked for, and tried, when there is a task for them."""

    def flush(self) -> None:
        """Send the tasks that `submit` has gathered; those for no worker wait for one."""
        if not self._started and any(load.outbox for load in self._loads):
            self._started = True
            self._members.begin()
        super().flush()

    def open_ahead(self, connections: int) -> None:
        """Do nothing: workers connect when they have tasks."""

    def use_workers(self, count: int) -> None:
        """Do nothing: all workers of the cluster are in use."""

    def seat(self, worker: ClusterChannel) -> None:
        """Use a worker from now on."""
        if self._stopped:
            worker.kill()
            return
        index = self._division.vacant()
        if index < 0:
            index = self._add_place()
        load = self._loads[index]
        self._division.note_presence(index, is_there=True)
        generation = load.generation
        asked = self._workers.asked(index, generation)
        worker.take_seat(Seat(index, generation, self._post, asked))
        self._workers.seat(index, generation, worker)
        for side, credentials in self._replaced.items():
            worker.send(ReplaceCredentials(side, credentials))
        self._send_shares()
        self._send_quarantined(index)
        self.flush()

    def _add_place(self) -> int:
        job = self._total.share(0, 1)
        self._workers.add(job)
        self._loads.append(WorkerLoad(job))
        self._division.grow()
        return len(self._loads) - 1

    def _start_those_in_use(self) -> None:
        """Do nothing: workers are taken as they come."""

    def _start_worker(self, index: int) -> None:
        """Leave a place to the next worker; its share goes to the others."""
        self._workers.forget(index)
        self._division.note_presence(index, is_there=False)
        self._balancer.forget(index)
        self._send_shares()

    def _place_of_quarantined(self, lost: int) -> int:
        running = [each for each in range(len(self._loads)) if self._workers.runs(each)]
        return min(running, key=lambda each: sum(self._loads[each].given), default=lost)

    def close(self) -> None:
        """Let all workers finish their tasks and end; kill those that do not in time."""
        super().close()
        self._members.close()


def _launch_nothing() -> NoReturn:
    """Raise OSError: workers of a cluster are not started here."""
    raise OSError("workers of a cluster are not started here")
