"""Record databases in LevelDB, through the library plyvel."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import plyvel

from cos_migrate.errors import StateError
from cos_migrate.state import database_folder
from cos_migrate.state.database_folder import LEVELDB, Damaged, find_system_error, mark_damage
from cos_migrate.state.store import RecordStore

# Uncompressed: measured against snappy with a million objects, writing takes half the processor
# time and private memory; the disk pays with 110 MB more. LevelDB maps each open table whole, so
# few are kept open: memory is bounded however many records there are. Look-ups in the order of
# the keys, as a listing makes them, cost 3 us each; in random order 26, with all tables open 5.
_OPTIONS: dict[str, Any] = {
    "paranoid_checks": True,
    "bloom_filter_bits": 10,
    "lru_cache_size": 8 << 20,
    "write_buffer_size": 4 << 20,
    "compression": None,
}
_OPEN_FILES = 64


class LevelDb(RecordStore):
    """An open LevelDB database."""

    engine = LEVELDB

    @staticmethod
    def repair(folder: Path) -> None:
        try:
            # Opening checks the checksums of a log; LevelDB's repair alone does not.
            plyvel.DB(str(folder), **{**_OPTIONS, "paranoid_checks": False}).close()
        except plyvel.Error:  # the repair follows
            pass
        try:
            plyvel.repair_db(str(folder), **_OPTIONS)
        except plyvel.Error as error:
            raise _reason(folder, error) from error

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise self._lost(error) from error
        return value

    @contextlib.contextmanager
    def ascending_reads(self) -> Iterator[Callable[[bytes], bytes | None]]:
        """Use an iterator, since the next pair is usually the wanted one."""
        try:
            iterator = self._database.raw_iterator(verify_checksums=True)
        except plyvel.Error as error:  # it opens tables at once
            raise self._lost(error) from error

        def get(key: bytes) -> bytes | None:
            try:
                if iterator.valid() and iterator.key() == key:
                    value: bytes = iterator.value()
                    iterator.next()
                    return value
                found: bytes | None = self._get(key, verify_checksums=True)
                if found is not None:
                    iterator.seek(key)
                    iterator.next()
            except plyvel.Error as error:
                raise self._lost(error) from error
            return found

        try:
            yield get
        finally:
            iterator.close()

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        try:
            iterator = self._database.iterator(
                prefix=prefix, verify_checksums=True, fill_cache=False
            )
        except plyvel.Error as error:  # it opens tables at once
            raise self._lost(error) from error
        return self._pairs(iterator)

    def _pairs(self, iterator: Any) -> Iterator[tuple[bytes, bytes]]:
        try:
            with iterator as pairs:
                yield from pairs
        except plyvel.Error as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> StateError:
        if isinstance(error, plyvel.CorruptionError):
            return mark_damage(self.folder, _words(error))
        return self._unreadable(_words(error))

    def _connect(self, max_open_files: int) -> None:
        limit = max_open_files or _OPEN_FILES
        try:
            self._database = plyvel.DB(
                str(self.folder), create_if_missing=True, max_open_files=limit, **_OPTIONS
            )
        except plyvel.Error as error:
            raise _reason(self.folder, error) from error
        self._get = self._database.get

    def _write(
        self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes], *, sync: bool
    ) -> None:
        batch = self._database.write_batch(sync=sync)
        put = batch.put
        for key, value in puts:
            put(key, value)
        for key in deletes:
            batch.delete(key)
        try:
            batch.write()
        except plyvel.CorruptionError as error:
            raise mark_damage(self.folder, _words(error)) from error
        except plyvel.Error as error:
            raise find_system_error(self.folder) or OSError(_words(error)) from error
        if sync:
            database_folder.sync_folder(self.folder)

    def _close(self) -> None:
        self._database.close()


class JavaLevelDb:
    """The Java tool's databases before August 2018, in LevelDB's own format."""

    @staticmethod
    def pairs(copy: Path) -> Iterator[tuple[bytes, bytes]]:
        """Yield all pairs in a copy of a database. Raises Damaged."""
        try:
            with (
                contextlib.closing(plyvel.DB(str(copy), **_OPTIONS)) as database,
                database.iterator(verify_checksums=True, fill_cache=False) as pairs,
            ):
                yield from pairs
        except plyvel.Error as error:
            raise _reason(copy, error) from error

    repair = staticmethod(LevelDb.repair)


def _reason(folder: Path, error: Exception) -> Exception:
    """Return the system error behind an error of the library, else Damaged."""
    refused = None
    if not isinstance(error, plyvel.CorruptionError):
        refused = find_system_error(folder)
    return refused or Damaged(_words(error))


def _words(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
