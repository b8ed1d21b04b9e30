"""Finds the number of worker processes: one while it can wait for the network, more where it pays.

One process drives a thousand connections until it keeps a core busy. Each further one costs its
start and its own frames of results. Pure arithmetic over measurements: no clock, no processes.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from cos_migrate.engine.tuner import MeanThroughput

_BUSY = 0.85
"""Share of a core from which a process may be what holds transfers back."""
_ENOUGH = 0.6
"""Share of a core that the remaining processes may need when one is left out."""
_WINDOW = 0.1
"""Seconds; a measurement."""
_TASKS = 16
"""Tasks that a measurement needs."""
_SETTLE = 0.4
"""Seconds that a new process takes to get its share of the transfers, and perhaps to start."""
_TRIAL = 0.6
"""Seconds for which the work with more processes is measured."""
_CALM = 2.0
"""Seconds for which fewer processes must have been enough."""
_PAYS = 1.1
"""Gain of throughput for which more processes are kept."""
_REST = 5.0
"""Seconds behind a trial that did not pay; doubled by each."""
_REST_MOST = 80.0


class Work(NamedTuple):
    """What all worker processes did in a short time."""

    seconds: float
    ended: int
    """Tasks that ended."""
    size: int
    """Bytes that were moved."""
    busy: float
    """Seconds for which they were busy, in sum."""
    has_more: bool
    """Whether work waits for transfers to end, and nothing but the workers holds it back."""
    is_bound: bool
    """Whether objects under way are bound to the process that has them."""


class ProcessChange(NamedTuple):
    """A lasting change of the number of processes."""

    number: int
    reason: str


class _Phase(Enum):
    WATCHING = "watching"
    SETTLING = "settling"
    TRYING = "trying"


class ProcessTuner:
    """The number of worker processes in use."""

    def __init__(self, number: int, most: int) -> None:
        self.number = number
        """The number in use, also for a trial."""
        self._most = most
        self._before = number
        self._usual = MeanThroughput(0.0, 0.0)
        """Throughput with the processes before a trial."""
        self._rest = _REST
        self._rest_left = 0.0
        self._calm = 0.0
        self._enter(_Phase.WATCHING)

    def feed(self, work: Work) -> ProcessChange | None:
        """Take the next measurement; return the number if it changed for good.

        `number` also changes for a while, for trials.
        """
        self._rest_left -= work.seconds
        if not work.has_more:
            if self._phase is not _Phase.WATCHING and not work.is_bound:
                self.number = self._before
            self._enter(_Phase.WATCHING)
            return self._save(work, work.busy / work.seconds)
        self._seconds += work.seconds
        self._ended += work.ended
        self._size += work.size
        self._busy += work.busy
        if self._phase is _Phase.SETTLING:
            if self._seconds >= _SETTLE:
                self._enter(_Phase.TRYING)
        elif self._phase is _Phase.TRYING:
            if self._seconds >= _TRIAL and self._ended >= _TASKS:
                return self._judge_trial(is_bound=work.is_bound)
        elif self._seconds >= _WINDOW and self._ended >= _TASKS:
            return self._judge_window(work)
        return None

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._seconds = self._busy = 0.0
        self._ended = self._size = 0

    @property
    def _rates(self) -> MeanThroughput:
        return MeanThroughput(self._ended / self._seconds, self._size / self._seconds)

    def _judge_window(self, work: Work) -> ProcessChange | None:
        busy = self._busy / self._seconds
        rates = self._rates
        change = self._save(work._replace(seconds=self._seconds), busy)
        self._enter(_Phase.WATCHING)
        if change:
            return change
        if busy >= _BUSY * self.number and self.number < self._most and self._rest_left <= 0:
            self._before, self._usual = self.number, rates
            self.number = min(self._most, 2 * self.number)
            self._enter(_Phase.SETTLING)
        return None

    def _save(self, work: Work, busy: float) -> ProcessChange | None:
        """Leave a process out where the others have been enough for long."""
        if self.number == 1 or work.is_bound or busy > _ENOUGH * (self.number - 1):
            self._calm = 0.0
            return None
        self._calm += work.seconds
        if self._calm < _CALM:
            return None
        self._calm = 0.0
        self.number -= 1
        return ProcessChange(self.number, "they keep less than a core each busy")

    def _judge_trial(self, *, is_bound: bool) -> ProcessChange | None:
        gain = self._rates.gain_over(self._usual)[0]
        self._enter(_Phase.WATCHING)
        if gain >= _PAYS:
            self._rest = _REST
            return ProcessChange(self.number, f"{gain - 1:.0%} more than {self._before} gave")
        self._rest_left = self._rest
        self._rest = min(_REST_MOST, 2 * self._rest)
        if is_bound:
            return ProcessChange(
                self.number, "though they gave no more: big objects are bound to them"
            )
        self.number = self._before
        return None
