"""The files in `log/`, shared by all jobs: rolled daily or at a size, compressed, kept 30 days."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cos_migrate.lock import FileLock, NoFileLocks
from cos_migrate.report import deletion, lines, rolled_logs
from cos_migrate.report.append_file import RETRY_AFTER, AppendFile
from cos_migrate.report.comparison import Compared, line_of
from cos_migrate.report.rolled_logs import Compressor
from cos_migrate.report.sinks import Batch, RunEnd, RunStart, Sink
from cos_migrate.safe_files import PRIVATE_FOLDER, PUBLIC_FILE
from cos_migrate.text import printable_lines

_KEEP_DAYS = 30
ROLL_SIZE = 512 << 20
"""Bytes from which a log is rolled."""
PATIENCE = 60.0
"""Seconds that the end of the process waits for rolled logs to be compressed."""
_OPEN_TRIES = 100
_LOOK_EVERY = 1.0
"""Seconds between two checks whether another process has rolled the file."""


class Logs:
    """info.log, warn.log, error.log and, if configured, debug.log of one folder."""

    def __init__(
        self,
        folder: Path,
        *,
        debug: bool = False,
        clock: Callable[[], float] = time.time,
        mode: int = PUBLIC_FILE,
        roll_size: int = ROLL_SIZE,
    ) -> None:
        """`mode`: of new files."""
        self._clock = clock
        self._compressor = Compressor()

        def log_file(name: str) -> LogFile:
            return LogFile(folder / name, clock, mode, roll_size, self._compressor)

        self._info = log_file("info.log")
        self._warn = log_file("warn.log")
        self._error = log_file("error.log")
        self._debug = log_file("debug.log") if debug else None
        self._pid = os.getpid()
        self._header = ""
        self._begun = False
        """Whether more than warnings was written since the last header."""

    def begin(self, header: str) -> None:
        """Begin a run: write its header to info.log, and make the other logs if they are missing.

        Nothing is written again if only warnings, of the configuration, followed the same header.
        """
        if header == self._header and not self._begun:
            return
        self._header, self._begun = header, False
        self._write("INFO", header, self._info)
        for file in (self._warn, self._error):
            file.append(b"")  # for programs that watch these files, as with the Java tool

    def note_end(self, how: str) -> None:
        """Write the last line of a run to info.log: how it ended."""
        self.info(printable_lines(f"run ended: {how}"))

    def info(self, text: str) -> None:
        """Write lines to info.log. The caller has escaped them: there are millions."""
        self._begun = True
        self._write("INFO", text, self._info)

    def warning(self, text: str) -> None:
        """Write lines to info.log and warn.log."""
        self._write("WARN", printable_lines(text), self._info, self._warn)

    def error(self, text: str) -> None:
        """Write lines to info.log, warn.log and error.log."""
        self._begun = True
        self._write("ERROR", printable_lines(text), self._info, self._warn, self._error)

    def sink(self, *, log_skipped: bool) -> Sink:
        """Return a sink that writes a report to these logs."""
        return _LogSink(self, log_skipped=log_skipped)

    @property
    def debugging(self) -> bool:
        """Whether debug.log is written."""
        return self._debug is not None

    def debug(self, text: str) -> None:
        """Write lines to debug.log, if there is one."""
        if self._debug:
            self._write("DEBUG", printable_lines(text), self._debug)

    def close(self, patience: float = PATIENCE) -> None:
        """Close the files; wait for compression, at most `patience` seconds."""
        for file in (self._info, self._warn, self._error, self._debug):
            if file:
                file.close()
        self._compressor.close(patience)

    def _write(self, level: str, text: str, *files: LogFile) -> None:
        data = self._lines(level, text)
        for file in files:
            file.append(data)

    def _lines(self, level: str, text: str) -> bytes:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._clock()))
        prefix = f"{stamp} [{level}] [{self._pid}] "
        lines = prefix + text.rstrip("\n").replace("\n", "\n" + prefix) + "\n"
        return lines.encode("utf-8", "backslashreplace")


class _LogSink(Sink):
    def __init__(self, logs: Logs, *, log_skipped: bool) -> None:
        self._logs = logs
        self._log_skipped = log_skipped

    def begin_run(self, start: RunStart) -> None:
        self._logs.begin(start.header)

    def add(self, batch: Batch) -> None:
        for outcome, failure in batch.failed:
            self._logs.error(lines.failure_details(outcome.name, outcome.cos_path, failure))
        routine = batch.routine
        if routine and not self._log_skipped:
            routine = "".join([outcome.lines for outcome in batch.sent])
        if routine or batch.notable:
            self._logs.info(routine + batch.notable)

    def add_deleted(self, cos_paths: Sequence[str], *, is_dry: bool) -> None:
        self._logs.info("".join(deletion.line_of(path, is_dry=is_dry) for path in cos_paths))

    def add_compared(self, batch: Sequence[Compared]) -> None:
        found = "".join(map(line_of, batch))
        if found:
            self._logs.info(found)

    def event(self, line: str) -> None:
        self._logs.info(line)

    def note(self, line: str) -> None:
        self._logs.info(printable_lines(line))

    def announce(self, line: str) -> None:
        self.note(line)

    def warn(self, line: str) -> None:
        self._logs.warning(line)

    def error(self, line: str) -> None:
        self._logs.error(line)

    def end_run(self, end: RunEnd) -> None:
        self._logs.info(end.summary.text)
        if end.causes:
            self._logs.error(end.causes)
        for gap in end.gaps:
            self._logs.warning(gap)


class LogFile(AppendFile):
    """An AppendFile that is rolled: when it is full or a day old, a new file takes its name."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        mode: int = PUBLIC_FILE,
        roll_size: int = ROLL_SIZE,
        compressor: Compressor | None = None,
    ) -> None:
        """`compressor` compresses rolled files; None: they are not compressed."""
        super().__init__(path, clock, mode)
        self._roll_size = roll_size
        self._compressor = compressor
        self._day = ""
        self._next_look = 0.0
        self._next_roll = 0.0

    def _open_to_append(self) -> int:
        """Open and lock the file; again where another process rolled it away meanwhile."""
        for _ in range(_OPEN_TRIES):
            descriptor = super()._open_to_append()
            if rolled_logs.lock_for_writing(descriptor) and self._is_current(descriptor):
                return descriptor
            os.close(descriptor)
        return super()._open_to_append()

    def _prepare(self, now: float) -> None:
        """Roll a file of an earlier day or that is too large; reopen if another process did."""
        # The difference is negative when the clock was set back.
        if self._descriptor is not None and 0 < self._next_look - now <= _LOOK_EVERY:
            return
        self._next_look = now + _LOOK_EVERY
        today = _day_of(now)
        if today != self._day or (self._is_full() and now >= self._next_roll):
            self._day = today
            self._roll(today, now)
        if self._descriptor is not None and not self._is_current(self._descriptor):
            self.close()

    def _is_full(self) -> bool:
        try:
            return self.path.stat().st_size >= self._roll_size
        except OSError:
            return False

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except OSError:
            return False

    def _roll(self, today: str, now: float) -> None:
        """Rename a file that is full or of an earlier day; remove files that are too old."""
        self.path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        lock = FileLock(self.path.parent / ".roll.lock")
        try:
            held = lock.acquire()
        except NoFileLocks:
            held = True  # names of rolled files are reserved, so that none is lost
        if not held:
            self._day = ""  # another process is rolling it: check again
            return
        try:
            found = os.lstat(self.path)
            day = _day_of(found.st_mtime)
            # A link is rolled by the process that made it.
            if stat.S_ISREG(found.st_mode) and (
                (day < today and found.st_size) or found.st_size >= self._roll_size
            ):
                self._rename(day, now)
        except FileNotFoundError:
            pass
        finally:
            rolled_logs.remove_old(self.path, _day_of(now - _KEEP_DAYS * 86_400))
            lock.release()
        if self._compressor:
            self._compressor.compress(self.path)

    def _rename(self, day: str, now: float) -> None:
        """Rename the file to the name for a day. Raises OSError."""
        self.close()
        rolled = rolled_logs.reserve_name(self.path, day)
        try:
            self.path.replace(rolled)
        except OSError as error:
            with contextlib.suppress(OSError):
                rolled.unlink()
            # On Windows a file that another process has open cannot be renamed.
            if not isinstance(error, PermissionError):
                raise
            self._next_roll = now + RETRY_AFTER


def _day_of(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
