"""The record database: LevelDB, or RocksDB where there is no LevelDB for this Python.

It alone opens databases. What format a folder has is decided by looking at its files, before any
library touches it: each of the two damages or converts what the other has written.
"""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from cos_migrate.errors import StateError
from cos_migrate.file_lock import FileLock

IN_USE = "init db error, may be another process with same config is running "
"""The Java tool's words, which scripts look for."""
_MARKER = "COSMIGRATE"
"""A file in our own RocksDB folders: the Java tool's have none."""
_LEVELDB, _ROCKSDB = "leveldb", "rocksdb"


class Engine(Protocol):
    """What both libraries offer, in one form."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""

    def write(
        self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes], *, sync: bool
    ) -> None:
        """Write one batch that is there whole or not at all."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs whose key begins with `prefix`, in order."""

    def close(self) -> None:
        """Close the files."""


class Damaged(Exception):
    """The library calls its own files damaged."""


class State:
    """An open record database."""

    def __init__(self, folder: Path, engine: Engine, lock: FileLock, notices: list[str]) -> None:
        self.folder = folder
        self.notices = tuple(notices)
        """What opening found that a user should know."""
        self._engine = engine
        self._lock = lock
        self._open = True

    @classmethod
    def open(cls, folder: Path, *, engine: str = "auto", max_open_files: int = 0) -> State:
        """Open or create the database in `folder`; `engine` decides only for a new one.

        Raises StateError: `in-use`, `wrong-format`, `unusable`, or `damaged` as its code.
        """
        _make_folder(folder)
        lock = FileLock(folder.with_name(folder.name + ".lock"))
        try:
            if not lock.acquire():
                raise StateError(IN_USE, operation="open", target=str(folder), code="in-use")
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            kind = _kind_for(folder, engine)
            notices: list[str] = []
            opened = _open_or_mend(folder, kind, max_open_files, notices)
        except BaseException:
            lock.release()
            raise
        return cls(folder, opened, lock, notices)

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None when it has none. Raises StateError."""
        try:
            return self._engine.get(key)
        except Damaged as error:
            raise self._damage(error) from error

    def write(
        self,
        puts: Sequence[tuple[bytes, bytes]],
        deletes: Sequence[bytes] = (),
        *,
        sync: bool = False,
    ) -> None:
        """Write one batch; `sync` makes it and all before it outlive a power cut.

        Raises StateError.
        """
        try:
            self._engine.write(puts, deletes, sync=sync)
        except Damaged as error:
            raise self._damage(error) from error
        except OSError as error:
            raise _unusable(self.folder, error) from error

    def sync(self) -> None:
        """Make all that was written outlive a power cut. Raises StateError."""
        self.write([(b"[cosmigrate sync]", b"")], sync=True)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs whose key begins with `prefix`, in order. Raises StateError."""
        try:
            yield from self._engine.scan(prefix)
        except Damaged as error:
            raise self._damage(error) from error

    def close(self) -> None:
        """Close it; a second time does nothing."""
        if self._open:
            self._open = False
            self._engine.close()
            self._lock.release()

    def __enter__(self) -> State:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _damage(self, error: Damaged) -> StateError:
        return StateError(
            f"the record database {self.folder} is damaged ({error}); nothing was lost on COS: "
            "move the folder away and run again (everything is sent again), or restore it from a "
            "backup",
            target=str(self.folder),
            code="damaged",
            fatal=True,
        )


def note_run(folder: Path, line: str) -> None:
    """Append which job a database is of to the `README` beside it."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    text = f"[time: {stamp}], [{folder.name}] {line}\n"
    descriptor = os.open(folder.parent / "README", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, text.encode("utf-8", "backslashreplace"))
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> StateError:
    what = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
    return StateError(
        f"the record database {folder} cannot be used: {what}",
        operation="open",
        target=str(folder),
        code="unusable",
        fatal=True,
    )


def _kind_for(folder: Path, engine: str) -> str:
    """Return which library a folder belongs to, by its files alone."""
    names = {path.name for path in folder.iterdir()}
    if _MARKER in names:
        return _ROCKSDB
    if "IDENTITY" in names or any(name.startswith("OPTIONS-") for name in names):
        raise StateError(
            f"the record database {folder} was written by the Java tool (RocksDB), which this "
            "version cannot take over; move the folder away to begin with an empty one",
            target=str(folder),
            code="wrong-format",
        )
    if any(name == "CURRENT" or name.startswith("MANIFEST-") for name in names):
        return _LEVELDB
    if engine != "auto":
        return engine
    return _LEVELDB if _importable("plyvel") else _ROCKSDB


def _importable(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _open_or_mend(folder: Path, kind: str, max_open_files: int, notices: list[str]) -> Engine:
    """Open the database; one that is damaged is kept aside and repaired, or begun anew."""
    library = _library(folder, kind)
    try:
        return _open(library, folder, max_open_files)
    except Damaged as error:
        aside = folder.with_name(f"{folder.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        shutil.copytree(folder, aside)
        notices.append(f"the record database {folder} was damaged ({error}); a copy is {aside}")
    try:
        library.repair(folder)
        opened = _open(library, folder, max_open_files)
        notices.append("it was repaired: what its records have lost is sent again")
    except Damaged:
        for path in folder.iterdir():
            path.unlink()
        opened = _open(library, folder, max_open_files)
        notices.append("it could not be repaired and begins anew: everything is sent again")
    return opened


def _open(library: Any, folder: Path, max_open_files: int) -> Engine:
    try:
        engine: Engine = library.open_engine(folder, max_open_files)
    except OSError as error:
        raise _unusable(folder, error) from error
    return engine


def _library(folder: Path, kind: str) -> Any:
    """Return our module for a kind of database. Raises StateError when its library is missing."""
    needed, ways_out = {
        _LEVELDB: ("plyvel", "use Python 3.10 to 3.12, for which there is a LevelDB package"),
        _ROCKSDB: ("rocksdict", "install the package rocksdict"),
    }[kind]
    if not _importable(needed):
        raise StateError(
            f"the record database {folder} is of the kind {kind}, which this Python cannot open; "
            f"{ways_out}, or move the folder away to begin with an empty one",
            target=str(folder),
            code="wrong-format",
        )
    if kind == _ROCKSDB:
        (folder / _MARKER).touch()
    return importlib.import_module(f"cos_migrate.state_{kind}")
