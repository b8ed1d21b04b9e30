"""The files below `log/`: appended to a whole line at a time and shared by all jobs.

They are rolled daily and at a size, compressed then, and kept for 30 days.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cos_migrate.lock import FileLock, NoFileLocks
from cos_migrate.report import log_archive
from cos_migrate.report.log_archive import Packer
from cos_migrate.safe_files import PRIVATE_FOLDER, PUBLIC_FILE, open_named
from cos_migrate.text import printable_lines

_KEEP_DAYS = 30
ROLL_SIZE = 512 << 20
"""Bytes of a log after which it is rolled."""
PATIENCE = 60.0
"""Seconds that the end of a run waits for rolled logs to be compressed."""
_LOOK_EVERY = 1.0
"""Seconds between two looks whether another process has rolled a file away."""
_RETRY_AFTER = 30.0


class Logs:
    """info.log, warn.log, error.log and, when asked for, debug.log of one folder."""

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
        self._packer = Packer()

        def log_file(name: str) -> LogFile:
            return LogFile(folder / name, clock, mode, roll_size, self._packer)

        self._info = log_file("info.log")
        self._warn = log_file("warn.log")
        self._error = log_file("error.log")
        self._debug = log_file("debug.log") if debug else None
        self._pid = os.getpid()
        self._header = ""
        self._told = False
        """Whether anything but warnings stands behind the last header."""

    def begin(self, header: str) -> None:
        """Begin a run: its header goes to info.log, each other file is there from now on.

        A run that only warnings stand before, those of its configuration, has begun already.
        """
        if header == self._header and not self._told:
            return
        self._header, self._told = header, False
        self._write("INFO", header, self._info)
        for file in (self._warn, self._error):
            file.append(b"")  # what watches these files finds them, as with the Java tool

    def ended(self, how: str) -> None:
        """Note how a run ended: the last line of it in info.log."""
        self.info(printable_lines(f"run ended: {how}"))

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

    def close(self, patience: float = PATIENCE) -> None:
        """Close the files; wait so many seconds at most for what is being compressed."""
        for file in (self._info, self._warn, self._error, self._debug):
            if file:
                file.close()
        self._packer.close(patience)

    def _write(self, level: str, text: str, *files: LogFile) -> None:
        data = self._lines(level, text)
        for file in files:
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

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.time, mode: int = PUBLIC_FILE
    ) -> None:
        """`mode`: of a new file."""
        self.path = path
        self._mode = mode
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
                self._descriptor = self._open()
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

    def _open(self) -> int:
        """Open the file, and make it and its folder where they are not there. Raises OSError."""
        self.path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        return open_named(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, self._mode)

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
    """An AppendFile that is rolled: the last of its files carries the plain name."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        mode: int = PUBLIC_FILE,
        roll_size: int = ROLL_SIZE,
        packer: Packer | None = None,
    ) -> None:
        """`packer` compresses what was rolled; None: it stays as it is."""
        super().__init__(path, clock, mode)
        self._roll_size = roll_size
        self._packer = packer
        self._day = ""
        self._next_look = 0.0
        self._next_roll = 0.0

    def _open(self) -> int:
        descriptor = super()._open()
        log_archive.take_part(descriptor)
        return descriptor

    def _prepare(self, now: float) -> None:
        """Roll away what is of an earlier day or too large; reopen when another process did."""
        # The clock may be set back.
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
        """Rename a file that is full or of an earlier day, and remove what is too old."""
        self.path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        lock = FileLock(self.path.parent / ".roll.lock")
        try:
            held = lock.acquire()
        except NoFileLocks:
            held = True  # the names of rolled files are claimed, so that none is lost
        if not held:
            self._day = ""  # another process does it: look again
            return
        try:
            found = os.lstat(self.path)
            day = _day_of(found.st_mtime)
            # What is a link is rolled by those who have linked it.
            if stat.S_ISREG(found.st_mode) and (
                (day < today and found.st_size) or found.st_size >= self._roll_size
            ):
                self._rename(day, now)
        except FileNotFoundError:
            pass
        finally:
            log_archive.remove_old(self.path, _day_of(now - _KEEP_DAYS * 86_400))
            lock.release()
        if self._packer:
            self._packer.pack(self.path)

    def _rename(self, day: str, now: float) -> None:
        """Give the file the name of a day. Raises OSError."""
        self.close()
        rolled = log_archive.claim(self.path, day)
        try:
            self.path.replace(rolled)
        except OSError as error:
            with contextlib.suppress(OSError):
                rolled.unlink()
            # On Windows a file that another process has open cannot be renamed.
            if not isinstance(error, PermissionError):
                raise
            self._next_roll = now + _RETRY_AFTER


def _day_of(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
