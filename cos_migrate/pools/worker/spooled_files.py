"""Temporary files of a worker: made new in the job's folder, and read and written there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from cos_migrate.descriptors import exhaustion_code
from cos_migrate.errors import Code, Side, SourceError
from cos_migrate.safe_files import private_parent


@contextmanager
def unique_file(folder: str) -> Iterator[str]:
    """Yield the path for a new temporary file, which is removed at the end."""
    unique = os.urandom(8).hex()
    path = os.path.join(folder, f"worker-{unique}")
    try:
        yield path
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def make_file(path: str) -> None:
    """Make a new temporary file. Raises SourceError."""
    try:
        with private_parent(path) as (folder, name):
            os.close(folder.create(name))
    except OSError as error:
        raise _file_error(error, path) from error


def rename_file(path: str, new: str) -> None:
    """Rename a temporary file. Raises SourceError."""
    try:
        with private_parent(path) as (folder, name):
            folder.rename(name, os.path.basename(new))
    except OSError as error:
        raise _file_error(error, path) from error


@contextmanager
def writing(path: str, offset: int) -> Iterator[BinaryIO]:
    """Yield an existing temporary file, open for writing at `offset`. Raises SourceError."""
    try:
        with private_parent(path) as (folder, name):
            descriptor = folder.open(name, os.O_RDWR)
        with os.fdopen(descriptor, "r+b") as file:
            file.seek(offset)
            yield file
    except OSError as error:
        raise _file_error(error, path) from error


class SpooledReader:
    """Reads a range of a temporary file; a context manager."""

    def __init__(self, path: str, start: int, length: int) -> None:
        self._path = path
        self._left = length
        try:
            with private_parent(path) as (folder, name):
                self._file = os.fdopen(folder.open(name, os.O_RDONLY), "rb")
        except OSError as error:
            raise _file_error(error, path) from error
        self._file.seek(start)

    def __enter__(self) -> SpooledReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; fewer only at the end of the range. Raises SourceError."""
        wanted = size if self._left < 0 else min(size, self._left)
        try:
            data = self._file.read(wanted)
        except OSError as error:
            raise _file_error(error, self._path) from error
        if self._left >= 0:
            self._left -= len(data)
        return data

    def check_unchanged(self) -> None:
        """Do nothing: no other process writes to the file."""


def _file_error(error: OSError, path: str) -> SourceError:
    return SourceError(
        f"the temporary file {path}: {error.strerror}",
        operation="spool",
        side=Side.HERE,
        target=path,
        code=exhaustion_code(error) or Code.TMP_FOLDER,
    )


def no_room(folder: str) -> SourceError:
    """Return the error for an object of unknown size that does not fit on the disk."""
    return SourceError(
        f"its size is not known, and it does not fit into {folder}; free space on that disk, or "
        "set another tmpFolder",
        operation="spool",
        side=Side.HERE,
        target=folder,
        code=Code.TMP_FOLDER,
    )
