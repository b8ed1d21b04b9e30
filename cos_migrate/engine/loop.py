"""The base of all passes: one thread that collects events and results, and submits tasks.

It handles lost workers, signals, slow-downs, expired credentials and the time window. Subclasses
decide what to submit.
"""

from __future__ import annotations

import abc
import contextlib
import queue
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from cos_migrate.config.live import LiveConfig, LiveValues
from cos_migrate.engine.admission import Admission
from cos_migrate.engine.chores import Chores
from cos_migrate.engine.credential_keeper import CredentialKeeper
from cos_migrate.engine.limits import RunLimits
from cos_migrate.engine.probes import Begun, Known, Probes, nothing_known
from cos_migrate.engine.spot_check import SpotCheckMaker, SpotCheckResult, reason_to_stop
from cos_migrate.engine.streak import FailureStreak
from cos_migrate.engine.task_table import TaskTable
from cos_migrate.engine.throttle import RequestRates
from cos_migrate.engine.tuning import NO_AUTO_POOLS, AutoPools, Tuning
from cos_migrate.engine.window_watch import WindowWatch
from cos_migrate.errors import Side, StateError
from cos_migrate.exit_codes import UNUSABLE
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.results import (
    CREDENTIALS_ENDED,
    INTERIM,
    OF_NO_TASK,
    REQUEST,
    SLOW_DOWN,
    Content,
    CredentialsEnded,
    Requested,
    Result,
)
from cos_migrate.pools.worker_handles import PoolsNews, Post, WorkerLost, WorkerResults
from cos_migrate.report.report import Report
from cos_migrate.report.summary import Summary
from cos_migrate.report.totals import PoolUse
from cos_migrate.sources.base import Source
from cos_migrate.state.store import RecordStore
from cos_migrate.text import printable

PoolsMaker = Callable[[Post], Pools]
"""Makes the pools, given the function to post results with."""


class PassParts(NamedTuple):
    """What a run shares with all its passes: source, records, report, pools, limits."""

    window: WindowWatch
    credentials: CredentialKeeper
    source: Source
    state: RecordStore
    report: Report
    make_pools: PoolsMaker
    auto: AutoPools = NO_AUTO_POOLS
    limits: RunLimits | None = None
    """None: there is no limit."""


_TICK = 0.1
_EVENTS_AT_ONCE = 64
"""Events that are handled before outcomes are committed, and signals looked at: a quick scan fills
the inbox as fast as it is emptied."""
_WAIT = 0.05
"""Seconds; the longest wait for an event."""
_TICK_PACED = 0.01
"""Seconds between two looks at a limited rate: what may be sent meanwhile is a small burst."""
_LOST_MOST = 32
_LOST_MOST_EACH = 3
"""Worker processes that may end before any gives a result: in all, and added for each worker."""


