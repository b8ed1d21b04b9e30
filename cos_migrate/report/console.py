"""The sink for standard output and error: lines, and on a terminal the display."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, TextIO

from cos_migrate.language import ENGLISH
from cos_migrate.model import Outcome, Status
from cos_migrate.report import deletion, lines
from cos_migrate.report.causes import causes_table
from cos_migrate.report.closing import closing_lines
from cos_migrate.report.comparison import Compared, line_of
from cos_migrate.report.display import RED, Display, has_colours, in_colour, terminal_size
from cos_migrate.report.sinks import Batch, Progress, RunEnd, Sink
from cos_migrate.text import printable, printable_lines

_REFRESH = 0.1
"""Seconds between two updates of the display."""
_LINES_A_SECOND = 10
"""Limit of routine lines on a terminal: more cannot be read."""
_INDENT = " " * 7


def unwritable_stdout(error: OSError) -> str:
    """Return the message about an error of writing to standard output."""
    return f"stdout cannot be written ({error.strerror})"


class Console(Sink):
    """Standard output and error of this process, for all of its runs."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        progress: bool = True,
        stdout: BinaryIO | None = None,
        stderr: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`quiet`: no lines of single objects.

        `progress`: a terminal gets a display, and only as many lines as can be read.
        """
        self._out: BinaryIO | None = stdout or sys.stdout.buffer
        self._err = stderr or sys.stderr
        self.stderr_is_terminal = self._err.isatty()
        """Whether stderr is a terminal."""
        self._quiet = quiet
        self.language = ENGLISH
        """The language of messages; that of the configuration, when it is read."""
        self.names_each_object = False
        """Whether skipped objects are reported one by one."""
        self.stdout_is_terminal = self._out.isatty()
        """Whether stdout is a terminal."""
        self._folds = progress and self.stdout_is_terminal
        self.has_display = progress and self.stderr_is_terminal
        """Whether the state of a run is shown while it goes on."""
        self._colours = self.stdout_is_terminal and has_colours()
        self._display: Display | None = None
        self._clock = clock
        self._second = 0
        self._lines_of_second = 0
        self._is_busy = False
        self._folded = False
        self._next = 0.0

    def add(self, batch: Batch) -> None:
        """Print the lines of objects, unless `quiet`; on a terminal, failures with their cause."""
        notable = batch.notable
        if self.stdout_is_terminal and batch.failed:
            notable = "".join(self._lines_with_cause(batch.outcomes))
        if batch.routine or notable:
            self.print_lines(batch.routine, notable)

    def add_deleted(self, cos_paths: Sequence[str], *, is_dry: bool) -> None:
        """Print a line for each object, unless `quiet`."""
        self.print_lines("", "".join(deletion.line_of(path, is_dry=is_dry) for path in cos_paths))

    def add_compared(self, batch: Sequence[Compared]) -> None:
        """Print a line for each object that is not as it should be, unless `quiet`."""
        self.print_lines("", "".join(map(line_of, batch)))

    def _lines_with_cause(self, outcomes: Sequence[Outcome]) -> Iterator[str]:
        """Yield the lines of all objects that are left out or failed."""
        for outcome in outcomes:
            failure = outcome.failure
            if failure:
                cause = f"{failure.status or ''} {failure.code}".strip() or failure.operation
                yield in_colour(RED, outcome.lines[:-1], colours=self._colours) + "\n"
                said = self.language.say(f"{cause}: {failure.message}")
                yield f"{_INDENT}{printable(said)}\n"
            elif outcome.status is Status.CONDITION_NOT_MATCH:
                yield outcome.lines

    def event(self, line: str) -> None:
        """Print how far an object is, unless `quiet` or a display shows that."""
        if not (self._folds and self.has_display):
            self.print_lines(line + "\n")

    def print_lines(self, routine: str, notable: str = "") -> None:
        """Print lines of objects; on a terminal all `notable` ones and some `routine` ones."""
        if self._quiet:
            return
        if self._folds and routine:
            routine = self._fold(routine)
        if routine or notable:
            self._write(routine + notable)

    def announce_config(self, path: str) -> None:
        """Print the path of the configuration."""
        self.announce(lines.config_path(path))

    def announce(self, line: str) -> None:
        """Print a message on stdout, even when `quiet`."""
        self._print_said(self.language.say(line))

    def _print_said(self, line: str) -> None:
        self._write(printable_lines(line) + "\n")

    def notice(self, line: str) -> None:
        """Print a notice on stderr."""
        self.print_error(f"notice: {line}")

    def warn(self, line: str) -> None:
        """Print a warning on stderr."""
        self.print_error(f"warning: {line}")

    def error(self, line: str) -> None:
        """Print an error on stderr."""
        self.print_error(f"error: {line}")

    def print_error(self, text: str) -> None:
        """Print a message on stderr."""
        if self._display:
            self._display.clear()
        with contextlib.suppress(OSError, ValueError):
            data = f"{printable_lines(self.language.say(text))}\n".encode(
                self._err.encoding or "utf-8", "backslashreplace"
            )
            self._err.write(data.decode(self._err.encoding or "utf-8", "replace"))
            self._err.flush()
        if self._display:
            self._display.draw_again()

    def show_progress(self, progress: Progress) -> None:
        """Refresh the display, at most ten times a second."""
        now = self._clock()
        if not self.has_display or now < self._next:
            return
        self._next = now + _REFRESH
        if self._display is None:
            self._display = Display(self._err, self.language.say, colours=has_colours())
        self._display.show(progress)

    def end_run(self, end: RunEnd) -> None:
        """Remove the display; print summary, causes and gaps."""
        self._remove_display()
        if self.stdout_is_terminal:
            size, say = terminal_size(), self.language.say
            closing = closing_lines(end, size, say, colours=self._colours)
            self._write("".join(f"{line}\n" for line in closing))
            return
        self._print_said(end.summary.text)
        for line in causes_table(end.by_cause, self.language.say):
            self._print_said(line)
        if end.by_cause:
            self.announce(end.next_step)
        for gap in end.gaps:
            self.announce(gap)

    def close(self) -> None:
        """Remove the display and flush."""
        self._remove_display()
        with contextlib.suppress(OSError, ValueError):
            if self._out:
                self._out.flush()

    def _remove_display(self) -> None:
        if self._display:
            self._display.clear()
            self._display = None

    def _fold(self, lines: str) -> str:
        """Return the lines of this second that a person can follow: none while more keep coming."""
        second = int(self._clock())
        if second != self._second:
            is_next = second == self._second + 1
            self._is_busy = is_next and self._lines_of_second > _LINES_A_SECOND
            self._second, self._lines_of_second = second, 0
        room = 0 if self._is_busy else max(0, _LINES_A_SECOND - self._lines_of_second)
        count = lines.count("\n")
        self._lines_of_second += count
        if count <= room:
            return lines
        kept = "".join(lines.splitlines(keepends=True)[:room]) if room else ""
        if not self._folded:
            self._folded = True
            said = self.language.say("some lines are left out here: log/info.log has all of them")
            kept += f"({said})\n"
        return kept

    def _write(self, text: str) -> None:
        if self._out is None:
            return
        if self._display and self.stdout_is_terminal:
            self._display.clear()
        try:
            self._out.write(text.encode("utf-8", "backslashreplace"))
            self._out.flush()
            if self._display and self.stdout_is_terminal:
                self._display.draw_again()
        except (BrokenPipeError, ValueError):
            self._give_up("the reader of this output is gone")
        except OSError as error:
            self._give_up(unwritable_stdout(error))

    def _give_up(self, why: str) -> None:
        """Continue without stdout: the logs hold everything."""
        self._out = None
        self.print_error(f"warning: {why}; the run continues, see log/info.log")
