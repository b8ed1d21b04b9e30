"""LevelDB through plyvel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import plyvel

from cos_migrate.state import Damaged

_CACHE = 8 << 20
_BUFFER = 4 << 20


class LevelDb:
    """An open LevelDB database."""

    def __init__(self, database: plyvel.DB) -> None:
        self._database = database

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""
        try:
            value: bytes | None = self._database.get(key, verify_checksums=True)
        except plyvel.CorruptionError as error:
            raise Damaged(str(error)) from error
        return value

    def write(
        self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes], *, sync: bool
    ) -> None:
        """Write one batch; an I/O error is an OSError."""
        batch = self._database.write_batch(sync=sync)
        put = batch.put
        for key, value in puts:
            put(key, value)
        for key in deletes:
            batch.delete(key)
        try:
            batch.write()
        except plyvel.CorruptionError as error:
            raise Damaged(str(error)) from error
        except plyvel.IOError as error:
            raise OSError(str(error)) from error

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs below a prefix."""
        try:
            with self._database.iterator(prefix=prefix, verify_checksums=True) as pairs:
                yield from pairs
        except plyvel.CorruptionError as error:
            raise Damaged(str(error)) from error

    def close(self) -> None:
        """Close the files."""
        self._database.close()


def open_engine(folder: Path, max_open_files: int) -> LevelDb:
    """Open or create. Raises Damaged, or OSError."""
    options = {"max_open_files": max_open_files} if max_open_files else {}
    try:
        database = plyvel.DB(
            str(folder),
            create_if_missing=True,
            paranoid_checks=True,
            bloom_filter_bits=10,
            lru_cache_size=_CACHE,
            write_buffer_size=_BUFFER,
            **options,
        )
    except plyvel.IOError as error:
        # A table that the manifest names and that is gone is damage, not the disk's refusal.
        if "No such file" in str(error):
            raise Damaged(str(error)) from error
        raise OSError(str(error)) from error
    except plyvel.Error as error:
        raise Damaged(str(error)) from error
    return LevelDb(database)


def repair(folder: Path) -> None:
    """Rebuild what can be. Raises Damaged."""
    try:
        plyvel.repair_db(str(folder))
    except plyvel.Error as error:
        raise Damaged(str(error)) from error
