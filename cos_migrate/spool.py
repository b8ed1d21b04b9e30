"""Temporary files for objects that cannot be streamed, in a folder of this job alone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cos_migrate.errors import StateError
from cos_migrate.file_lock import FileLock

RESERVE = 1 << 30
"""Bytes of the disk that are never filled."""
_LOCK = ".lock"
_TAKE_TRIES = 100


class Spool:
    """The folder of one job below `tmpFolder`; what a dead run left there is removed."""

    def __init__(self, tmp_folder: Path, job: str) -> None:
        """Nothing is made before the first file is wanted, except that leftovers go."""
        self.folder = tmp_folder / f"spool-{job}"
        self._lock = FileLock(self.folder / _LOCK)
        self._files: dict[object, tuple[Path, int]] = {}
        self._number = 0
        self._open = False

    def open(self) -> None:
        """Take the folder and empty it. Raises StateError."""
        try:
            if not self._take():
                raise StateError(
                    f"{self.folder} is in use by another process with the same configuration; "
                    "wait for its end, or set another tmpFolder"
                )
            self._open = True
            self._empty()
        except OSError as error:
            raise StateError(f"cannot use {self.folder}: {error.strerror}") from error

    def _take(self) -> bool:
        """Make the folder and lock it; return False when another process has it."""
        for _ in range(_TAKE_TRIES):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                return self._lock.acquire()
            except (FileNotFoundError, FileExistsError):
                if self.folder.is_file():
                    raise
                # Whoever ends just now has removed it in between.
        return False

    def reserve(self, owner: object, size: int) -> str:
        """Return the path of a new file of `size` bytes for `owner`, empty where there is no room.

        The file that the owner had before is removed. `owner` is one sending of an object: keys
        that differ only by a leading `/` go to the same path.
        """
        self.release(owner)
        promised = sum(total - _allocated(path) for path, total in self._files.values())
        try:
            if _free(self.folder) - promised - size < RESERVE:
                return ""
            self._number += 1
            path = self.folder / f"{self._number}"
            path.touch(0o600)  # what comes in it may be encrypted only on its way out
            with path.open("r+b") as file:
                file.truncate(size)
        except OSError:
            return ""
        self._files[owner] = path, size
        return str(path)

    def adopt(self, owner: object, path: str, size: int) -> None:
        """Keep account of a file that a worker has made here."""
        self._files[owner] = Path(path), size

    def release(self, owner: object) -> None:
        """Remove the file of `owner`, if it has one."""
        found = self._files.pop(owner, None)
        if found:
            # One that cannot go now (Windows: a virus scanner has it open) goes with the folder.
            with contextlib.suppress(OSError):
                found[0].unlink()

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        if not self._open:
            return
        self._open = False
        try:
            self._empty()
        except OSError:
            pass  # the next start of this job removes it
        self._lock.remove()
        try:
            self.folder.rmdir()
        except OSError:
            pass

    def _empty(self) -> None:
        self._files.clear()
        for name in os.listdir(self.folder):
            if name != _LOCK:
                (self.folder / name).unlink()


def _allocated(path: Path) -> int:
    """Return how many bytes of the disk a file takes already."""
    try:
        found = path.stat()
    except OSError:
        return 0
    blocks = getattr(found, "st_blocks", None)
    return blocks * 512 if blocks is not None else int(found.st_size)


def _free(folder: Path) -> int:
    from shutil import disk_usage  # noqa: PLC0415 - most runs need no spool

    return disk_usage(folder).free


def has_room(folder: str, size: int) -> bool:
    """Return whether a file of `size` bytes fits beside what must stay free."""
    try:
        return _free(Path(folder)) - size >= RESERVE
    except OSError:
        return False
