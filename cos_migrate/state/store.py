"""An open record database: the interface that LevelDB and RocksDB implement."""

from __future__ import annotations

import abc
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from cos_migrate.errors import StateError
from cos_migrate.lock import FileLock
from cos_migrate.safe_files import open_safely
from cos_migrate.state import database_folder
from cos_migrate.state.database_folder import README, TAKEN_OVER


class RecordStore(abc.ABC):
    """An open record database.

    A written batch outlives the end of this process, however it ends; `sync` makes it outlive
    a power cut too. All methods raise StateError with a code: `unusable` when the system refuses
    (disk full, permissions), `damaged` when the files contradict themselves.
    """

    engine: ClassVar[str]
    """`leveldb` or `rocksdb`."""
    notices: tuple[str, ...] = ()
    """Messages for the user about what opening found."""
    keeps_writes = True
    """False: all writes are dropped, for a dry run."""

    def __init__(self, folder: Path, lock: FileLock | None, max_open_files: int) -> None:
        """Open or create the files; closing releases `lock`. Raises Damaged, OSError."""
        self.folder = folder
        self.taken_over = (folder / TAKEN_OVER).exists()
        """Whether some of its records come from the Java tool."""
        self._lock = lock
        self._closed = False
        self._broken: StateError | None = None
        self.was_empty = not (folder / "CURRENT").exists()
        """Whether the database is new, without any record."""
        self._connect(max_open_files)

    @staticmethod
    @abc.abstractmethod
    def repair(folder: Path) -> None:
        """Rebuild the readable part of the files. Raises Damaged when there is none."""

    @abc.abstractmethod
    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None when it has none."""

    @contextlib.contextmanager
    def ascending_reads(self) -> Iterator[Callable[[bytes], bytes | None]]:
        """Give a `get` on a snapshot that is fast for keys in ascending order."""
        yield self.get

    @abc.abstractmethod
    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Iterate in order over the pairs whose key begins with `prefix`, on a snapshot."""

    def write(
        self,
        puts: Sequence[tuple[bytes, bytes]],
        deletes: Sequence[bytes] = (),
        *,
        sync: bool = False,
    ) -> None:
        """Write one batch atomically, first `puts`, then `deletes`.

        `sync`: this batch and all before it outlive a power cut. After a failed write all further
        writes fail: records behind half a batch could not be read again.
        """
        if self._broken:
            raise self._broken
        if not self.keeps_writes:
            return
        try:
            self._write(puts, deletes, sync=sync)
        except StateError as error:
            self._broken = error
            raise
        except OSError as error:
            self._broken = database_folder.unusable_error(self.folder, error, "write")
            raise self._broken from error

    def sync(self) -> None:
        """Make all written batches outlive a power cut."""
        self.write((), sync=True)

    def close(self) -> None:
        """Close the database and release its lock; closing again does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._close()
        finally:
            if self._lock:
                self._lock.release()

    def __enter__(self) -> RecordStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abc.abstractmethod
    def _connect(self, max_open_files: int) -> None:
        """Open or create the files; 0 means the default limit. Raises Damaged, OSError."""

    @abc.abstractmethod
    def _write(
        self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes], *, sync: bool
    ) -> None:
        """Write one batch. Raises StateError, OSError."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Close the files."""

    def _unreadable(self, words: str) -> StateError:
        """Return the error for a failed read, which must never look like a missing record."""
        refused = database_folder.find_system_error(self.folder)
        if refused:
            return database_folder.unusable_error(self.folder, refused, "read")
        return database_folder.mark_damage(self.folder, words)


def note_run(folder: Path, line: str) -> None:
    """Append a line about the job to the `README` of a database's folder. Raises StateError."""
    text = line.replace("\r", "\\r").replace("\n", "\\n")
    text = f"[time: {time.strftime('%Y-%m-%d %H:%M:%S')}], {text}\n"
    try:
        descriptor = open_safely(folder / README, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(descriptor, text.encode("utf-8", "backslashreplace"))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise database_folder.unusable_error(folder, error, "write") from error
