"""The copy of a record database that a dry run reads, in a folder of its own below `tmpFolder`."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from cos_migrate.errors import StateError
from cos_migrate.lock import FileLock
from cos_migrate.state.opening import open_copy
from cos_migrate.state.store import RecordStore

_LOCK = ".lock"
_TRIES = 100


@contextlib.contextmanager
def copied_store(
    folder: Path,
    tmp_folder: Path,
    job: str,
    *,
    max_open_files: int,
    notify: Callable[[str], None],
) -> Iterator[RecordStore]:
    """Yield an open copy of the database in `folder`; the copy is removed at the end.

    `job`: part of the names of its files; copies that killed dry runs of it have left are removed.
    `notify`: as in `open_store`. Raises StateError.
    """
    name = f"dry-run-{job}-"
    try:
        _remove_leftovers(tmp_folder, name)
        place, lock = _take(tmp_folder, name)
    except OSError as error:
        raise StateError(f"cannot use {tmp_folder}: {error.strerror}") from error
    try:
        with open_copy(folder, place / "db", max_open_files=max_open_files, notify=notify) as state:
            yield state
    finally:
        lock.release()
        shutil.rmtree(place, ignore_errors=True)


def _take(tmp_folder: Path, name: str) -> tuple[Path, FileLock]:
    """Make a folder for this user alone, and lock it. Raises OSError."""
    for _ in range(_TRIES):
        place = Path(tempfile.mkdtemp(prefix=name, dir=tmp_folder))
        lock = FileLock(place / _LOCK)
        # Another process may take it for a leftover until it is locked.
        with contextlib.suppress(FileNotFoundError):
            if lock.acquire():
                return place, lock
    raise FileNotFoundError(errno.ENOENT, "its new folders are removed again and again")


def _remove_leftovers(tmp_folder: Path, name: str) -> None:
    for place in tmp_folder.glob(f"{name}*"):
        with contextlib.suppress(OSError):  # another user's, or removed meanwhile
            lock = FileLock(place / _LOCK)
            if not place.is_symlink() and lock.acquire():
                shutil.rmtree(place, ignore_errors=True)
                lock.release()
                shutil.rmtree(place, ignore_errors=True)  # Windows keeps a file that is open
