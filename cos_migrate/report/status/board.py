"""The state of all runs of one start, as the status page shows it.

The coordinator replaces values as a whole, so that the threads of the server need no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from cos_migrate.report.history import Rate
from cos_migrate.report.sinks import Cause, Progress
from cos_migrate.report.summary import ReportedJob, Summary
from cos_migrate.report.totals import PoolUse
from cos_migrate.text import printable_lines

_WARNINGS_KEPT = 20
_RUNS_KEPT = 50

Label = TypeVar("Label", str, tuple[str, str])


class Counters(NamedTuple):
    """What runs have done: objects, failures, requests and bytes, which only grow."""

    objects: Mapping[str, int] = {}
    """Objects by outcome."""
    failures: Mapping[tuple[str, str], int] = {}
    """Failed objects by status and code of their cause."""
    requests: Mapping[tuple[str, str], int] = {}
    """Requests to COS by operation and status."""
    bytes_sent: int = 0
    bytes_read: int = 0
    """Object data that was read from a cloud source."""

    def plus(self, other: Counters) -> Counters:
        """Return the sums of these and other counters."""
        return Counters(
            _sums(self.objects, other.objects),
            _sums(self.failures, other.failures),
            _sums(self.requests, other.requests),
            self.bytes_sent + other.bytes_sent,
            self.bytes_read + other.bytes_read,
        )


def _sums(some: Mapping[Label, int], more: Mapping[Label, int]) -> Mapping[Label, int]:
    return {label: some.get(label, 0) + more.get(label, 0) for label in {**some, **more}}


class RunView(NamedTuple):
    """The state of the current run at one moment."""

    job: ReportedJob
    mode: str
    """`run`, `check` or `dry_run`."""
    started: float
    """Seconds since 1970."""
    seconds: float
    """Since its start."""
    at: float
    """Time of this view by the monotonic clock."""
    progress: Progress
    small_pool: PoolUse
    big_pool: PoolUse
    objects_rate: float
    """Objects sent a second."""
    bytes_rate: float
    """Bytes sent a second."""
    seconds_left: float | None
    """None: not known."""
    seconds_each: float
    """Length of an interval of `rates`."""
    rates: Sequence[Rate]
    causes: Sequence[Cause]
    """The causes of failures, the most frequent first."""
    counters: Counters


class TimedWarning(NamedTuple):
    """A warning or an error about a whole run."""

    time: float
    """Seconds since 1970."""
    text: str
    """Printable."""


class Board:
    """The state of all runs of one start for the status page, and whether it is paused."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.monotonic = monotonic
        self.started, self.began = clock(), monotonic()
        self.paused = False
        """Whether no new transfer may begin; set by the threads of the server."""
        self.ended: tuple[Summary, ...] = ()
        """The last runs that have ended, the newest at the end."""
        self.warnings: tuple[TimedWarning, ...] = ()
        """The last ones, the newest at the end."""
        self._now: tuple[Counters, RunView | None] = (Counters(), None)
        """What all earlier runs did, and the run that goes on: together, so that they fit."""

    @property
    def run(self) -> RunView | None:
        """The current run; None: there is none."""
        return self._now[1]

    @property
    def counters(self) -> Counters:
        """What all runs have done so far."""
        before, run = self._now
        return before.plus(run.counters) if run else before

    def show(self, run: RunView) -> None:
        """Replace the view of the current run."""
        self._now = (self._now[0], run)

    def begin_run(self, run: RunView) -> None:
        """Begin another run; one that broke off before stays counted."""
        self._now = (self.counters, run)

    def end_run(self, summary: Summary) -> None:
        """Keep the counts and the summary of the current run, which has ended."""
        self._now = (self.counters, None)
        self.ended = (*self.ended, summary)[-_RUNS_KEPT:]

    def warn(self, text: str) -> None:
        """Keep a warning."""
        warning = TimedWarning(self.clock(), printable_lines(text))
        self.warnings = (*self.warnings, warning)[-_WARNINGS_KEPT:]
