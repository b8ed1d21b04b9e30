"""File locks, held by one process at a time; the system frees them when the process ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from cos_migrate.safe_files import PrivateFolder, open_safely

_HELD = frozenset({errno.EAGAIN, errno.EWOULDBLOCK})
_HELD_ON_WINDOWS = frozenset({errno.EACCES, errno.EDEADLK})
_NO_LOCKS = frozenset(
    {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY}
)
"""Errors of file systems without locks (NFS without a lock daemon, some FUSE drives)."""


class NoFileLocks(OSError):
    """The file system has no file locks."""

    def __init__(self, error: OSError, path: Path) -> None:
        why = error.strerror or error
        text = f"its file system keeps no file locks ({why}): use a folder on a local disk"
        super().__init__(error.errno, text, str(path))


class FileLock:
    """An advisory lock, held on a file that is made for it."""

    def __init__(self, path: Path, folder: PrivateFolder | None = None) -> None:
        """`folder`: the open folder of the file, where there is one."""
        self._path = path
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock; return False when it is held already, even by this process.

        Raises NoFileLocks, or OSError when the file cannot be created.
        """
        while True:
            descriptor = self._open()
            try:
                _lock(descriptor)
            except OSError as error:
                os.close(descriptor)
                if _is_held(error):
                    return False
                if error.errno in _NO_LOCKS:
                    raise NoFileLocks(error, self._path) from error
                raise
            if self._is_there(descriptor):
                self._descriptor = descriptor
                return True
            os.close(descriptor)  # its holder has removed the file: lock a new one

    def remove(self) -> None:
        """Remove the file of a held lock, and release it."""
        if self._descriptor is None:
            return
        if sys.platform == "win32":  # open files cannot be removed there
            self.release()
        with contextlib.suppress(OSError):
            if self._folder:
                self._folder.remove(self._path.name)
            else:
                self._path.unlink()
        self.release()

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT
        if self._folder:
            return self._folder.open(self._path.name, flags)
        return open_safely(self._path, flags)

    def _is_there(self, descriptor: int) -> bool:
        try:
            found = self._folder.stat(self._path.name) if self._folder else self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(descriptor), found)

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_held(error: OSError) -> bool:
    held = _HELD_ON_WINDOWS if sys.platform == "win32" else _HELD
    return error.errno in held


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
