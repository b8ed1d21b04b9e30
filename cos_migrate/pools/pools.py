"""The small-file and big-file pools: threads spread over worker processes, fed in batches.

A process that ends, or sends no heartbeat for long, is replaced and its tasks are sent again;
`quarantine` decides which of them alone, and which one fails.
"""

from __future__ import annotations

import time

from cos_migrate.model import Failure
from cos_migrate.pools.job import Job
from cos_migrate.pools.limiter import Limiter
from cos_migrate.pools.quarantine import Quarantine
from cos_migrate.pools.results import FAILED, INTERIM, OF_NO_TASK, UNSTARTED, Result
from cos_migrate.pools.tasks import SMALL_KINDS, NumberedTask
from cos_migrate.pools.worker.commands import Submit
from cos_migrate.pools.worker_handles import Post, WorkerLost, WorkerResults
from cos_migrate.pools.worker_team import Launch, WorkerTeam
from cos_migrate.processes.liveness import DEFAULT_WAIT_LIMITS, WaitLimits

_ENDS_NO_TASK = INTERIM | OF_NO_TASK


class Pools(WorkerTeam):
    """All workers of a run."""

    def __init__(
        self,
        job: Job,
        processes: int,
        post: Post,
        launch: Launch,
        limits: WaitLimits = DEFAULT_WAIT_LIMITS,
        limiter: Limiter | None = None,
    ) -> None:
        """Start nothing yet.

        `job` holds the totals of transfers and memory, divided among `processes` (0: threads of
        this process). `post` is called from other threads with the events of the workers. `launch`
        returns a worker process. `limiter` divides among the workers what is limited.
        """
        super().__init__(job, processes, post, launch, limits, limiter)
        self._tasks: dict[int, tuple[int, int, NumberedTask, str]] = {}
        self._quarantine = Quarantine()
        self.most_transfers = (job.small_transfers, job.big_transfers)
        """Small and big transfers at once at most, over all workers."""
        self._stopped = False
        self._limits = limits
        self._give_up_at = float("inf")

    @property
    def under_way(self) -> int:
        """Tasks submitted and not collected."""
        return len(self._tasks)

    def room(self, *, big: bool, group: str = "") -> int:
        """Return how many more tasks can be submitted to a pool now.

        `group`: of tasks that all go to one worker; empty: none.
        """
        return self._balancer.room(big=big, group=group)

    def submit(self, task: NumberedTask, group: str = "") -> None:
        """Put a task into the outbox of the worker with the most room.

        All tasks of a group go to one worker; empty: it belongs to none.
        """
        number, kind, _ = task
        big = int(kind not in SMALL_KINDS)
        index = self._balancer.choose(big, group)
        load = self._loads[index]
        load.given[big] += 1
        load.outbox.append(task)
        self._tasks[number] = (index, big, task, group)

    def flush(self) -> None:
        """Send the tasks that `submit` has gathered."""
        self._balancer.end_batch()
        for index, load in enumerate(self._loads):
            if load.outbox and not load.has_quarantined:
                self.start()
                if self._workers.runs(index):  # else it is posted as lost
                    self._workers.send(index, Submit(load.outbox))
                    load.outbox = []

    def collect(self, event: WorkerResults) -> list[Result]:
        """Collect results; return them without those of tasks that were sent to another worker."""
        load = self._loads[event.worker]
        settled, small = [], 0
        for result in event.results:
            number, kind, _ = result
            known = self._tasks.get(number)
            if kind in _ENDS_NO_TASK:
                if known or kind in OF_NO_TASK:
                    settled.append(result)
                continue
            if known is None:
                continue
            worker, big, _, _ = known
            if worker != event.worker:
                continue
            del self._tasks[number]
            load.given[big] -= 1
            small += not big
            settled.append(result)
            if self._quarantine:
                self._quarantine.forget(number)
        load.measure(small)
        if load.has_quarantined and load.alone not in self._tasks:
            self._send_quarantined(event.worker)
            self.flush()
        return settled

    def replace_worker(self, event: WorkerLost) -> list[Result]:
        """Start a worker in the place of a lost one, and send its tasks again.

        Return the results of tasks that are not: they are given up, or the run is stopping.
        """
        load = self._loads[event.worker]
        if event.generation != load.generation:
            return []
        self._balancer.end_batch()
        load.generation += 1
        held = [number for number, _, _ in load.quarantined]
        unsent = (*held, *(number for number, _, _ in load.outbox))
        had = {number for number, (worker, *_) in self._tasks.items() if worker == event.worker}
        load.clear()
        if self._stopped:
            self._workers.forget(event.worker)
            return [self._not_begun(number) for number in had]
        apart, guilty = self._quarantine.judge(had.difference(unsent))
        given_up = [self._give_up(number, event.reason) for number in guilty]
        if not guilty:  # else the others are cleared
            apart += held
        self._start_worker(event.worker)
        place = self._place_of_quarantined(event.worker)
        for number in apart:
            _, big, task, group = self._tasks[number]
            self._tasks[number] = (place, big, task, group)
            self._loads[place].given[big] += 1
            self._loads[place].quarantined.append(task)
        for number in sorted(had.difference(apart, guilty)):
            _, _, task, group = self._tasks.pop(number)
            self.submit(task, group)
        self._send_quarantined(place)
        self.flush()
        return given_up

    def _place_of_quarantined(self, lost: int) -> int:
        """Return the worker that gets the quarantined tasks of a lost one: its successor."""
        return lost

    def _not_begun(self, number: int) -> Result:
        del self._tasks[number]
        return (number, UNSTARTED, None)

    def _give_up(self, number: int, reason: str) -> Result:
        del self._tasks[number]
        self._quarantine.forget(number)
        text = f"each worker process that had this task, and nothing else, ended ({reason})"
        return (number, FAILED, Failure("worker", text, code="WorkerLost"))

    def _send_quarantined(self, index: int) -> None:
        """Send the next quarantined task of a worker that has no other."""
        load = self._loads[index]
        load.alone = 0
        if load.quarantined and not load.under_way and self._workers.runs(index):
            task = load.quarantined.popleft()
            load.alone, _, _ = task
            self._workers.send(index, Submit([task]))

    def recall(self) -> None:
        """Recall all tasks that are not begun; their results are UNSTARTED."""
        for index in range(len(self._loads)):
            self._recall_of(index)

    def stop(self) -> None:
        """Begin nothing new and retry nothing.

        Tasks in flight have a limit from now on, see `overdue`.
        """
        self._stopped = True
        self._give_up_at = time.monotonic() + self._limits.stop
        self._workers.stop()
        self.recall()

    def watch(self) -> list[str]:
        """Return warnings about workers whose heartbeats stop or come back.

        The loss of a worker that is silent for too long is posted.
        """
        return self._workers.watch([load.generation for load in self._loads])

    @property
    def overdue(self) -> bool:
        """Whether the limit for tasks in flight at a stop has passed."""
        return bool(self._tasks) and time.monotonic() >= self._give_up_at

    def kill(self) -> None:
        """End all workers at once; everything they sent has been posted when this returns."""
        self._workers.kill()

    def take_back(self) -> list[Result]:
        """Take back all tasks under way; return each as UNSTARTED."""
        for load in self._loads:
            load.clear()
        return [self._not_begun(number) for number in list(self._tasks)]

    def abandon(self) -> None:
        """Drop all tasks of the pools: their workers are gone or of no use."""
        self._tasks.clear()
        for load in self._loads:
            load.clear()

    def close(self) -> None:
        """Let all workers finish their tasks and end; kill those that do not in time."""
        self._workers.close()
