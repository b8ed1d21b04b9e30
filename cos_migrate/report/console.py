"""The sink for standard output and error: lines, and on a terminal a progress bar."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any, BinaryIO, TextIO

from cos_migrate.report.sinks import Batch, Progress, RunEnd, Sink
from cos_migrate.text import printable_lines

_REFRESH = 0.1
"""Seconds between two updates of the progress bar."""
_LINES_A_SECOND = 20
"""Limit of routine lines on a terminal: more cannot be read."""


class Console(Sink):
    """Standard output and error of this process, for all of its runs."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        progress: bool = True,
        stdout: BinaryIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        """`quiet`: no lines of single objects; `progress`: a progress bar on a terminal."""
        self._out: BinaryIO | None = stdout or sys.stdout.buffer
        self._err = stderr or sys.stderr
        self.has_terminal = self._err.isatty()
        """Whether stderr is a terminal."""
        self._quiet = quiet
        self.names_each_object = False
        """Whether skipped objects are reported one by one."""
        self._terminal = self._out.isatty()
        self._wants_display = progress and self.has_terminal
        self._display: _Display | None = None
        self._second = 0
        self._shown = 0
        self._thinned = False
        self._next = 0.0

    def add(self, batch: Batch) -> None:
        """Print the lines of objects, unless `quiet`."""
        if batch.routine or batch.notable:
            self.print_lines(batch.routine, batch.notable)

    def event(self, line: str) -> None:
        """Print a line, unless `quiet`."""
        self.print_lines(line + "\n")

    def print_lines(self, routine: str, notable: str = "") -> None:
        """Print lines of objects; on a terminal all `notable` ones and some `routine` ones."""
        if self._quiet:
            return
        if self._terminal and routine:
            routine = self._thin(routine)
        if routine or notable:
            self._write(routine + notable)

    def announce_config(self, path: str) -> None:
        """Print the path of the configuration."""
        self.announce(f"cos migrate tool config path:{path}")

    def announce(self, line: str) -> None:
        """Print a message on stdout, even when `quiet`."""
        self._write(printable_lines(line) + "\n")

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
            data = f"{printable_lines(text)}\n".encode(
                self._err.encoding or "utf-8", "backslashreplace"
            )
            self._err.write(data.decode(self._err.encoding or "utf-8", "replace"))
            self._err.flush()

    def show_progress(self, progress: Progress) -> None:
        """Refresh the progress bar, at most ten times a second."""
        now = time.monotonic()
        if not self._wants_display or now < self._next:
            return
        self._next = now + _REFRESH
        if self._display is None:
            self._display = _Display(self._err)
        self._display.show(progress)

    def end_run(self, end: RunEnd) -> None:
        """Remove the progress bar; print summary, causes and gaps."""
        self._remove_display()
        self.announce(end.summary.text)
        if end.causes:
            self.announce(f"{end.causes}\n{end.next_step}")
        for gap in end.gaps:
            self.announce(gap)

    def close(self) -> None:
        """Remove the progress bar and flush."""
        self._remove_display()
        with contextlib.suppress(OSError, ValueError):
            if self._out:
                self._out.flush()

    def _remove_display(self) -> None:
        if self._display:
            self._display.close()
            self._display = None

    def _thin(self, lines: str) -> str:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._shown = second, 0
        room = _LINES_A_SECOND - self._shown
        count = lines.count("\n")
        self._shown += min(count, max(room, 0))
        if count <= room:
            return lines
        kept = "".join(lines.splitlines(keepends=True)[: max(room, 0)])
        if not self._thinned:
            self._thinned = True
            kept += "(some lines are left out here: log/info.log has all of them)\n"
        return kept

    def _write(self, text: str) -> None:
        if self._out is None:
            return
        if self._display and self._terminal:
            self._display.clear()
        try:
            self._out.write(text.encode("utf-8", "backslashreplace"))
            self._out.flush()
        except (BrokenPipeError, ValueError):
            self._give_up("the reader of this output is gone")
        except OSError as error:
            self._give_up(f"stdout cannot be written ({error.strerror})")

    def _give_up(self, why: str) -> None:
        """Continue without stdout: the logs hold everything."""
        self._out = None
        self.print_error(f"warning: {why}; the run continues, see log/info.log")


class _Display:
    """The tqdm progress bar: bytes in the bar; objects, failures and rate beside it."""

    def __init__(self, stream: TextIO) -> None:
        from tqdm import tqdm  # noqa: PLC0415 - only a terminal needs it

        self._bar: Any = tqdm(
            total=0,
            file=stream,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            dynamic_ncols=True,
            leave=False,
            mininterval=0,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {rate_fmt}{postfix}",
        )

    def show(self, progress: Progress) -> None:
        bar = self._bar
        bar.total = max(progress.bytes_known, progress.bytes_done)
        bar.n = progress.bytes_done
        more = "" if progress.complete else "+"
        bar.set_description_str(f"{progress.done}/{progress.known}{more} objects", refresh=False)
        notes = [f"{progress.failed} failed"] if progress.failed else []
        elapsed = bar.format_dict["elapsed"]
        if progress.complete and progress.bytes_done and elapsed:
            left = (bar.total - bar.n) * elapsed / bar.n
            notes.append(f"{bar.format_interval(left)} left")
        bar.set_postfix_str(", ".join(notes), refresh=False)
        bar.refresh()

    def clear(self) -> None:
        self._bar.clear()

    def close(self) -> None:
        self._bar.close()
