"""Chooses the worker of each task, by the load of the workers."""

from __future__ import annotations

from cos_migrate.pools.worker_load import WorkerLoad

_BATCHES = 8
"""Small tasks go out in batches, each an eighth of the free room of a worker."""
_GROUPS_MOST = 256
"""Groups whose worker is remembered: more than are under way at once."""


class LoadBalancer:
    """Chooses the worker of each task, and knows how many more tasks all workers take."""

    def __init__(self, loads: list[WorkerLoad]) -> None:
        self._loads = loads
        self._worker_of: dict[str, int] = {}
        """The worker of each group."""
        self._preferred = self._batch_left = 0

    def room(self, *, big: bool, group: str = "") -> int:
        """Return how many more tasks of a pool the workers take.

        `group`: of tasks that all go to one worker; empty: none.
        """
        chosen = self._worker_of.get(group)
        if chosen is not None:
            return max(0, self._loads[chosen].room(big))
        return sum(max(0, load.room(big)) for load in self._loads)

    def choose(self, big: int, group: str) -> int:
        """Return the worker for the next task; all tasks of a group go to one.

        A batch of small tasks goes to the same worker.
        """
        if group:
            chosen = self._worker_of.get(group)
            if chosen is None:
                chosen = self._worker_of[group] = self._fittest(big)
                if len(self._worker_of) > _GROUPS_MOST:
                    del self._worker_of[next(iter(self._worker_of))]
            return chosen
        if big:
            return self._fittest(big)
        if self._batch_left:
            self._batch_left -= 1
        else:
            self._preferred = self._fittest(big)
            self._batch_left = max(0, self._loads[self._preferred].room(big)) // _BATCHES
        return self._preferred

    def forget(self, worker: int) -> None:
        """Let the groups of a worker go to others."""
        self._worker_of = {
            group: chosen for group, chosen in self._worker_of.items() if chosen != worker
        }

    def end_batch(self) -> None:
        """Let the next small task go to the worker with the most room."""
        self._batch_left = 0

    def _fittest(self, big: int) -> int:
        # The tasks of a lost worker need one that makes such transfers, with room or without.
        numbered = list(enumerate(self._loads))
        useful = [each for each, load in numbered if load.allowed[big]]
        useful = useful or [each for each, load in numbered if load.most[big]]
        return max(useful, key=lambda each: self._loads[each].fitness(big))
