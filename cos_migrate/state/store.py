"""The record database: LevelDB, or RocksDB where there is no LevelDB for this Python.

It alone opens databases; `state_leveldb` and `state_rocksdb` are its two libraries, and
`files` tells them apart. Records save work, they are no data: a damaged database is kept
aside and repaired or begun anew, and what it has lost is sent again.
"""

from __future__ import annotations

import abc
import contextlib
import importlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from cos_migrate.errors import StateError
from cos_migrate.lock import FileLock
from cos_migrate.safe_files import make_folder, make_folders, open_named, write_file
from cos_migrate.state import folder as files
from cos_migrate.state import java as take_over
from cos_migrate.state.folder import (
    JAVA,
    LEVELDB,
    NEW,
    OLD_JAVA,
    OUR_ROCKSDB,
    README,
    ROCKSDB,
    TAKEN_OVER,
    Damaged,
)

IN_USE = "init db error, may be another process with same config is running "
"""The Java tool's words, which scripts look for."""
_LEVELS = 3
"""Folders below `db/`, the database's own among them, that belong to this user."""
_PACKAGES = {LEVELDB: "plyvel", ROCKSDB: "rocksdict"}
_READ_BY = {JAVA: ROCKSDB, OLD_JAVA: LEVELDB}
"""Which of them reads the Java tool's databases."""
_WAYS_OUT = {
    LEVELDB: "install the package plyvel (Python 3.10, 3.11 or 3.12: there is none for later)",
    ROCKSDB: "install the package rocksdict",
}


def _to_nobody(_: str) -> None:
    pass


class State(abc.ABC):
    """An open record database.

    What `write` was given outlives the end of this process, however it ends; `sync` makes it
    outlive a power cut too. All methods raise StateError: of code `unusable` when the system
    refuses (disk full, permissions), `damaged` when the files contradict themselves.
    """

    engine: ClassVar[str]
    """`leveldb` or `rocksdb`."""
    notices: tuple[str, ...] = ()
    """What opening found that a user should know."""

    def __init__(self, folder: Path, lock: FileLock | None, max_open_files: int) -> None:
        """Open or create the files; `lock` is held, and let go of when it is closed.

        Raises Damaged, or OSError.
        """
        self.folder = folder
        self.taken_over = (folder / TAKEN_OVER).exists()
        """Whether records of the Java tool are among those in it."""
        self._lock = lock
        self._closed = False
        self._broken: StateError | None = None
        self.was_empty = not (folder / "CURRENT").exists()
        """Whether it is a new one, in which nothing is recorded yet."""
        self._connect(max_open_files)

    @staticmethod
    @abc.abstractmethod
    def repair(folder: Path) -> None:
        """Rebuild what can be. Raises Damaged when nothing can."""

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        engine: str = "auto",
        max_open_files: int = 0,
        tell: Callable[[str], None] = _to_nobody,
    ) -> State:
        """Open or create the database in `folder`; `engine` decides only for a new one.

        `tell` is told, now and then, how far the take-over of a huge database of the Java tool is.
        Raises StateError: `in-use`, `wrong-format`, `damaged` or `unusable` as its code.
        """
        lock = FileLock(folder.with_name(folder.name + ".lock"))
        try:
            return _opened(folder, engine, lock, max_open_files, tell)
        except OSError as error:
            lock.release()
            raise files.unusable(folder, error, "open") from error
        except BaseException:
            lock.release()
            raise

    @abc.abstractmethod
    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None when it has none."""

    @contextlib.contextmanager
    def in_order(self) -> Iterator[Callable[[bytes], bytes | None]]:
        """Give a `get` of what is there now that is quick when keys come in their order."""
        yield self.get

    @abc.abstractmethod
    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over the pairs whose key begins with `prefix`, in order, as they are now."""

    def write(
        self,
        puts: Sequence[tuple[bytes, bytes]],
        deletes: Sequence[bytes] = (),
        *,
        sync: bool = False,
    ) -> None:
        """Write one batch, first `puts`, then `deletes`: it is there whole or not at all.

        `sync`: it and all before it outlive a power cut. After a failed write all further ones
        fail: behind half a batch they could not be read again.
        """
        if self._broken:
            raise self._broken
        try:
            self._write(puts, deletes, sync=sync)
        except StateError as error:
            self._broken = error
            raise
        except OSError as error:
            self._broken = files.unusable(self.folder, error, "write")
            raise self._broken from error

    def sync(self) -> None:
        """Make all that was written outlive a power cut."""
        self.write((), sync=True)

    def close(self) -> None:
        """Close it; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._close()
        finally:
            if self._lock:
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

    @abc.abstractmethod
    def _connect(self, max_open_files: int) -> None:
        """Open or create the files; 0 means our own number. Raises Damaged, or OSError."""

    @abc.abstractmethod
    def _write(
        self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes], *, sync: bool
    ) -> None:
        """Write one batch. Raises StateError, or OSError."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Close the files."""

    def _unreadable(self, words: str) -> StateError:
        """Return what to raise when the library could not read: never 'there is no record'."""
        refused = files.refusal(self.folder)
        if refused:
            return files.unusable(self.folder, refused, "read")
        return files.damage_met(self.folder, words)


