"""Files that grow by whole lines, shared by several processes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cos_migrate.safe_files import PRIVATE_FOLDER, PUBLIC_FILE, open_safely

RETRY_AFTER = 30.0
"""Seconds after which a file that could not be written is tried again."""


class AppendFile:
    """A file to which several processes append whole lines.

    The first failure to write is reported on stderr; writing is tried again later.
    """

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.time, mode: int = PUBLIC_FILE
    ) -> None:
        """`mode`: of a new file."""
        self.path = path
        self._mode = mode
        self.problem = ""
        """The reason of the last failure to write."""
        self._clock = clock
        self._descriptor: int | None = None
        self._quiet_until = 0.0
        self._complained = False
        self._torn = False
        """Whether the file may end in an incomplete line."""

    def append(self, data: bytes) -> bool:
        """Append whole lines with one write; return whether they were written. Never raises."""
        now = self._clock()
        if 0 < self._quiet_until - now <= RETRY_AFTER:  # the clock may be set back
            return False
        try:
            self._prepare(now)
            if self._descriptor is None:
                self._descriptor = self._open_to_append()
            self._write(self._descriptor, data)
        except OSError as error:
            self.problem = error.strerror or str(error)
            self._quiet_until = now + RETRY_AFTER
            self.close()
            if not self._complained:
                self._complained = True
                with contextlib.suppress(OSError, ValueError):
                    print(
                        f"warning: {self.path}: {self.problem}; its lines are lost until it can "
                        "be written",
                        file=sys.stderr,
                    )
            return False
        return True

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _prepare(self, now: float) -> None:
        """Prepare for a write at `now`. Raises OSError."""

    def _open_to_append(self) -> int:
        """Open the file; make it and its folder if missing. Raises OSError."""
        try:
            self.path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        except FileExistsError:
            problem = f"{self.path.parent} is no folder"
            raise NotADirectoryError(errno.ENOTDIR, problem) from None
        return open_safely(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, self._mode)

    def _write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data`; on a full disk, write a part and raise OSError."""
        if self._torn:
            data = b"\n" + data
        written = os.write(descriptor, data)
        while written < len(data):
            self._torn = True
            written += os.write(descriptor, data[written:])
        self._torn = False
