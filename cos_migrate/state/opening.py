"""Opens the record database of a job: detects its format, converts, repairs or creates it.

Records only save work: a damaged database is copied aside and repaired or started anew, and objects
whose records are lost are sent again.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cos_migrate.errors import StateError
from cos_migrate.lock import FileLock
from cos_migrate.safe_files import make_private_folder, make_private_folders, write_safely
from cos_migrate.state import database_folder, java_conversion
from cos_migrate.state.database_folder import (
    JAVA,
    LEVELDB,
    NEW,
    OLD_JAVA,
    OUR_ROCKSDB,
    ROCKSDB,
    Damaged,
)
from cos_migrate.state.java_conversion import JavaLibrary
from cos_migrate.state.store import RecordStore

IN_USE = "init db error, may be another process with same config is running "
"""The Java tool's words, which scripts look for."""
_LEVELS = 3
"""Folders below `db/`, the database's own among them, that belong to this user."""


class _Classes(NamedTuple):
    """The two uses of a database library."""

    ours: type[RecordStore]
    java: JavaLibrary
    """Reads the Java tool's databases."""


def _load_leveldb() -> _Classes:
    from cos_migrate.state import leveldb  # noqa: PLC0415 - its package may be missing

    return _Classes(leveldb.LevelDb, leveldb.JavaLevelDb())


def _load_rocksdb() -> _Classes:
    from cos_migrate.state import rocksdb  # noqa: PLC0415 - its package may be missing

    return _Classes(rocksdb.RocksDb, rocksdb.JavaRocksDb())


class _Library(NamedTuple):
    """A database library, loaded only when a database needs it."""

    package: str
    load: Callable[[], _Classes]
    advice: str
    """How to install it."""

    def is_installed(self) -> bool:
        try:
            importlib.import_module(self.package)
        except ImportError:
            return False
        return True


_LIBRARIES = {
    LEVELDB: _Library(
        "plyvel",
        _load_leveldb,
        "install the package plyvel (Python 3.10, 3.11 or 3.12: there is none for later)",
    ),
    ROCKSDB: _Library("rocksdict", _load_rocksdb, "install the package rocksdict"),
}
"""By format; a new database gets the first that is installed."""
_JAVA_FORMATS = {JAVA: ROCKSDB, OLD_JAVA: LEVELDB}
"""The format of the Java tool's databases, old and new."""


def _ignore(_: str) -> None:
    pass


def open_store(
    folder: Path,
    *,
    engine: str = "auto",
    max_open_files: int = 0,
    notify: Callable[[str], None] = _ignore,
) -> RecordStore:
    """Open or create the database in `folder`; `engine` decides the format of a new one only.

    `notify` gets a line every few seconds while a huge database of the Java tool is converted.
    Raises StateError with the code `in-use`, `wrong-format`, `damaged` or `unusable`.
    """
    lock = FileLock(folder.with_name(folder.name + ".lock"))
    try:
        return _opened(folder, engine, lock, max_open_files, notify)
    except OSError as error:
        lock.release()
        raise database_folder.unusable_error(folder, error, "open") from error
    except BaseException:
        lock.release()
        raise


def _opened(
    folder: Path, engine: str, lock: FileLock, max_open_files: int, notify: Callable[[str], None]
) -> RecordStore:
    """Take the lock and open what is in the folder. Raises StateError, OSError."""
    make_private_folders(folder.parent, _LEVELS - 1)
    if not lock.acquire():
        raise _in_use(folder)
    notices = java_conversion.finish_conversion(folder)
    make_private_folder(folder)
    if database_folder.is_open_elsewhere(folder):
        raise _in_use(folder)
    database_folder.make_private(folder)
    library = _JAVA_FORMATS.get(database_folder.format_of(folder))
    if library:
        notices = _convert_java_database(folder, library, engine, notify)
    state = _open_or_repair(_class_for(folder, engine), folder, lock, max_open_files)
    state.notices = (*notices, *state.notices)
    return state


def _class_for(folder: Path, engine: str) -> type[RecordStore]:
    """Return the class for the folder's own format. Raises StateError, OSError."""
    kind = database_folder.format_of(folder)
    if kind == NEW:
        kind = engine if engine != "auto" else _installed_format(folder)
    elif not _LIBRARIES[kind].is_installed():
        raise _wrong_format(
            f"the record database {folder} is of the kind {kind}, which this Python cannot open; "
            f"{_LIBRARIES[kind].advice}, or move the folder away to begin with an empty one: "
            "everything is then sent again"
        )
    return _LIBRARIES[kind].load().ours


def _convert_java_database(
    folder: Path, library: str, engine: str, notify: Callable[[str], None]
) -> tuple[str, ...]:
    """Convert the Java tool's database to ours; return messages for the user.

    Raises StateError, OSError, and then leaves the folder as it was.
    """
    if not _LIBRARIES[library].is_installed():
        raise _wrong_format(
            f"the record database {folder} is the Java tool's ({library}), and the library that "
            f"reads it is not installed: {_LIBRARIES[library].advice}, or move the folder away to "
            "begin with an empty one: everything is then sent again"
        )
    ours = _LIBRARIES[engine if engine != "auto" else _installed_format(folder)].load().ours

    def create(new: Path) -> RecordStore:
        if ours.engine == ROCKSDB:
            write_safely(new / OUR_ROCKSDB)
        return ours(new, None, 0)

    try:
        return java_conversion.convert(folder, _LIBRARIES[library].load().java, create, notify)
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


def _installed_format(folder: Path) -> str:
    """Return the format for a new database. Raises StateError when no library is installed."""
    for name, library in _LIBRARIES.items():
        if library.is_installed():
            return name
    raise _wrong_format(
        f"no library for the record database {folder} is installed: "
        f"{_LIBRARIES[ROCKSDB].advice}, or {_LIBRARIES[LEVELDB].advice}"
    )


def _in_use(folder: Path) -> StateError:
    return StateError(IN_USE, operation="open", target=str(folder), code="in-use")


def _wrong_format(message: str) -> StateError:
    return StateError(message, operation="open", code="wrong-format", fatal=True)


def _open_or_repair(
    kind: type[RecordStore], folder: Path, lock: FileLock, max_open_files: int
) -> RecordStore:
    """Open the database; copy a damaged one aside, then repair it or begin with an empty one."""
    if kind.engine == ROCKSDB:
        write_safely(folder / OUR_ROCKSDB)
    try:
        database_folder.check_for_damage(folder)
        return kind(folder, lock, max_open_files)
    except Damaged as error:
        aside = database_folder.copy_aside(folder)
        found = f"the record database {folder} was damaged ({error}); a copy is kept as {aside}"
    try:
        kind.repair(folder)
        state = kind(folder, lock, max_open_files)
        outcome = "it was repaired; objects whose records are missing now are sent again"
    except Damaged:
        state = _start_anew(kind, folder, lock, max_open_files)
        outcome = "it could not be repaired and is replaced by an empty one: all is sent again"
    database_folder.unmark_damage(folder)
    state.notices = (found, outcome)
    return state


def _start_anew(
    kind: type[RecordStore], folder: Path, lock: FileLock, max_open_files: int
) -> RecordStore:
    database_folder.remove_files(folder)
    try:
        return kind(folder, lock, max_open_files)
    except Damaged as error:  # an empty folder cannot be damaged: the system refused a file
        raise OSError(str(error)) from error
