"""The folder of a record database: its format, damage, permissions and copies.

No database library is imported here: each of the two damages or converts the files of the other,
so the format must be known before a library opens the folder.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import stat
import sys
import time
from pathlib import Path

from cos_migrate.errors import StateError
from cos_migrate.safe_files import (
    PRIVATE_FOLDER,
    PRIVATE_UMASK,
    UnsafePathError,
    open_safely,
    write_safely,
)

LEVELDB, ROCKSDB, NEW = "leveldb", "rocksdb", "new"
JAVA, OLD_JAVA = "java", "old-java"
"""The Java tool's: RocksDB, and the LevelDB that it wrote before August 2018."""
OUR_ROCKSDB = "COSMIGRATE"
"""A file in our own RocksDB folders; the Java tool's have none."""
README = "README"
TAKEN_OVER = "TAKEN_OVER"
"""A file in our databases that were converted from the Java tool's, with a summary."""
SHARD = "SHARD"
"""A file in the databases of shards that have their records of the whole job's database."""
_MEND = "DAMAGED"
"""A file left where damage was found: the next opening repairs first."""
_JAVA = re.compile(r"IDENTITY|OPTIONS-\d+")
_TABLE = re.compile(r"\d+\.sst")
"""A table of the Java tool in either format; our LevelDB uses `.ldb`."""
_LEVELDB = re.compile(r"CURRENT|MANIFEST-\d+|\d+\.(ldb|log)")
_RECORDS = re.compile(r"\d+\.(ldb|sst|log)")
_TABLE_SUFFIXES = frozenset({".ldb", ".sst"})
_TABLES = re.compile(r"CURRENT|\d+\.(ldb|sst)")
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_PROBE = 4 << 20
"""Bytes written to detect a full disk: more than a library's usual write."""
_NO_LOCKS = "its file system keeps no file locks: move the tool's folder to a local disk"
_NO_ACCESS = "permission denied: let the user of this tool read and write it"
_ADVICE = {
    errno.ENOLCK: _NO_LOCKS,
    errno.EOPNOTSUPP: _NO_LOCKS,
    errno.ENOTSUP: _NO_LOCKS,
    errno.ENOSPC: "the disk is full: make room, then run again",
    errno.EDQUOT: "the disk quota is used up: make room, then run again",
    errno.EFBIG: "a file has reached the size limit: raise it (ulimit -f), then run again",
    errno.EACCES: _NO_ACCESS,
    errno.EPERM: _NO_ACCESS,
    errno.EROFS: "the file system is read-only",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n)",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EEXIST: "it is a file, not a folder",
}


class Damaged(Exception):
    """The files of a database contradict each other; the text has the details."""


def format_of(folder: Path) -> str:
    """Return LEVELDB, ROCKSDB (both ours), JAVA, OLD_JAVA or NEW. Raises OSError."""
    names = frozenset(os.listdir(folder))
    if OUR_ROCKSDB in names:
        return ROCKSDB
    if any(_JAVA.fullmatch(name) for name in names):
        return JAVA
    whole = "CURRENT" in names
    if any(_TABLE.fullmatch(name) for name in names):
        return OLD_JAVA if whole else JAVA
    if not any(_LEVELDB.fullmatch(name) for name in names):
        return NEW
    # Our LevelDB writes LOG first; the one in Java wrote none.
    return OLD_JAVA if whole and "LOG" not in names else LEVELDB


def check_for_damage(folder: Path) -> None:
    """Raise Damaged when a library must not open the folder, OSError when it cannot be read."""
    note = folder / _MEND
    if note.exists():
        raise Damaged(note.read_text(encoding="utf-8", errors="replace") or "found by a run")
    if (folder / "CURRENT").exists():
        return
    # Without this file both libraries create a new database and delete the old tables.
    files = (path for path in folder.iterdir() if _RECORDS.fullmatch(path.name))
    if any(path.stat().st_size for path in files):
        raise Damaged("its file CURRENT is gone")


def mark_damage(folder: Path, reason: str) -> StateError:
    """Mark the folder for repair by the next opening; return the error to raise now."""
    try:
        write_safely(folder / _MEND, reason.encode("utf-8", "backslashreplace"))
        way_out = "run again: it is kept aside and repaired first"
    except OSError:
        way_out = "move the folder away and run again"
    return StateError(
        f"the record database {folder} is damaged ({reason}); {way_out}. Objects without "
        "a record are sent again; nothing is lost on COS",
        operation="read",
        target=str(folder),
        code="damaged",
        fatal=True,
    )


def unmark_damage(folder: Path) -> None:
    """Remove the mark of damage and the leftovers of a repair."""
    (folder / _MEND).unlink(missing_ok=True)
    shutil.rmtree(folder / "lost", ignore_errors=True)


