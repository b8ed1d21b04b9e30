"""Tells what happened: event lines, counters, failure lists, and the summary of a run.

Everything it says comes from the outcomes it is given, each of which it counts exactly once.
"""

from __future__ import annotations

import collections
import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cos_migrate.model import Outcome, Status
from cos_migrate.report.advice import Causes
from cos_migrate.report.console import Console, Progress
from cos_migrate.report.logs import AppendFile, Logs
from cos_migrate.report.own_list import CountedList, OwnList
from cos_migrate.safe_files import PRIVATE_FILE, PUBLIC_FILE
from cos_migrate.text import escaped, printable, printable_lines

_ROUTINE = frozenset({Status.NEW, Status.UPDATE, Status.SKIP})
_SENT = frozenset({Status.NEW, Status.UPDATE})
_CLOCK_IS_SET = 2.0
"""Seconds by which a clock differs from one that is never set, when it was set meanwhile."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did."""

    bucket: str
    migrate_type: str
    list_finished: bool
    counts: Mapping[Status, int]
    started: float
    """Seconds since 1970."""
    ended: float
    unverified: int = 0
    """Objects of which only size and ETag could be compared."""
    interrupted: bool = False
    unverified_list: str = ""
    """The file that names them."""
    without_md5: int = 0
    """Objects sent without the `x-cos-meta-md5` that was wanted."""
    lasted: float = 0.0
    """Seconds by a clock that is never set."""
    found_before: int = 0
    """When nothing was found: how many an earlier run found; -1: some."""

    @property
    def used_time(self) -> int:
        """Whole seconds from start to end, also when the clock was set between them."""
        if abs(self.ended - self.started - self.lasted) < _CLOCK_IS_SET:
            return max(0, int(self.ended) - int(self.started))
        return int(self.lasted)

    @property
    def scanned(self) -> int:
        """Objects that got an outcome."""
        return sum(self.counts.values())

    @property
    def found_nothing(self) -> bool:
        """Whether the list is complete and holds nothing."""
        return self.list_finished and not self.scanned

    @property
    def status(self) -> str:
        """ALL_OK, PART_OK or ALL_FAIL, as the Java tool decides it."""
        if self.list_finished and not self.counts[Status.FAIL]:
            return "ALL_OK"
        sent = self.counts[Status.NEW] + self.counts[Status.UPDATE]
        return "PART_OK" if sent else "ALL_FAIL"

    @property
    def exit_code(self) -> int:
        """0 when all is well, else 1."""
        return 0 if self.status == "ALL_OK" else 1

    @property
    def text(self) -> str:
        """The block that scripts read, with the two blank lines it begins with."""
        finished = "true" if self.list_finished else "false"
        head = f"\n\nbucket:{self.bucket}, list finished:{finished}, status:{self.status}\n"
        rows: list[tuple[str, object]] = [
            (status.value, self.counts[status])
            for status in (
                Status.NEW,
                Status.UPDATE,
                Status.FAIL,
                Status.SKIP,
                Status.CONDITION_NOT_MATCH,
            )
        ]
        rows += [("start_time", _local(self.started)), ("end_time", _local(self.ended))]
        rows.append(("used_time", f"{self.used_time} s"))
        if self.unverified:
            note = f"{self.unverified} (size and ETag only, see {self.unverified_list})"
            rows.append(("unverified", note))
        if self.without_md5:
            rows.append(("without_md5", f"{self.without_md5} (they did not fit into tmpFolder)"))
        if self.found_before:
            rows.append(("found_before", f"{_some(self.found_before)} (now nothing)"))
        lines = "".join(f"{name:>30} : {value}\n" for name, value in rows)
        return f"{head}{self.migrate_type} over! op statistics:\n{lines}"


