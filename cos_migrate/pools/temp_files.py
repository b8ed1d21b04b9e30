"""Temporary files for objects that cannot be streamed, in a folder of this job alone."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path

from cos_migrate.descriptors import retry_while_exhausted
from cos_migrate.errors import StateError
from cos_migrate.lock import FileLock
from cos_migrate.safe_files import PrivateFolder

RESERVE = 1 << 30
"""Bytes of the disk that are never filled."""
_LOCK = ".lock"
_TAKE_TRIES = 100
_OURS = re.compile(r"[0-9]+|worker-[0-9a-f]+(\.big)?")
"""Names of the files made here; others are never removed."""


class TempFiles:
    """The folder of one job below `tmpFolder`; leftovers of a killed run are removed.

    It belongs to this user alone, and no link is followed to it or in it.
    """

    def __init__(self, tmp_folder: Path, job: str) -> None:
        """Make nothing before the first file is needed, but remove leftovers."""
        self.folder = tmp_folder / f"spool-{job}"
        self._lock: FileLock | None = None
        self._place: PrivateFolder | None = None
        self._files: dict[object, tuple[str, int]] = {}
        self._number = 0
        self._is_shared = True

    def do_without(self) -> None:
        """Reserve nothing any more: not all workers see the folder."""
        self._is_shared = False

    def open(self) -> None:
        """Take the folder and empty it. Raises StateError."""
        try:
            place = self._take()
            if place is None:
                raise StateError(
                    f"{self.folder} is in use by another process with the same configuration; "
                    "wait for its end, or set another tmpFolder"
                )
            self._empty(place)
        except OSError as error:
            self.close()
            raise StateError(f"cannot use {self.folder}: {error.strerror}") from error

    def _take(self) -> PrivateFolder | None:
        """Make the folder and lock it; return None when another process has it."""
        for _ in range(_TAKE_TRIES):
            try:
                place = PrivateFolder.make_or_open(self.folder)
            except FileNotFoundError:  # removed in between by a process that ends just now
                continue
            lock = FileLock(self.folder / _LOCK, place)
            try:
                if not lock.acquire():
                    place.close()
                    return None
                if place.is_in_place():
                    self._place, self._lock = place, lock
                    return place
            except FileNotFoundError:  # as above
                pass
            except BaseException:
                place.close()
                raise
            lock.release()
            place.close()
        return None

    def reserve(self, owner: object, size: int) -> str:
        """Make a file of `size` bytes for `owner` and return its path; "": there is no room for it.

        "" also if it cannot be made. A file that the owner had is removed. `owner` is one sending
        of an object: keys that differ only by a leading `/` go to the same path.
        """
        self.release(owner)
        place = self._place
        if place is None or not self._is_shared:
            return ""
        promised = sum(total - _allocated(place, name) for name, total in self._files.values())
        try:
            if _free(self.folder) - promised - size < RESERVE:
                return ""
            self._number += 1
            name = f"{self._number}"
            with os.fdopen(retry_while_exhausted(lambda: place.create(name)), "r+b") as file:
                file.truncate(size)
        except OSError:
            return ""
        self._files[owner] = name, size
        return str(self.folder / name)

    def create(self) -> tuple[str, int]:
        """Make an empty file; return its path, which is also its owner, and its descriptor.

        Raises OSError.
        """
        place = self._place
        if place is None:
            raise OSError(errno.ENOENT, "the folder of temporary files is not open")
        self._number += 1
        name = f"{self._number}"
        path = str(self.folder / name)
        descriptor = retry_while_exhausted(lambda: place.create(name))
        self._files[path] = name, 0
        return path, descriptor

    def adopt(self, owner: object, path: str, size: int) -> None:
        """Keep account of a file that a worker has made here."""
        self._files[owner] = os.path.basename(path), size

    def release(self, owner: object) -> None:
        """Remove the file of `owner`, if it has one."""
        found = self._files.pop(owner, None)
        if found and self._place:
            # One that cannot go now (Windows: a virus scanner has it open) goes with the folder.
            with contextlib.suppress(OSError):
                self._place.remove(found[0])

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        place, lock = self._place, self._lock
        if place is None or lock is None:
            return
        self._place = self._lock = None
        try:
            self._empty(place)
        except OSError:
            pass  # the next start of this job removes it
        try:
            lock.remove()
            if place.is_in_place():
                self.folder.rmdir()
        except OSError:
            pass
        finally:
            place.close()

    def _empty(self, place: PrivateFolder) -> None:
        self._files.clear()
        for name in place.names():
            if _OURS.fullmatch(name):
                place.remove(name)


def _allocated(place: PrivateFolder, name: str) -> int:
    """Return how many bytes of the disk a file takes already."""
    try:
        found = place.stat(name)
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