def unusable_error(folder: Path, error: OSError, operation: str) -> StateError:
    """Return the error to raise when the system refuses a file of the database."""
    named = error.filename if isinstance(error.filename, str) else ""
    reason = _ADVICE.get(error.errno or 0) or error.strerror or str(error)
    which = f" ({named})" if named and named != str(folder) else ""
    return StateError(
        f"cannot {operation} the record database {folder}{which}: {reason}",
        operation=operation,
        target=str(folder),
        code="unusable",
        fatal=True,
    )


def find_system_error(folder: Path) -> OSError | None:
    """Probe the folder; return the system error that made a library fail, if there is one.

    None when the files can be read and locked, and there is room to write.
    """
    probe = folder / f"probe-{os.getpid()}"
    try:
        for path in folder.iterdir():
            # On a full disk a library removes its unfinished files.
            with contextlib.suppress(FileNotFoundError):
                if _TABLES.fullmatch(path.name):
                    with path.open("rb") as file:
                        file.read(1)
        try:
            descriptor = open_safely(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            with os.fdopen(descriptor, "wb") as file:
                file.write(bytes(_PROBE))
                file.flush()
                os.fsync(file.fileno())
                _try_lock(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        return error
    return None


def copy_aside(folder: Path) -> Path:
    """Copy the folder beside itself; return the copy. Raises OSError, and then leaves none."""
    stem = f"{folder.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    aside = next(path for path in map(folder.with_name, names) if not path.exists())
    try:
        shutil.copytree(folder, aside)
    except shutil.Error as error:
        # It lists failures as (source, copy, text), without the original errors.
        shutil.rmtree(aside, ignore_errors=True)
        raise find_system_error(folder) or OSError(errno.EIO, str(error.args[0][0][2])) from error
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return aside


def copy_files(folder: Path, copy: Path, *, linked: bool) -> None:
    """Copy a database into a new folder. Raises OSError.

    `linked`: as hard links for its tables, which never change, where the file system has them.
    """
    copy.mkdir(PRIVATE_FOLDER)
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        if linked and path.suffix in _TABLE_SUFFIXES:
            try:
                os.link(path, copy / path.name)
                continue
            except OSError:
                pass
        shutil.copyfile(path, copy / path.name)


def remove_files(folder: Path) -> None:
    """Remove the database, but not the files that identify the folder. Raises OSError."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in {OUR_ROCKSDB, README}:
            path.unlink()


def make_private(folder: Path) -> None:
    """Remove the permissions of other users, which earlier versions may have left.

    Raises UnsafePathError for a link in the folder: a library would write through it.
    """
    if sys.platform == "win32":
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & _OTHERS_WRITE:
        folder.chmod(mode & ~_OTHERS_WRITE)
    for entry in os.scandir(folder):
        if entry.is_symlink():
            raise UnsafePathError(entry.path, "it is a symbolic link: remove it, then run again")
        with contextlib.suppress(OSError):
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and found.st_mode & PRIVATE_UMASK:
                os.chmod(entry.path, stat.S_IMODE(found.st_mode) & ~PRIVATE_UMASK)


def sync_folder(folder: Path) -> None:
    """Make all logs, and the names of all files, outlive a power cut. Raises OSError.

    The libraries close a full log without syncing it. Windows cannot open a log in use.
    """
    if sys.platform == "win32":
        return
    for name in os.listdir(folder):
        if name.endswith(".log"):
            try:
                _sync(os.path.join(folder, name))
            except FileNotFoundError:  # its records are in a synced table now
                pass
    _sync(folder)


def sync_names(folder: Path) -> None:
    """Make the names in a folder outlive a power cut. Raises OSError."""
    if sys.platform != "win32":  # Windows cannot open folders, and writes names in order
        _sync(folder)


def _sync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "win32":

    def is_open_elsewhere(folder: Path) -> bool:
        """Return whether another program has the database open. Raises OSError."""
        try:
            with (folder / "LOCK").open("r+b"):
                return False
        except FileNotFoundError:
            return False
        except PermissionError as error:
            if error.winerror == 32:  # noqa: PLR2004 - ERROR_SHARING_VIOLATION
                return True
            raise

    def _try_lock(descriptor: int) -> None:
        """Do nothing: Windows keeps locks on every file system."""

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        """Lock a file as the libraries do. Raises OSError."""
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_open_elsewhere(folder: Path) -> bool:
        """Return whether another program has the database open. Raises OSError.

        A process that has it open itself must not call this: it would release its lock.
        """
        try:
            with (folder / "LOCK").open("r+b") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EACCES} and error.filename is None:
                return True
            raise
        return False