def note_run(folder: Path, line: str) -> None:
    """Append which job a database is of to the `README` in its folder. Raises StateError."""
    text = line.replace("\r", "\\r").replace("\n", "\\n")
    text = f"[time: {time.strftime('%Y-%m-%d %H:%M:%S')}], {text}\n"
    try:
        descriptor = open_named(folder / README, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(descriptor, text.encode("utf-8", "backslashreplace"))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise files.unusable(folder, error, "write") from error


def _opened(
    folder: Path, engine: str, lock: FileLock, max_open_files: int, tell: Callable[[str], None]
) -> State:
    """Take the lock and open what is in the folder. Raises StateError, OSError."""
    make_folders(folder.parent, _LEVELS - 1)
    if not lock.acquire():
        raise _in_use(folder)
    notices = take_over.resume(folder)
    make_folder(folder)
    if files.held_by_library(folder):
        raise _in_use(folder)
    files.keep_private(folder)
    library = _READ_BY.get(files.format_of(folder))
    if library:
        notices = _take_over(folder, library, engine, tell)
    state = _open_or_mend(_kind_for(folder, engine), folder, lock, max_open_files)
    state.notices = (*notices, *state.notices)
    return state


def _kind_for(folder: Path, engine: str) -> type[State]:
    """Return our class for the folder: it keeps its format. Raises StateError, OSError."""
    kind = files.format_of(folder)
    if kind == NEW:
        kind = engine if engine != "auto" else _kind_here(folder)
    elif not _importable(_PACKAGES[kind]):
        raise _wrong_format(
            f"the record database {folder} is of the kind {kind}, which this Python cannot open; "
            f"{_WAYS_OUT[kind]}, or move the folder away to begin with an empty one: everything "
            "is then sent again"
        )
    found: type[State] = _module_of(kind).ENGINE
    return found


def _module_of(kind: str) -> Any:
    """Return the module of a library, imported only when it is needed."""
    return importlib.import_module(f"cos_migrate.state.{kind}")


def _take_over(
    folder: Path, library: str, engine: str, tell: Callable[[str], None]
) -> tuple[str, ...]:
    """Make our own of the Java tool's database; return what a user should know of it.

    Raises StateError, OSError: the folder is as it was then.
    """
    if not _importable(_PACKAGES[library]):
        raise _wrong_format(
            f"the record database {folder} is the Java tool's ({library}), and what reads it is "
            f"not installed: {_WAYS_OUT[library]}, or move the folder away to begin with an empty "
            "one: everything is then sent again"
        )
    kind = _module_of(engine if engine != "auto" else _kind_here(folder)).ENGINE

    def create(new: Path) -> State:
        if kind.engine == ROCKSDB:
            write_file(new / OUR_ROCKSDB)
        opened: State = kind(new, None, 0)
        return opened

    try:
        return take_over.take_over(folder, _module_of(library).JAVA, create, tell)
    except BlockingIOError:
        raise _in_use(folder) from None
    except Damaged as error:
        raise StateError(
            f"the Java tool's record database {folder} is damaged ({error}), and nothing could be "
            "read from it; it was not changed. Put a backup of it in its place, or move it away "
            "to begin with an empty one: everything is then sent again",
            operation="open",
            target=str(folder),
            code="damaged",
            fatal=True,
        ) from error


def _kind_here(folder: Path) -> str:
    for kind, package in _PACKAGES.items():
        if _importable(package):
            return kind
    raise _wrong_format(
        f"no library for the record database {folder} is installed: {_WAYS_OUT[ROCKSDB]}, or "
        f"{_WAYS_OUT[LEVELDB]}"
    )


def _in_use(folder: Path) -> StateError:
    return StateError(IN_USE, operation="open", target=str(folder), code="in-use")


def _wrong_format(message: str) -> StateError:
    return StateError(message, operation="open", code="wrong-format", fatal=True)


def _importable(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True


def _open_or_mend(kind: type[State], folder: Path, lock: FileLock, max_open_files: int) -> State:
    """Open the database; a damaged one is kept aside and repaired, or begun anew."""
    if kind.engine == ROCKSDB:
        write_file(folder / OUR_ROCKSDB)
    try:
        files.look_for_damage(folder)
        return kind(folder, lock, max_open_files)
    except Damaged as error:
        aside = files.keep_aside(folder)
        found = f"the record database {folder} was damaged ({error}); a copy is kept as {aside}"
    try:
        kind.repair(folder)
        state = kind(folder, lock, max_open_files)
        outcome = "it was repaired; objects whose records are missing now are sent again"
    except Damaged:
        state = _begin_anew(kind, folder, lock, max_open_files)
        outcome = "it could not be repaired and begins anew: everything is sent again"
    files.mended(folder)
    state.notices = (found, outcome)
    return state


def _begin_anew(kind: type[State], folder: Path, lock: FileLock, max_open_files: int) -> State:
    files.clear(folder)
    try:
        return kind(folder, lock, max_open_files)
    except Damaged as error:  # an empty folder is not damaged: the system has refused something
        raise OSError(str(error)) from error