class Loop(abc.ABC):
    """A pass that uses the pools; one thread calls all its methods but `interrupt`."""

    def __init__(self, parts: PassParts) -> None:
        self._limits = parts.limits or RunLimits(LiveConfig(LiveValues()))
        self._window = parts.window
        self._credentials = parts.credentials
        self._source = parts.source
        self._state = parts.state
        self._report = parts.report
        self._inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._pools = parts.make_pools(self._inbox.put)
        self._credentials.begin(lambda: self._inbox.put(None))
        self._tuning = Tuning(self._pools, parts.auto)
        self._streak = FailureStreak()
        self._tasks = TaskTable(self._pools)
        self._chores = Chores(self._tasks)
        self._rates = RequestRates()
        self._lost_in_row = 0
        self._stopping = False
        self._ended_by = 0
        """Exit code of the signal that interrupted the pass; 0: none did."""
        self._next_clock = 0.0
        self._spot_check_results: list[SpotCheckResult] = []

    def _make_probes(self, known: Known = nothing_known, begun: Begun | None = None) -> Probes:
        """Return the probes of this pass, which end it where they fail; arguments as `Probes`."""
        root = self._source.target.cos_path
        return Probes(self._streak, self._chores, root, stop=self._stop, known=known, begun=begun)

    def _make_admission(self, probes: Probes) -> Admission:
        """Return the room for tasks of this pass."""
        pools, tasks, streak, rates = self._pools, self._tasks, self._streak, self._rates
        return Admission(pools=pools, tasks=tasks, streak=streak, probes=probes, rates=rates)

    def interrupt(self, exit_code: int) -> None:
        """End the pass early, keeping what is done; may be called from a signal handler."""
        self._ended_by = exit_code
        self._inbox.put(None)

    def run(self, before_end: Callable[[bool], int] = lambda _: 0) -> Summary:
        """Do the whole pass, report its end, and return what happened. Raises StateError."""
        # Before the end is reported `before_end` is called; it returns the code of a signal, or 0.
        try:
            complete = self.work()
            self._ended_by = before_end(complete) or self._ended_by
        except StateError:
            code, tuned = self._ended_by or UNUSABLE, self._tuning.used()
            self._report.end_run(list_finished=False, ended_by=code, tuned=tuned)
            raise
        tuned = self._tuning.used()
        return self._report.end_run(list_finished=complete, ended_by=self._ended_by, tuned=tuned)

    def work(self) -> bool:
        """Do the whole pass; return whether it is complete. Raises StateError."""
        try:
            self._limits.begin(self._report)
            self._begin()
            while not self._is_over():
                self._handle_events()
                self._watch_clock()
                self._submit_tasks()
                self._commit()
            self._finish()
        except StateError:
            # Tasks that ended since the last commit are not recorded: the next run repeats them.
            self._stop("")
            raise
        finally:
            self._close()
            self._pools.close()
        return self._is_complete()

    def _begin(self) -> None:  # noqa: B027 - a pass may have nothing to prepare
        """Start to look for work."""

    @abc.abstractmethod
    def _is_over(self) -> bool:
        """Return whether all work is done, or the pass is stopping and has no task under way."""

    @abc.abstractmethod
    def _submit_tasks(self) -> None:
        """Submit as many tasks as the pools accept."""

    @abc.abstractmethod
    def _commit(self) -> None:
        """Report the outcomes since the last call. Raises StateError."""

    def _finish(self) -> None:  # noqa: B027 - as above
        """Do what remains when all tasks have ended. Raises StateError."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Close what the pass uses besides the pools."""

    @abc.abstractmethod
    def _is_complete(self) -> bool:
        """Return whether the pass has found and settled everything that it was to look at."""

    def _handle_scan_event(self, event: object) -> None:  # noqa: B027 - as above
        """Handle an event of the scan; a pass over records has none."""

    def _tick(self) -> None:  # noqa: B027 - as above
        """Do periodic work; called some times a second."""

    def _on_stop(self) -> None:  # noqa: B027 - as above
        """End the scan; called once, when the pass begins to stop."""

    def _handle_events(self) -> None:
        """Handle some events in the inbox; wait a moment for the first."""
        try:
            event = self._inbox.get(timeout=_TICK_PACED if self._rates.are_limited else _WAIT)
            for _ in range(_EVENTS_AT_ONCE):
                self._handle_event(event)
                event = self._inbox.get_nowait()
            self._handle_event(event)
        except queue.Empty:
            pass

    def _handle_event(self, event: object) -> None:
        if isinstance(event, WorkerResults):
            self._lost_in_row = 0
            before = self._pools.under_way
            settled = self._pools.collect(event)
            ended = before - self._pools.under_way
            self._rates.count(time.monotonic(), ended)
            self._tuning.note_ended(ended)
            for result in settled:
                self._collect_result(result)
        elif isinstance(event, WorkerLost):
            self._replace_worker(event)
        elif isinstance(event, SpotCheckResult):
            self._spot_check_results.append(event)
        elif isinstance(event, PoolsNews):
            _heed(event, self._report, self._stop)
        elif event is not None:
            self._handle_scan_event(event)
        elif self._ended_by:
            self._stop("")
        else:
            self._next_clock = 0.0  # there is news of credentials

    def _replace_worker(self, event: WorkerLost) -> None:
        self._lost_in_row += 1
        replaced = f"a worker process was replaced ({event.reason})"
        ended = f"a worker process ended by itself ({event.reason})"
        self._report.warn(replaced if event.silent else ended)
        if self._lost_in_row >= _LOST_MOST + _LOST_MOST_EACH * self._pools.workers:
            self._pools.abandon()
            self._stop(f"the worker processes cannot work: {event.reason}")
            return
        for result in self._pools.replace_worker(event):
            self._collect_result(result)

    def _collect_result(self, result: Result) -> None:
        number, kind, content = result
        if kind in OF_NO_TASK:
            self._note_of_worker(kind, content)
            return
        tasks = self._tasks.under_way
        task, subject, collect = tasks[number]
        if kind not in INTERIM:
            del tasks[number]
        collect(subject, task, kind, content)

    def _note_of_worker(self, kind: int, content: Content) -> None:
        """Note what a worker reports beside its tasks."""
        if kind == SLOW_DOWN:
            if line := self._rates.slow_down(cast("Side", content), time.monotonic()):
                self._report.note(line)
        elif kind == CREDENTIALS_ENDED:
            self._credentials.ask(*cast("CredentialsEnded", content))
            self._next_clock = 0.0
        elif kind == REQUEST:
            self._report.totals.note_request(*cast("Requested", content))
        else:
            self._tuning.note(kind, content)

    def _stop(self, reason: str) -> None:
        """Submit nothing more; tasks in flight are finished and recorded."""
        if self._stopping:
            return
        self._stopping = True
        if reason:
            self._report.error(f"the run stops: {printable(reason)}")
        self._pools.stop()
        self._on_stop()

    def _end_overdue(self) -> None:
        """Give up the tasks still in flight after a stop; results that have arrived count."""
        self._report.warn(
            f"{self._pools.under_way} requests in flight took too long to end and are given up; "
            "the next run sends again what they were to send"
        )
        self._pools.kill()
        with contextlib.suppress(queue.Empty):
            while True:
                self._handle_event(self._inbox.get_nowait())
        for result in self._pools.take_back():
            self._collect_result(result)

    def _spot_check(self, make: SpotCheckMaker, paths: Sequence[str]) -> tuple[str, ...]:
        """Ask COS for recorded objects; return their paths if it has none of them.

        Stops the pass where the answer shows that no object can be sent.
        """
        check = make(paths, self._inbox.put)
        check.start()
        while not self._spot_check_results and not self._stopping:
            self._handle_events()
            self._watch_clock()
        check.stop()
        spotted = self._spot_check_results.pop() if self._spot_check_results else SpotCheckResult()
        if spotted.failure:
            self._stop(reason_to_stop(spotted.failure))
        return spotted.missing

    def _watch_clock(self) -> None:
        now = time.monotonic()
        if now >= self._tuning.next_adjustment:
            for line in self._tuning.adjust(now, is_paced=self._limits.hold_back(self._rates)):
                self._report.note(line)
        if now < self._next_clock:
            return
        self._next_clock = now + _TICK
        self._rates.grow(now)
        self._credentials.look(self._pools, self._report)
        for line in self._pools.watch():
            self._report.warn(line)
        if self._pools.overdue:
            self._end_overdue()
        totals = self._report.totals
        totals.note_granted(self._limits.limiter.bytes_granted)
        self._tick()
        totals.waiting = self._window.waiting or self._rates.limits_in_words() or totals.restoring
        totals.small_pool = _pool_use(self._pools, big=False)
        totals.big_pool = _pool_use(self._pools, big=True)
        self._report.show_progress()
        local = time.localtime()
        self._limits.look(now, local, self._report, self._tuning)
        for line in self._window.pause_lines():
            self._report.notice(line)
        if self._window.closes(now, local):
            self._pools.recall()
        if not self._stopping:
            for line in self._window.wait_lines(now, local):
                self._report.announce(line)


def _heed(news: PoolsNews, report: Report, stop: Callable[[str], None]) -> None:
    """Report and do what pools have to say."""
    if news.warning:
        report.warn(news.warning)
    if news.act:
        news.act()
    if news.end:
        stop(news.end)


def _pool_use(pools: Pools, *, big: bool) -> PoolUse:
    limit = pools.transfers_allowed(big=big)
    return PoolUse(min(limit, pools.count_tasks(big=big)), limit)
