"""Which tasks may be what ends worker processes: one that is guilty is found, all others go on.

A process that ends takes everything with it that it had. What was there once is sent again like
anything else. What was there twice is done apart: nothing else is in its process meanwhile. Only
what ends its process again and again while it is alone there is given up.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import NamedTuple

_LOSSES = 2
"""Processes that ended while they had a task among others, before it is done apart."""
_ALONE = 10
"""Processes that ended while they had nothing but a task, before it is given up. So many, since
it may have been somebody who ended them, time and again; a new one costs a fraction of a
second."""


class Verdict(NamedTuple):
    """What becomes of the tasks that a process had when it ended, by their numbers."""

    apart: list[int]
    """To be sent again one at a time, to a process that has nothing else."""
    guilty: list[int]
    """To be given up. All others are sent again like anything else."""


class Quarantine:
    """What is known of the tasks that were in processes that ended."""

    def __init__(self) -> None:
        self._losses: collections.Counter[int] = collections.Counter()
        self._alone: collections.Counter[int] = collections.Counter()

    def __bool__(self) -> bool:
        return bool(self._losses or self._alone)

    def judge(self, numbers: Iterable[int]) -> Verdict:
        """Decide about the tasks that one process had been sent when it ended."""
        verdict = Verdict([], [])
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
        """Note that a task has its result."""
        self._losses.pop(number, None)
        self._alone.pop(number, None)
