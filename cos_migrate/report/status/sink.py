"""The sink that keeps the board of the status page up to date."""

from __future__ import annotations

from cos_migrate.model import Status
from cos_migrate.report.causes import Causes
from cos_migrate.report.history import Throughput, Totals
from cos_migrate.report.rates import Rates
from cos_migrate.report.sinks import Cause, Progress, RunEnd, RunStart, Sink
from cos_migrate.report.status.board import Board, Counters, RunView
from cos_migrate.report.totals import RunTotals

_REFRESH = 0.5
"""Seconds between two views of a run."""
_CHECKED = {Status.NEW: "check_ok", Status.FAIL: "check_fail"}


class StatusSink(Sink):
    """Shows one pass on the board."""

    def __init__(
        self, board: Board, totals: RunTotals, causes: Causes, *, reads_cloud: bool = False
    ) -> None:
        """`totals` and `causes` are those of the pass.

        `reads_cloud`: whether what is sent is read from a cloud source before.
        """
        self._board = board
        self._totals = totals
        self._causes = causes
        self._reads_cloud = reads_cloud
        self._began = board.monotonic()
        self._start: RunStart | None = None
        self._mode = ""
        self._rates = Rates()
        self._throughput = Throughput()
        self._next = float("-inf")
        self._bytes_sent = 0
        self._failed = 0
        self._shown_causes: list[Cause] = []

    def begin_run(self, start: RunStart) -> None:
        """Show a new run."""
        self._begin(start, start.mode)

    def begin_check(self, start: RunStart) -> None:
        """Show the comparison that follows a run."""
        self._begin(start, "check")

    def warn(self, line: str) -> None:
        """Show a warning."""
        self._board.warn(line)

    def warn_of_object(self, cos_path: str, text: str) -> None:
        """Do nothing: single objects would displace what concerns the whole run."""

    def error(self, line: str) -> None:
        """Show an error that concerns the whole run."""
        self._board.warn(line)

    def show_progress(self, progress: Progress) -> None:
        """Refresh the view of the run, twice a second."""
        now = self._board.monotonic()
        self._note(now, progress)
        if self._start and now >= self._next:
            self._next = now + _REFRESH
            self._board.show(self._view(self._start, now, progress))

    def end_run(self, end: RunEnd) -> None:
        """Show the last state, and that the run has ended."""
        if not self._start:
            return
        now = self._board.monotonic()
        self._note(now, end.progress)
        self._board.show(self._view(self._start, now, end.progress))
        self._board.end_run(end.summary)
        for line in (*end.gaps, *end.warnings):
            self._board.warn(line)
        self._start = None

    def _begin(self, start: RunStart, mode: str) -> None:
        self._start, self._mode = start, mode
        now = self._began = self._board.monotonic()
        progress = self._totals.progress()
        self._note(now, progress)
        self._board.begin_run(self._view(start, now, progress))

    def _note(self, now: float, progress: Progress) -> None:
        self._rates.note(now, progress)
        totals = Totals(progress.sent, progress.bytes_passed, progress.failed)
        self._throughput.note(now - self._began, totals)

    def _view(self, start: RunStart, now: float, progress: Progress) -> RunView:
        rates, throughput = self._rates, self._throughput
        return RunView(
            job=start.job,
            mode=self._mode,
            started=start.time,
            seconds=now - self._began,
            at=now,
            progress=progress,
            small_pool=self._totals.small_pool,
            big_pool=self._totals.big_pool,
            objects_rate=rates.sent,
            bytes_rate=rates.bytes_sent,
            seconds_left=rates.seconds_left(progress),
            seconds_each=throughput.seconds_each,
            rates=throughput.rates(),
            causes=self._look_at_causes(progress.failed),
            counters=self._counters(progress),
        )

    def _look_at_causes(self, failed: int) -> list[Cause]:
        if failed != self._failed:
            self._failed, self._shown_causes = failed, self._causes.causes()
        return self._shown_causes

    def _counters(self, progress: Progress) -> Counters:
        causes = self._look_at_causes(progress.failed)
        if self._mode == "run":
            # An upload that begins again takes its bytes back; a counter does not.
            self._bytes_sent = max(self._bytes_sent, progress.bytes_sent)
        return Counters(
            objects={self._outcome(status): self._totals.counts[status] for status in Status},
            failures={(str(each.status), each.code): each.objects for each in causes},
            requests=dict(self._totals.requests),
            bytes_sent=self._bytes_sent,
            bytes_read=self._bytes_sent if self._reads_cloud else 0,
        )

    def _outcome(self, status: Status) -> str:
        if self._mode == "check":
            return _CHECKED.get(status, f"check_{status.value.removeprefix('migrate_')}")
        name = status.value.removeprefix("migrate_")
        return name if self._mode == "run" else f"{self._mode}_{name}"
