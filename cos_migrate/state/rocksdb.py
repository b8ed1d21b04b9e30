"""Record databases in RocksDB, through rocksdict, for Pythons without a LevelDB package.

rocksdict raises bare exceptions; a probe of the folder finds the cause.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import rocksdict

from cos_migrate.state.database_folder import ROCKSDB, Damaged, find_system_error
from cos_migrate.state.store import RecordStore

_BUFFER = 4 << 20
_CACHE = 8 << 20
_TABLE = 8 << 20
_OPEN_FILES = 128
"""Each open table holds its index and filter in memory."""
_Pairs = Generator[tuple[bytes, bytes], None, None]
_MISUSE = (TypeError, rocksdict.DbClosedError)
"""Errors of the caller, not of the files."""


class RocksDb(RecordStore):
    """An open RocksDB database of raw bytes."""

    engine = ROCKSDB

    @staticmethod
    def repair(folder: Path) -> None:
        try:
            rocksdict.Rdict.repair(str(folder), _options(0))
        except Exception as error:
            raise find_system_error(folder) or Damaged(str(error)) from error

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._get(key)
        except _MISUSE:
            raise
        except Exception as error:
            raise self._unreadable(str(error)) from error
        return value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        iterator = self._database.iter()
        iterator.seek(prefix)
        held = [iterator]
        pairs = self._pairs(held, prefix)
        self._scans[pairs] = held
        return pairs

    def _pairs(self, held: list[Any], prefix: bytes) -> _Pairs:
        # Not rocksdict's items(), which ends at a damaged block without an error.
        iterator = held.pop()
        try:
            while iterator.valid():
                key = iterator.key()
                if not key.startswith(prefix):
                    return
                yield key, iterator.value()
                iterator.next()
            iterator.status()
        except Exception as error:
            raise self._unreadable(str(error)) from error
        finally:
            del iterator  # a traceback could keep it, and with it the open database

    def _connect(self, max_open_files: int) -> None:
        self._synced = rocksdict.WriteOptions()
        self._synced.sync = True
        self._unsynced = rocksdict.WriteOptions()
        try:
            self._database = rocksdict.Rdict(str(self.folder), _options(max_open_files))
        except Exception as error:
            raise find_system_error(self.folder) or Damaged(str(error)) from error
        self._get = self._database.get
        self._scans: WeakKeyDictionary[_Pairs, list[Any]] = WeakKeyDictionary()

    def _write(
        self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes], *, sync: bool
    ) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        put = batch.put
        for key, value in puts:
            put(key, value)
        for key in deletes:
            batch.delete(key)
        try:
            self._database.write(batch, self._synced if sync else self._unsynced)
            if sync:
                self._database.flush_wal(sync=True)  # an empty batch syncs nothing
        except _MISUSE:
            raise
        except Exception as error:
            raise find_system_error(self.folder) or OSError(str(error)) from error

    def _close(self) -> None:
        for pairs, held in list(self._scans.items()):
            pairs.close()
            held.clear()  # Python 3.13 keeps that of a generator that never started
        try:
            self._database.close()
        except Exception:  # noqa: S110 - unflushed data is in its log
            pass


class JavaRocksDb:
    """The Java tool's databases since August 2018: RocksDB 5.14.

    Only copies are opened: even a read-only opening writes files into the folder.
    """

    @staticmethod
    def pairs(copy: Path) -> Iterator[tuple[bytes, bytes]]:
        """Yield all pairs in a copy of a database. Raises Damaged."""
        iterator = database = None
        try:
            database = rocksdict.Rdict(
                str(copy), _options(0, new=False), access_type=rocksdict.AccessType.read_only()
            )
            iterator = database.iter()
            iterator.seek_to_first()
            while iterator.valid():
                yield iterator.key(), iterator.value()
                iterator.next()
            iterator.status()
        except Exception as error:
            raise find_system_error(copy) or Damaged(str(error)) from error
        finally:
            del iterator  # it keeps the database open
            if database is not None:
                database.close()

    repair = staticmethod(RocksDb.repair)


def _options(max_open_files: int, *, new: bool = True) -> Any:
    tables = rocksdict.BlockBasedOptions()
    tables.set_bloom_filter(10, block_based=False)
    tables.set_block_cache(rocksdict.Cache(_CACHE))
    options = rocksdict.Options(raw_mode=True)
    options.set_block_based_table_factory(tables)
    options.create_if_missing(new)
    options.set_paranoid_checks(True)
    # kill -9 leaves a log truncated at its end; a gap in its middle is damage.
    options.set_wal_recovery_mode(rocksdict.DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_write_buffer_size(_BUFFER)
    options.set_target_file_size_base(_TABLE)
    options.set_max_open_files(max_open_files or _OPEN_FILES)
    options.set_keep_log_file_num(2)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options
