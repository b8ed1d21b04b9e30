"""Counts outcomes and passes them, with all messages, to every sink.

Each outcome is counted exactly once.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cos_migrate.model import Outcome, Status
from cos_migrate.report.causes import Causes, causes_table
from cos_migrate.report.comparison import Compared, ComparisonEnd, SamePaths
from cos_migrate.report.console import Console
from cos_migrate.report.deletion import DeletionEnd
from cos_migrate.report.heartbeat import Heartbeat
from cos_migrate.report.lists import FailureList, FinishedList, ResultFiles, UnverifiedList
from cos_migrate.report.logs import Logs
from cos_migrate.report.report_files import REPORT_FOLDER, ReportFiles
from cos_migrate.report.sinks import RunEnd, RunStart, Sink
from cos_migrate.report.summary import Estimate, ReportedJob, Summary, count_in_words
from cos_migrate.report.totals import RunTotals
from cos_migrate.safe_files import PUBLIC_FILE
from cos_migrate.text import printable_lines

if TYPE_CHECKING:
    from cos_migrate.report.status.board import Board


class Report:
    """The report of one run of one job."""

    def __init__(
        self,
        *,
        console: Console,
        logs: Logs,
        folder: Path,
        job: ReportedJob,
        finished_folder: str = "",
        log_skipped: bool = True,
        heartbeat: bool = False,
        file_mode: int = PUBLIC_FILE,
        estimate: Callable[[], Estimate] | None = None,
        board: Board | None = None,
        reads_cloud: bool = False,
        compares: bool = False,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder`: of the tool. `finished_folder`: of the lists of sent files; empty: none.

        `log_skipped`: whether the logs contain skipped objects. `heartbeat`: whether stderr gets a
        line a minute where it is no terminal. `file_mode`: of new files that hold no secrets.
        `estimate`: the estimate of a dry run, which writes logs, but no list; None: a run.
        `board`: of the status page; None: there is none. `reads_cloud`: as in StatusSink.
        `compares`: whether it is of a comparison, which has lists of its own.
        """
        self._console = console
        self._logs = logs
        self._job = job
        self._clock = clock
        self._monotonic = monotonic
        self._failed_list = f"log/failed-{job.name}.jsonl"
        self._unverified_list = f"log/unverified-{job.name}.jsonl"
        self._estimate = estimate
        self._causes = Causes()
        self._sinks: list[Sink] = [
            self._causes,
            logs.sink(log_skipped=log_skipped),
        ]
        self._files = ReportFiles(folder, job.name, self._causes, monotonic, console.language)
        self._sinks.append(self._files)
        self._compares = compares
        self.deletion: DeletionEnd | None = None
        self.comparison: ComparisonEnd | None = None
        """The end of a comparison."""
        if compares:
            self._sinks.append(_comparison_lists(folder, job.name))
        elif not estimate:
            self._sinks += [
                FailureList(folder, self._failed_list, clock),
                UnverifiedList(folder, self._unverified_list, clock),
                ResultFiles(folder / "db", file_mode),
            ]
            if finished_folder:
                self._sinks.append(FinishedList(Path(finished_folder), clock, file_mode))
        if heartbeat and not console.stderr_is_terminal:
            self._sinks.append(Heartbeat(console.print_error, monotonic))
        self.totals = RunTotals(is_dry=estimate is not None)
        if board:
            from cos_migrate.report.status.sink import StatusSink  # noqa: PLC0415 - rarely used

            self._sinks.append(
                StatusSink(board, self.totals, self._causes, reads_cloud=reads_cloud)
            )
        self._sinks.append(console)  # last: writing to it may block
        self._started, self._began = clock(), monotonic()
        self._without_md5 = 0
        self._is_check = False
        self._last_warnings: list[str] = []
        self.found_before = 0
        """`Summary.found_before`."""

    def begin_run(self, header: Sequence[str]) -> None:
        """Write the header of a run into the logs; remove the lists of the previous run."""
        self._started, self._began = self._clock(), self._monotonic()
        start = self._start(header)
        for sink in self._sinks:
            sink.begin_run(start)

    def _start(self, header: Sequence[str]) -> RunStart:
        mode = "compare" if self._compares else "dry_run" if self._estimate else "run"
        return RunStart("\n".join(header), self._job, self._started, mode)

    def begin_check(self, header: Sequence[str]) -> None:
        """Begin the comparison with COS that follows a run; it uses the same logs and lists."""
        self._is_check = True
        start = self._start(header)
        for sink in self._sinks:
            sink.begin_check(start)
        self._logs.info("comparing the migrated objects with COS")

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count and report outcomes."""
        batch = self.totals.add(outcomes)
        for sink in self._sinks:
            sink.add(batch)

    def add_deleted(self, cos_paths: Sequence[str]) -> None:
        """Count and report objects that were removed from COS; in a dry run: that would be."""
        self.deletion = (self.deletion or DeletionEnd()).with_more(len(cos_paths))
        for sink in self._sinks:
            sink.add_deleted(cos_paths, is_dry=self._estimate is not None)

    def add_compared(self, batch: Sequence[Compared] | SamePaths) -> None:
        """Report how objects compare."""
        self.totals.compared += len(batch)
        for sink in self._sinks:
            sink.add_same(batch) if isinstance(batch, SamePaths) else sink.add_compared(batch)

    def announce(self, line: str) -> None:
        """Report something that concerns the whole run and is no fault."""
        for sink in self._sinks:
            sink.announce(line)

    def event(self, line: str) -> None:
        """Report the progress of an object."""
        shown = printable_lines(line)
        for sink in self._sinks:
            sink.event(shown)

    def note(self, line: str) -> None:
        """Write a line to info.log only."""
        for sink in self._sinks:
            sink.note(line)

    def notice(self, line: str) -> None:
        """Report a change of how the run works: on stderr, and in info.log."""
        for sink in self._sinks:
            sink.notice(line)

    def warn(self, line: str) -> None:
        """Warn of something that fails no object."""
        for sink in self._sinks:
            sink.warn(line)

    def warn_of_object(self, cos_path: str, text: str) -> None:
        """Warn of something about an object that does not fail it."""
        for sink in self._sinks:
            sink.warn_of_object(cos_path, text)

    def warn_at_end(self, line: str) -> None:
        """Warn of something that concerns the whole run, below its summary."""
        self._last_warnings.append(line)

    def warn_without_md5(self, cos_path: str) -> None:
        """Warn of an object that gets no `x-cos-meta-md5`, and count it."""
        self._without_md5 += 1
        self.warn_of_object(
            cos_path,
            "it is sent without x-cos-meta-md5: its source gives no MD5, and it does not fit into "
            "tmpFolder",
        )

    def error(self, line: str) -> None:
        """Report an error that concerns the whole run."""
        for sink in self._sinks:
            sink.error(line)

    @property
    def names_each_object(self) -> bool:
        """Whether skipped objects are reported one by one, too."""
        return self._console.names_each_object

    @property
    def debugging(self) -> bool:
        """Whether debug.log is written; its lines are costly to make."""
        return self._logs.debugging

    def debug(self, line: str) -> None:
        """Write a line to debug.log, if there is one."""
        self._logs.debug(line)

    def show_progress(self) -> None:
        """Refresh the display."""
        progress = self.totals.progress()
        for sink in self._sinks:
            sink.show_progress(progress)

    @property
    def failures(self) -> int:
        """Objects that have failed so far."""
        return self.totals.counts[Status.FAIL]

    def end_run(self, *, list_finished: bool, ended_by: int = 0, tuned: str = "") -> Summary:
        """Report the end of a run; return its summary. `ended_by`, `tuned`: as in Summary."""
        summary = Summary(
            job=self._job,
            list_finished=list_finished,
            counts=self.totals.counts,
            started=self._started,
            ended=self._clock(),
            unverified=self.totals.unverified,
            ended_by=ended_by,
            unverified_list=self._unverified_list,
            without_md5=self._without_md5,
            lasted=self._monotonic() - self._began,
            found_before=self.found_before,
            tuned=tuned,
            sent=self.totals.bytes_sent,
            check=self._is_check,
            estimate=self._estimate() if self._estimate else None,
            deletion=self.deletion,
            compared=self._comparison_end() if self._compares else None,
        )
        warnings = list(self._last_warnings)
        if summary.found_before:
            found = count_in_words(summary.found_before)
            warnings.insert(
                0,
                f"the source is empty, but the last run found {found} objects: check that it is "
                "the right source",
            )
        by_cause = self._causes.causes()
        end = RunEnd(
            summary,
            by_cause=by_cause,
            causes="\n".join(causes_table(by_cause)),
            next_step=self._next_step(),
            gaps=[gap for sink in self._sinks for gap in sink.finish_lists()],
            warnings=warnings,
            progress=self.totals.progress(),
        )
        for sink in self._sinks:
            sink.end_run(end)
        if self._files.problem:
            self.warn(f"{REPORT_FOLDER}: the report could not be written: {self._files.problem}")
        elif self._files.written:
            announce = self.announce if self._console.stdout_is_terminal else self.note
            announce(f"report: {self._files.written}")
        for line in warnings:
            self.warn(line)
        return summary

    def _comparison_end(self) -> ComparisonEnd:
        return self.comparison or ComparisonEnd(collections.Counter())

    def _next_step(self) -> str:
        """Return advice on what to do after a run in which objects failed."""
        if self._estimate:
            return "The causes are in log/error.log; a run will fail for them, too."
        if self._is_check:
            then = "objects that differ are not sent again automatically"
        elif self._causes.needs_correction:
            then = "correct the causes in the table: the next run sends the missing objects"
        else:
            then = "run again to send the missing objects, or these alone with --retry-failed"
        return f"The causes are in log/error.log, the list in {self._failed_list}; {then}."


def _comparison_lists(folder: Path, job: str) -> Sink:
    from cos_migrate.report.comparison_lists import ComparisonLists  # noqa: PLC0415 - rarely used

    return ComparisonLists(folder, job)
