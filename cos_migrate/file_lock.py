"""A lock that one process holds and that the system frees when the process ends, however."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path


class FileLock:
    """An advisory lock on a file of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock; return False when another process, or another of ours, has it.

        Raises OSError when the file cannot be made.
        """
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _lock(descriptor)
            except OSError:
                os.close(descriptor)
                return False
            if self._is_there(descriptor):
                self._descriptor = descriptor
                return True
            os.close(descriptor)  # it was removed by whoever held it: who comes now makes another

    def remove(self) -> None:
        """Remove the file of a lock that is held, and free it."""
        if self._descriptor is None:
            return
        if sys.platform == "win32":  # what is open cannot be removed there
            self.release()
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.release()

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Free it; a second time does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # flock, not lockf: the latter is lost when any descriptor of the file is closed.
        with contextlib.suppress(InterruptedError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
