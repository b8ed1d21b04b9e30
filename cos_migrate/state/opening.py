"""Opens the record database of a job: detects its format, converts, repairs or creates it.

Records only save work: a damaged database is copied aside and repaired or started anew, and objects
whose records are lost are sent again.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cos_migrate.errors import StateError
from cos_migrate.lock import FileLock
from cos_migrate.safe_files import (
    PRIVATE_FOLDER,
    make_private_folder,
    make_private_folders,
    write_safely,
)
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


def _notify_nobody(_: str) -> None:
    pass


def open_store(
    folder: Path,
    *,
    engine: str = "auto",
    max_open_files: int = 0,
    notify: Callable[[str], None] = _notify_nobody,
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


def open_copy(
    folder: Path,
    copy: Path,
    *,
    max_open_files: int = 0,
    notify: Callable[[str], None] = _notify_nobody,
) -> RecordStore:
    """Open a copy of the database in `folder`, which stays as it is; an empty one where none is.

    The copy is made at `copy`, with links to the tables, converted or repaired where that is
    needed. Raises StateError as `open_store` does.
    """
    try:
        return _opened_copy(folder, copy, max_open_files, notify)
    except OSError as error:
        raise database_folder.unusable_error(folder, error, "copy") from error


def _opened_copy(
    folder: Path, copy: Path, max_open_files: int, notify: Callable[[str], None]
) -> RecordStore:
    _copy_alone(folder, copy, linked=True)
    library = _JAVA_FORMATS.get(database_folder.format_of(copy))
    if library:
        _convert_java_database(copy, library, "auto", notify)
        found = f"the Java tool's database {folder} is read from a copy; a run takes it over"
        state = _open_or_repair(_class_for(copy, "auto"), copy, None, max_open_files)
        state.notices = (found,)
        return state
    kind = _class_for(copy, "auto")
    try:
        database_folder.check_for_damage(copy)
        return kind(copy, None, max_open_files)
    except Damaged as error:
        found = f"the record database {folder} is damaged ({error}); a run copies it aside first"
    shutil.rmtree(copy)
    _copy_alone(folder, copy, linked=False)  # a repair may write into the tables
    state = _open_or_repair(kind, copy, None, max_open_files)
    state.notices = (found, "a repaired copy is read; what it lacks is sent again")
    return state


def _copy_alone(folder: Path, copy: Path, *, linked: bool) -> None:
    """Copy a database while no process has it open. Raises StateError, OSError."""
    present = java_conversion.present_folder(folder)
    if not present.exists():
        copy.mkdir(PRIVATE_FOLDER)
        return
    path = folder.with_name(folder.name + ".lock")
    lock = FileLock(path) if path.exists() else None  # without it no process of ours was here
    if lock and not lock.acquire():
        raise _in_use(folder)
    try:
        if database_folder.is_open_elsewhere(present):
            raise _in_use(folder)
        database_folder.copy_files(present, copy, linked=linked)
    finally:
        if lock:
            lock.release()


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
    kind: type[RecordStore], folder: Path, lock: FileLock | None, max_open_files: int
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
    kind: type[RecordStore], folder: Path, lock: FileLock | None, max_open_files: int
) -> RecordStore:
    database_folder.remove_files(folder)
    try:
        return kind(folder, lock, max_open_files)
    except Damaged as error:  # an empty folder cannot be damaged: the system refused a file
        raise OSError(str(error)) from error
