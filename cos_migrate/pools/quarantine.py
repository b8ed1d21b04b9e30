"""Finds the task that ends worker processes, so that no other task fails with it.

A task that was in one process that ended is sent again like any other. After two such losses it is
sent to a process that has nothing else. Only a task that ends its process repeatedly while it is
alone there is given up.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import NamedTuple

_LOSSES = 2
"""Losses of a task among others before it is sent alone."""
_ALONE = 10
"""Losses of a task that was alone before it is given up. High on purpose: an operator may be
killing workers by hand, and a new process costs a fraction of a second."""


class LossVerdict(NamedTuple):
    """Decision about the tasks of a process that ended, by their numbers."""

    apart: list[int]
    """To send again one at a time, to a process that has nothing else."""
    guilty: list[int]
    """To give up. All others are sent again as usual."""


class Quarantine:
    """Counts how often tasks were lost with their process, to isolate those that may end it."""

    def __init__(self) -> None:
        self._losses: collections.Counter[int] = collections.Counter()
        self._alone: collections.Counter[int] = collections.Counter()

    def __bool__(self) -> bool:
        return bool(self._losses or self._alone)

    def judge(self, numbers: Iterable[int]) -> LossVerdict:
        """Decide about the tasks that one process had when it ended."""
        verdict = LossVerdict([], [])
        tasks = sorted(numbers)  # in the order in which they were begun
        if len(tasks) == 1:
            self._alone[tasks[0]] += 1
            guilty = self._alone[tasks[0]] >= _ALONE
            (verdict.guilty if guilty else verdict.apart).append(tasks[0])
            return verdict
        for number in tasks:
            self._losses[number] += 1
            if self._losses[number] >= _LOSSES:
                verdict.apart.append(number)
        return verdict

    def forget(self, number: int) -> None:
        """Forget a task that has its result."""
        self._losses.pop(number, None)
        self._alone.pop(number, None)
