"""Sinks that write lists of objects (failed, unverified, finished) and the file of summaries."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cos_migrate.model import Outcome
from cos_migrate.report.append_file import AppendFile
from cos_migrate.report.sinks import Batch, RunEnd, RunStart, Sink
from cos_migrate.safe_files import PRIVATE_FILE
from cos_migrate.text import escaped

Clock = Callable[[], float]


class CountedList(AppendFile):
    """An AppendFile that counts the lines that could not be written."""

    total = 0
    """Number of lines passed to `append_lines`."""
    missing = 0
    """Number of these that could not be written."""

    def append_lines(self, lines: bytes, count: int) -> None:
        """Append lines, each with its end, or count them as missing. Never raises."""
        self.total += count
        if not self.append(lines):
            self.missing += count

    def gaps(self, name: str, things: str) -> list[str]:
        """Return a sentence if lines are missing in this list, which is shown as `name`."""
        if not self.missing:
            return []
        return [f"{self.missing} of {self.total} {things} are missing in {name}: {self.problem}"]


class SingleWriterList(CountedList):
    """A CountedList of this process alone: it never holds a part of a line."""

    def _write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data` or, on a full disk, nothing of it."""
        before = os.fstat(descriptor).st_size
        try:
            super()._write(descriptor, data)
        except OSError:
            os.ftruncate(descriptor, before)
            self._torn = False
            raise


class _JsonLines(Sink):
    """A list of a job with one JSON object a line, begun anew by each run."""

    things = ""
    """Name of the listed objects in messages."""

    def __init__(self, folder: Path, name: str, clock: Clock = time.time) -> None:
        """`name`: its path below `folder`, the tool's."""
        self._name = name
        self._clock = clock
        self._file = SingleWriterList(folder / name, clock, PRIVATE_FILE)

    def begin_run(self, start: RunStart) -> None:  # noqa: ARG002 - of the interface
        """Remove the list of the previous run."""
        with contextlib.suppress(OSError):
            self._file.path.unlink(missing_ok=True)

    def finish_lists(self) -> list[str]:
        self._file.close()
        return self._file.gaps(self._name, self.things)

    def _append(self, outcome: Outcome, more: Mapping[str, object]) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self._clock()))
        fields = {"time": stamp, "name": outcome.name, "cos_path": outcome.cos_path, **more}
        self._file.append_lines(json.dumps(fields).encode() + b"\n", 1)


class FailureList(_JsonLines):
    """The objects of a run that failed, and why."""

    things = "failures"

    def add(self, batch: Batch) -> None:
        """Append the failed objects of a batch."""
        for outcome, failure in batch.failed:
            why = {
                "operation": failure.operation,
                "status": failure.status,
                "code": failure.code,
                "message": failure.message,
                "request_id": failure.request_id,
                "trace_id": failure.trace_id,
            }
            self._append(outcome, why)


class UnverifiedList(_JsonLines):
    """The objects of a run whose size and ETag alone could be compared."""

    things = "unverified objects"

    def add(self, batch: Batch) -> None:
        """Append the unverified objects of a batch."""
        for outcome in batch.unverified:
            self._append(outcome, {"reason": outcome.unverified})


class FinishedList(Sink):
    """The files that were sent, in one list a day."""

    def __init__(self, folder: Path, clock: Clock, mode: int) -> None:
        """`mode`: of new files."""
        self._folder = folder
        self._clock = clock
        self._mode = mode
        self._file: CountedList | None = None
        self._day = ""
        self._gaps: list[str] = []

    def add(self, batch: Batch) -> None:
        """Append the files of a batch that were sent to the list of today."""
        sent = batch.sent
        if not sent:
            return
        day = time.strftime("%Y-%m-%d", time.localtime(self._clock()))
        if self._file is None or day != self._day:
            self._close()
            self._day = day
            self._file = CountedList(self._folder / f"{day}.out", self._clock, self._mode)
        # A line break in a name must not begin a new line.
        lines = [f"{escaped(each.name)}\t{each.size}\t{each.mtime_ms}\n" for each in sent]
        self._file.append_lines("".join(lines).encode("utf-8", "surrogateescape"), len(lines))

    def finish_lists(self) -> list[str]:
        """Close the list; return a sentence for each list of this run that lacks lines."""
        self._close()
        return self._gaps

    def _close(self) -> None:
        if self._file:
            self._gaps += self._file.gaps(str(self._file.path), "finished files")
            self._file.close()
            self._file = None


class ResultFiles(Sink):
    """`result.out` and `result.jsonl`: the summaries of all runs, as blocks and as JSON lines."""

    def __init__(self, folder: Path, mode: int) -> None:
        """`folder`: that of both files; `mode`: permissions of new files."""
        self._folder = folder
        self._mode = mode

    def end_run(self, end: RunEnd) -> None:
        """Append the summary of a run to both."""
        self._append("result.out", end.summary.text)
        self._append("result.jsonl", json.dumps(end.summary.as_data()) + "\n")

    def _append(self, name: str, text: str) -> None:
        file = AppendFile(self._folder / name, mode=self._mode)
        file.append(text.encode())
        file.close()
