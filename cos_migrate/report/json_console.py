"""The console of `--json`: stdout carries JSON lines alone, stderr the same as without it.

docs/events.schema.json describes the lines.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO, TextIO

from cos_migrate import __version__
from cos_migrate.model import Outcome, Status
from cos_migrate.report import lines
from cos_migrate.report.comparison import Compared, CompareResult
from cos_migrate.report.console import Console
from cos_migrate.report.sinks import Batch, Progress, RunEnd, RunStart
from cos_migrate.report.summary import DATA_VERSION, timestamp
from cos_migrate.text import one_line, printable_lines

_PROGRESS_EVERY = 5.0
"""Seconds between two progress events."""
_OUTCOMES = {status: status.value.removeprefix("migrate_") for status in Status}
_SENT = frozenset({Status.NEW, Status.UPDATE})
_SURROGATE = "\\ud"
"""Begins the escapes of lone surrogates, and of characters that JSON writes as a pair."""


class JsonConsole(Console):
    """A console whose stdout carries one JSON object a line."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        progress: bool = True,
        stdout: BinaryIO | None = None,
        stderr: TextIO | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`quiet`: no events of single objects; `progress`: a progress bar on a terminal."""
        super().__init__(quiet=quiet, progress=progress, stdout=stdout, stderr=stderr)
        self.names_each_object = not quiet
        self._monotonic = monotonic
        self._next_progress = 0.0
        self._config = ""
        self._is_check = False
        self._sent_name = "object"
        """Name of the events of new and updated objects."""

    def announce_config(self, path: str) -> None:
        """Keep the path for the next `start` event."""
        self._config = path

    def begin_run(self, start: RunStart) -> None:
        """Print the `start` event."""
        self._is_check = False
        self._sent_name = "dry_run" if start.mode == "dry_run" else "object"
        self._next_progress = self._monotonic() + _PROGRESS_EVERY
        about = {"mode": start.mode, **start.job.as_data(), "config": self._config}
        self._print("start", **about, version=__version__, start_time=timestamp(start.time))

    def begin_check(self, start: RunStart) -> None:  # noqa: ARG002 - of the interface
        """Mark the following events as those of the comparison."""
        self._is_check = True

    def add(self, batch: Batch) -> None:
        """Print an event for each object, unless `quiet`."""
        if batch.outcomes and not self._quiet:
            self._write("".join([_line_of(self._event_of(each)) for each in batch.outcomes]))

    def add_deleted(self, cos_paths: Sequence[str], *, is_dry: bool) -> None:
        """Print an event for each object, unless `quiet`."""
        if not self._quiet:
            event: dict[str, object] = {"v": DATA_VERSION, "event": "delete"}
            more = {"dry_run": True} if is_dry else {}
            self._write("".join([_line_of({**event, "key": path, **more}) for path in cos_paths]))

    def add_compared(self, batch: Sequence[Compared]) -> None:
        """Print an event for each object, unless `quiet`."""
        if not self._quiet:
            self._write("".join([_line_of(_comparison_event(each)) for each in batch]))

    def add_same(self, cos_paths: Sequence[str]) -> None:
        """Print an event for each object, unless `quiet`."""
        self.add_compared([Compared(CompareResult.SAME, path) for path in cos_paths])

    def event(self, line: str) -> None:
        """Leave out the progress of single objects."""

    def announce(self, line: str) -> None:
        """Print a message on the whole run as a `warning` event of level `info`."""
        self._print_warning("info", line)

    def warn(self, line: str) -> None:
        """Print a warning, on stderr too."""
        self._print_warning("warning", line)
        super().warn(line)

    def error(self, line: str) -> None:
        """Print an error that concerns the whole run, on stderr too."""
        self._print_warning("error", line)
        super().error(line)

    def show_progress(self, progress: Progress) -> None:
        """Print a `progress` event every five seconds; refresh the progress bar."""
        super().show_progress(progress)
        now = self._monotonic()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_EVERY
            values = progress._asdict()
            list_finished = values.pop("complete")
            values["unfinished"] = [each._asdict() for each in progress.unfinished]
            self._print("progress", **values, list_finished=list_finished)

    def end_run(self, end: RunEnd) -> None:
        """Remove the progress bar; print gaps as warnings, then the summary."""
        self._remove_display()
        for gap in end.gaps:
            self._print_warning("warning", gap)
        self._write(_line_of(end.summary.as_data()))

    def _event_of(self, outcome: Outcome) -> dict[str, object]:
        status, failure = outcome.status, outcome.failure
        name = self._sent_name if status in _SENT else "object"
        event: dict[str, object] = {"v": DATA_VERSION, "event": name}
        event["outcome"] = _OUTCOMES[status]
        if outcome.cos_path:
            event["key"] = outcome.cos_path
        else:
            event["source"] = outcome.name
        if outcome.size >= 0:
            event["size"] = outcome.size
        if status in _SENT and name == "object":
            event["request_id"] = outcome.request_id
        elif status is Status.CONDITION_NOT_MATCH:
            event["reason"] = lines.reason_in(outcome.lines)
        if failure:
            event["status"] = failure.status
            event["code"] = failure.code
            event["message"] = failure.message
            event["request_id"] = failure.request_id
        if outcome.unverified:
            event["unverified"] = outcome.unverified
        if self._is_check:
            event["check"] = True
        return event

    def _print_warning(self, level: str, text: str) -> None:
        """Print a `warning` event; `level`: info, warning or error."""
        self._print("warning", level=level, message=printable_lines(text))

    def _print(self, name: str, **fields: object) -> None:
        self._write(_line_of({"v": DATA_VERSION, "event": name, **fields}))


def _comparison_event(compared: Compared) -> dict[str, object]:
    event: dict[str, object] = {"v": DATA_VERSION, "event": "compare"}
    event |= {"result": compared.result.value, "key": compared.cos_path}
    if compared.why:
        event["reason"] = compared.why
    return event


def _line_of(event: dict[str, object]) -> str:
    """Return an event as a line of ASCII; what is not UTF-8 is escaped as in event lines."""
    text = json.dumps(event)
    if _SURROGATE in text:
        text = json.dumps({name: _valid(value) for name, value in event.items()})
    return f"{text}\n"


def _valid(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return one_line(value)
    return value
