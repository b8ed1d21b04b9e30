"""RocksDB through rocksdict, for Pythons without a LevelDB package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import rocksdict

from cos_migrate.state import Damaged


class RocksDb:
    """An open RocksDB database of raw bytes."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._synced = rocksdict.WriteOptions()
        self._synced.sync = True
        self._plain = rocksdict.WriteOptions()

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""
        try:
            value: bytes | None = self._database.get(key)
        except Exception as error:
            raise Damaged(str(error)) from error
        return value

    def write(
        self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes], *, sync: bool
    ) -> None:
        """Write one batch; what goes wrong is an OSError."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in puts:
            batch.put(key, value)
        for key in deletes:
            batch.delete(key)
        try:
            self._database.write(batch, self._synced if sync else self._plain)
        except Exception as error:
            raise OSError(str(error)) from error

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs below a prefix."""
        try:
            for key, value in self._database.items(from_key=prefix):
                if not key.startswith(prefix):
                    return
                yield key, value
        except rocksdict.DbClosedError as error:
            raise Damaged(str(error)) from error

    def close(self) -> None:
        """Close the files."""
        self._database.close()


def open_engine(folder: Path, max_open_files: int) -> RocksDb:
    """Open or create. Raises Damaged, or OSError."""
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_paranoid_checks(True)
    options.set_keep_log_file_num(2)
    if max_open_files:
        options.set_max_open_files(max_open_files)
    try:
        return RocksDb(rocksdict.Rdict(str(folder), options))
    except Exception as error:
        text = str(error)
        if text.startswith("IO error") and "No such file" not in text:
            raise OSError(text) from error
        raise Damaged(text) from error


def repair(folder: Path) -> None:
    """Rebuild what can be. Raises Damaged."""
    try:
        rocksdict.Rdict.repair(str(folder), rocksdict.Options(raw_mode=True))
    except Exception as error:
        raise Damaged(str(error)) from error
