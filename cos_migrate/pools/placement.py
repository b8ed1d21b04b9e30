"""Chooses the worker of each task, by the load of the workers."""

from __future__ import annotations

from cos_migrate.pools.loads import Load

_ROWS = 8
"""Small tasks go out in runs, each an eighth of the free room of a worker."""
_REMEMBERED_MOST = 256
"""Remembered workers of grouped tasks: more groups than are under way at once."""


class Placement:
    """The choice among the workers of a run."""

    def __init__(self, loads: list[Load]) -> None:
        self._loads = loads
        self._together: dict[str, int] = {}
        self._preferred = self._in_row = 0

    def room(self, *, big: bool, together: str = "") -> int:
        """Return how many more tasks of a pool the workers take.

        `together`: the name under which tasks are to be in one worker.
        """
        chosen = self._together.get(together)
        if chosen is not None:
            return max(0, self._loads[chosen].room(big))
        return sum(max(0, load.room(big)) for load in self._loads)

    def choose(self, big: int, together: str) -> int:
        """Return the worker for the next task; tasks with the same name `together` share one.

        Several small tasks in a row go to the same worker.
        """
        if together:
            chosen = self._together.get(together)
            if chosen is None:
                chosen = self._together[together] = self._fittest(big)
                if len(self._together) > _REMEMBERED_MOST:
                    del self._together[next(iter(self._together))]
            return chosen
        if big:
            return self._fittest(big)
        if self._in_row:
            self._in_row -= 1
        else:
            self._preferred = self._fittest(big)
            self._in_row = max(0, self._loads[self._preferred].room(big)) // _ROWS
        return self._preferred

    def end_row(self) -> None:
        """Let the next small task go to the worker with the most room."""
        self._in_row = 0

    def _fittest(self, big: int) -> int:
        # The tasks of a lost worker need one that has threads, with room or without.
        useful = [each for each, load in enumerate(self._loads) if load.threads[big]]
        return max(useful, key=lambda each: self._loads[each].fitness(big))