class Report:
    """The report of one run of one job."""

    def __init__(
        self,
        *,
        console: Console,
        logs: Logs,
        folder: Path,
        job: str,
        bucket: str,
        migrate_type: str,
        finished_folder: str = "",
        log_skipped: bool = True,
        file_mode: int = PUBLIC_FILE,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder` is the tool's; `finished_folder` takes the lists of sent files, empty: none.

        `log_skipped`: whether skipped objects stand in the logs. `file_mode`: of new files that
        hold nothing secret.
        """
        self._console = console
        self._logs = logs
        self._folder = folder
        self._bucket = bucket
        self._migrate_type = migrate_type
        self._finished_folder = finished_folder
        self._log_skipped = log_skipped
        self._file_mode = file_mode
        self._clock = clock
        self._monotonic = monotonic
        self._failed_list = folder / "log" / f"failed-{job}.jsonl"
        self._unverified_list = folder / "log" / f"unverified-{job}.jsonl"
        self._failures = OwnList(self._failed_list, clock, PRIVATE_FILE)
        self._unverified_file = OwnList(self._unverified_list, clock, PRIVATE_FILE)
        self._finished: CountedList | None = None
        self._finished_day = ""
        self._gaps: list[str] = []
        """Sentences on lists that are not whole."""
        self._counts: collections.Counter[Status] = collections.Counter()
        self._causes = Causes()
        self._started, self._began = clock(), monotonic()
        self._unverified = self._without_md5 = 0
        self._bytes_done = self._bytes_known = self._known = self._moving = 0
        self._listed = False
        self._is_check = False
        self._closing: list[str] = []
        self.found_before = 0
        """As in `Summary`."""

    def warn_behind(self, line: str) -> None:
        """Warn of something that concerns the whole run, behind its summary."""
        self._closing.append(line)

    def begin_run(self, header: Sequence[str]) -> None:
        """Write the header of a run into the logs; forget what the last run listed as failed."""
        self._started, self._began = self._clock(), self._monotonic()
        for path in (self._failed_list, self._unverified_list):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        self._logs.begin("\n".join(header))

    def begin_check(self) -> None:
        """Begin to tell of a comparison instead, in the same logs and the same list."""
        self._is_check = True
        self._logs.info("what was migrated is compared with what is on COS")

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes and tell of them."""
        counts = self._counts
        routine: list[str] = []
        notable: list[str] = []
        sent: list[str] = []
        for outcome in outcomes:
            status = outcome.status
            counts[status] += outcome.objects
            self._bytes_done += outcome.size
            if status in _ROUTINE:
                routine.append(outcome.lines)
                if self._finished_folder and status in _SENT:
                    name = escaped(outcome.name)  # a line break in it must not make two lines
                    sent.append(f"{name}\t{outcome.size}\t{outcome.mtime_ms}\n")
                if outcome.unverified:
                    self._note_unverified(outcome)
            else:
                notable.append(outcome.lines)
                if outcome.failure:
                    self._note_failure(outcome)
        told_routine, told_notable = "".join(routine), "".join(notable)
        if told_routine or told_notable:
            self._logs.info(self._logged(outcomes, told_routine) + told_notable)
        if sent:
            self._list_finished(sent)
        if told_routine or told_notable:
            self._console.lines(told_routine, told_notable)  # last: it may have to wait

    def _logged(self, outcomes: Sequence[Outcome], routine: str) -> str:
        """Return the lines of routine outcomes that belong into the logs."""
        if self._log_skipped:
            return routine
        return "".join(each.lines for each in outcomes if each.status in _SENT)

    def say(self, line: str) -> None:
        """Tell of something that concerns the whole run, and is no fault."""
        self.note(line)
        self._console.say(line)

    def event(self, line: str) -> None:
        """Tell of the progress of an object."""
        shown = printable_lines(line)
        self._logs.info(shown)
        self._console.lines(shown + "\n")

    def note(self, line: str) -> None:
        """Write a line to info.log only."""
        self._logs.info(printable_lines(line))

    @property
    def debugging(self) -> bool:
        """Whether there is a debug.log: its lines cost too much to make for nothing."""
        return self._logs.debugging

    def debug(self, line: str) -> None:
        """Write a line to debug.log, when there is one."""
        self._logs.debug(line)

    def warn(self, line: str) -> None:
        """Warn of something that does not fail an object."""
        self._logs.warning(line)
        self._console.complain(f"warning: {line}")

    def without_md5(self, cos_path: str) -> None:
        """Warn of an object that gets no `x-cos-meta-md5`, and count it."""
        self._without_md5 += 1
        self.warn(
            f"{printable(cos_path)}: it is sent without x-cos-meta-md5: its source does not tell "
            "its MD5, and it does not fit into tmpFolder"
        )

    def error(self, line: str) -> None:
        """Tell of something that concerns the whole run."""
        self._logs.error(line)
        self._console.complain(f"error: {line}")

    def found(self, objects: int, size: int) -> None:
        """Note objects and bytes that are known of."""
        self._known += objects
        self._bytes_known += size

    def listed(self) -> None:
        """Note that everything there is is known."""
        self._listed = True

    def moving(self, sent: int) -> None:
        """Note how many bytes of unfinished objects have been sent."""
        self._moving = sent

    def tick(self) -> None:
        """Refresh the display."""
        self._console.update(
            Progress(
                done=self._counts.total(),
                known=max(self._known, self._counts.total()),
                bytes_done=self._bytes_done + self._moving,
                bytes_known=self._bytes_known,
                failed=self._counts[Status.FAIL],
                complete=self._listed,
            )
        )

    @property
    def failures(self) -> int:
        """Objects that have failed so far."""
        return self._counts[Status.FAIL]

    def end_run(self, *, list_finished: bool, interrupted: bool = False) -> Summary:
        """Tell what the run did, everywhere it is looked for, and return it."""
        summary = Summary(
            self._bucket,
            self._migrate_type,
            list_finished,
            self._counts,
            self._started,
            self._clock(),
            self._unverified,
            interrupted,
            f"log/{self._unverified_list.name}",
            self._without_md5,
            self._monotonic() - self._began,
            self.found_before,
        )
        self._logs.info(summary.text)
        result = AppendFile(self._folder / "db" / "result.out", mode=self._file_mode)
        result.append(summary.text.encode())
        result.close()
        table = "\n".join(self._causes.table())
        if table:
            self._logs.error(table)
        gaps = self._end_lists()
        self._console.end_display()
        self._console.say(summary.text)
        if table:
            self._console.say(
                f"{table}\nThe causes are in log/error.log, the list in "
                f"log/{self._failed_list.name}; {self._conclusion()}."
            )
        for gap in gaps:
            self._console.say(gap)
        if summary.found_before:
            self.warn(
                "the source holds nothing now, and the last run found "
                f"{_some(summary.found_before)} objects: is it still the right source?"
            )
        for line in self._closing:
            self.warn(line)
        return summary

    def _end_lists(self) -> list[str]:
        """Close the lists; log and return what those lack that are not whole."""
        failures, unverified = self._failures, self._unverified_file
        self._gaps += (
            failures.gap(f"log/{failures.path.name}", "failures"),
            unverified.gap(f"log/{unverified.path.name}", "unverified objects"),
        )
        failures.close()
        unverified.close()
        self._end_finished()
        gaps = [gap for gap in self._gaps if gap]
        for gap in gaps:
            self._logs.warning(gap)
        return gaps

    def _conclusion(self) -> str:
        """Return what to do after a run in which objects failed."""
        if self._is_check:
            return "what differs is not sent again by itself"
        if self._causes.needs_correction:
            return "put right what the table names: the next run sends what is missing"
        return "run again to send what is missing"

    def _note_failure(self, outcome: Outcome) -> None:
        failure = outcome.failure
        if failure is None:
            return
        name = printable(outcome.name)
        self._causes.add(name, failure)
        self._logs.error(
            f"fail! [name: {name}], [cosPath: {printable(outcome.cos_path)}], "
            f"[operation: {failure.operation}], [status: {failure.status}], "
            f"[code: {printable(failure.code)}], [message: {printable(failure.message)}], "
            f"[requestid: {printable(failure.request_id) or 'NULL'}], "
            f"[traceid: {printable(failure.trace_id) or 'NULL'}]"
        )
        self._append_json(
            self._failures,
            outcome,
            {
                "operation": failure.operation,
                "status": failure.status,
                "code": failure.code,
                "message": failure.message,
                "request_id": failure.request_id,
                "trace_id": failure.trace_id,
            },
        )

    def _note_unverified(self, outcome: Outcome) -> None:
        self._unverified += 1
        self._append_json(self._unverified_file, outcome, {"reason": outcome.unverified})

    def _append_json(self, file: OwnList, outcome: Outcome, more: Mapping[str, object]) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self._clock()))
        fields = {"time": stamp, "name": outcome.name, "cos_path": outcome.cos_path, **more}
        file.append_lines(json.dumps(fields).encode() + b"\n", 1)

    def _list_finished(self, lines: Sequence[str]) -> None:
        """Append to the list of this day's finished files."""
        day = time.strftime("%Y-%m-%d", time.localtime(self._clock()))
        if self._finished is None or day != self._finished_day:
            self._end_finished()
            self._finished_day = day
            path = Path(self._finished_folder) / f"{day}.out"
            self._finished = CountedList(path, self._clock, self._file_mode)
        self._finished.append_lines("".join(lines).encode("utf-8", "surrogateescape"), len(lines))

    def _end_finished(self) -> None:
        """Close the list of finished files, if there is one."""
        if self._finished:
            self._gaps.append(self._finished.gap(str(self._finished.path), "finished files"))
            self._finished.close()
            self._finished = None


def _some(objects: int) -> str:
    return str(objects) if objects > 0 else "some"


def _local(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
