"""The files below `log/`: appended to a whole line at a time, shared by all jobs, rolled daily."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cos_migrate.file_lock import FileLock, NoFileLocks
from cos_migrate.keys import printable_lines

_KEEP_DAYS = 30
_LOOK_EVERY = 1.0
"""Seconds between two looks whether another process has rolled a file away."""
_RETRY_AFTER = 30.0


class Logs:
    """info.log, warn.log, error.log and, when asked for, debug.log of one folder."""

    def __init__(
        self, folder: Path, *, debug: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._info = LogFile(folder / "info.log", clock)
        self._warn = LogFile(folder / "warn.log", clock)
        self._error = LogFile(folder / "error.log", clock)
        self._debug = LogFile(folder / "debug.log", clock) if debug else None
        self._pid = os.getpid()
        self._header = ""
        self._lacking: set[LogFile] = set()
        """Files that have nothing of the run that began last."""
        self._told = False
        """Whether anything but warnings stands behind the last header."""

    def begin(self, header: str) -> None:
        """Begin a run: info.log gets its header now, each other file before its first line.

        A run that only warnings stand before, those of its configuration, has begun already.
        """
        if header == self._header and not self._told:
            return
        self._header, self._told = header, False
        self._lacking = {file for file in (self._warn, self._error, self._debug) if file}
        self._write("INFO", header, self._info)
        for file in (self._warn, self._error):
            file.append(b"")  # what watches these files finds them, as with the Java tool

    def info(self, text: str) -> None:
        """Write lines to info.log, which are fit to be shown: there are millions of them."""
        self._told = True
        self._write("INFO", text, self._info)

    def warning(self, text: str) -> None:
        """Write lines to info.log and warn.log."""
        self._write("WARN", printable_lines(text), self._info, self._warn)

    def error(self, text: str) -> None:
        """Write lines to all three."""
        self._told = True
        self._write("ERROR", printable_lines(text), self._info, self._warn, self._error)

    @property
    def debugging(self) -> bool:
        """Whether debug.log was asked for."""
        return self._debug is not None

    def debug(self, text: str) -> None:
        """Write lines to debug.log, when there is one."""
        if self._debug:
            self._write("DEBUG", printable_lines(text), self._debug)

    def close(self) -> None:
        """Close the files."""
        for file in (self._info, self._warn, self._error, self._debug):
            if file:
                file.close()

    def _write(self, level: str, text: str, *files: LogFile) -> None:
        data = self._lines(level, text)
        for file in files:
            if file in self._lacking:
                self._lacking.discard(file)
                file.append(self._lines("INFO", self._header))
            file.append(data)

    def _lines(self, level: str, text: str) -> bytes:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._clock()))
        prefix = f"{stamp} [{level}] [{self._pid}] "
        lines = prefix + text.rstrip("\n").replace("\n", "\n" + prefix) + "\n"
        return lines.encode("utf-8", "backslashreplace")


class AppendFile:
    """A file that whole lines are appended to, by several processes at once.

    What cannot be written is said once on stderr and tried again later.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.problem = ""
        """Why the last lines that could not be written were not."""
        self._clock = clock
        self._descriptor: int | None = None
        self._quiet_until = 0.0
        self._complained = False
        self._torn = False
        """Whether the file may end in a part of a line."""

    def append(self, data: bytes) -> bool:
        """Append whole lines with one write; return whether they are there.

        Never raises: a list must not end a run.
        """
        now = self._clock()
        if 0 < self._quiet_until - now <= _RETRY_AFTER:  # the clock may be set back
            return False
        try:
            self._prepare(now)
            if self._descriptor is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
                self._descriptor = os.open(self.path, flags, 0o644)
            self._write(self._descriptor, data)
        except OSError as error:
            self.problem = error.strerror or str(error)
            self._quiet_until = now + _RETRY_AFTER
            self.close()
            if not self._complained:
                self._complained = True
                with contextlib.suppress(OSError, ValueError):
                    print(f"warning: {self.path}: {self.problem}", file=sys.stderr)
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _prepare(self, now: float) -> None:
        """Do what has to be done before a write at `now`."""

    def _write(self, descriptor: int, data: bytes) -> None:
        """Write; a disk that gets full takes a part, and says why when it is given the rest."""
        if self._torn:
            data = b"\n" + data
        written = os.write(descriptor, data)
        while written < len(data):
            self._torn = True
            written += os.write(descriptor, data[written:])
        self._torn = False


class LogFile(AppendFile):
    """An AppendFile of which each day gets its own; the last carries the plain name."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path, clock)
        self._day = ""
        self._next_look = 0.0

    def _prepare(self, now: float) -> None:
        """Roll away what is of an earlier day; reopen when another process did."""
        if self._descriptor is not None and now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY
        today = time.strftime("%Y-%m-%d", time.localtime(now))
        if today != self._day:
            self._day = today
            self._roll(today, now)
        if self._descriptor is not None and not self._is_current(self._descriptor):
            self.close()

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except OSError:
            return False

    def _roll(self, today: str, now: float) -> None:
        """Rename a file last written on an earlier day, and remove what is too old."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.parent / ".roll.lock")
        try:
            held = lock.acquire()
        except NoFileLocks:
            held = False
        if not held:
            self._day = ""  # another process does it: look again
            return
        try:
            written = self.path.stat()
            day = time.strftime("%Y-%m-%d", time.localtime(written.st_mtime))
            if day < today and written.st_size:
                self.close()
                rolled = self.path.with_name(f"{self.path.name}.{day}")
                # On Windows a file that another process has open cannot be renamed.
                with contextlib.suppress(PermissionError):
                    self.path.replace(rolled)
        except FileNotFoundError:
            pass
        finally:
            self._remove_old(now)
            lock.release()

    def _remove_old(self, now: float) -> None:
        oldest = time.strftime("%Y-%m-%d", time.localtime(now - _KEEP_DAYS * 86_400))
        for path in self.path.parent.glob(f"{self.path.name}.????-??-??"):
            if path.name[-10:] < oldest:
                with contextlib.suppress(OSError):
                    path.unlink()
