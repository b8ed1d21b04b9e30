"""Sorts the objects of a source by their target keys, on disk, with bounded memory.

An external merge sort: sorted runs in temporary files, merged a few at a time when they are many.
"""

from __future__ import annotations

import heapq
import itertools
import marshal
import os
import struct
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.pools.temp_files import TempFiles

_RUN = 8192
"""Entries that are sorted in memory."""
_BLOCK = 256
"""Entries that are read at once of a run."""
_FAN_IN = 24
"""Runs of one size that become one: bounds the files that are open at once."""
_LENGTH = struct.Struct("<I")

_FOLDER, _WEAK, _LEFT_OUT = 1, 2, 4

Flat = tuple[str, str, str, int, int, str, str, int]
"""An entry as `marshal` takes it: its target path, name, key, fingerprint, class and flags."""


class SourceEntry(NamedTuple):
    """A target path that the source has, with its object, if it is one to compare."""

    cos_path: str
    """Target path with its leading `/`."""
    obj: SourceObject | None
    """None: a name that is not compared, such as one that a filter leaves out."""


class KeySort:
    """Takes entries in any order, and returns them in the order of their target paths."""

    def __init__(self, files: TempFiles, *, run: int = _RUN) -> None:
        """`files`: where the runs lie, open. `run`: entries that are sorted in memory."""
        self._files = files
        self._most = run
        self._pending: list[Flat] = []
        self._levels: list[list[str]] = []
        """Paths of the runs by size: those of one level are of about the same."""
        self._open: list[IO[bytes]] = []

    def add(self, entries: Iterable[SourceEntry]) -> None:
        """Add entries. Raises OSError."""
        self._pending += map(_flattened, entries)
        if len(self._pending) >= self._most:
            self._write_run()

    def __bool__(self) -> bool:
        return bool(self._pending or self._levels)

    def merged(self) -> Iterator[list[SourceEntry]]:
        """Yield all entries in order, in lists; call it once, after the last `add`.

        Raises OSError.
        """
        # Code points are in the order of UTF-8.
        self._pending.sort()
        runs = [self._read(path) for level in self._levels for path in level]
        merged = heapq.merge(*runs, self._pending) if runs else iter(self._pending)
        while block := list(map(_restored, itertools.islice(merged, _BLOCK))):
            yield block
        self.close()

    def close(self) -> None:
        """Remove the sorted files from the disk."""
        self._pending = []
        for file in self._open:
            file.close()
        for path in itertools.chain.from_iterable(self._levels):
            self._files.release(path)
        self._open, self._levels = [], []

    def _write_run(self) -> None:
        self._pending.sort()
        self._keep(self._write(self._pending), 0)
        self._pending = []

    def _keep(self, path: str, level: int) -> None:
        """Keep a run; merge the runs of its level where they are many."""
        if len(self._levels) == level:
            self._levels.append([])
        self._levels[level].append(path)
        if len(self._levels[level]) < _FAN_IN:
            return
        paths, self._levels[level] = self._levels[level], []
        first = len(self._open)
        whole = self._write(heapq.merge(*map(self._read, paths)))
        for file in self._open[first:]:
            file.close()
        del self._open[first:]
        for each in paths:
            self._files.release(each)
        self._keep(whole, level + 1)

    def _write(self, entries: Iterable[Flat]) -> str:
        """Write a run; return its path, which is also its owner in `files`."""
        path, descriptor = self._files.create()
        with os.fdopen(descriptor, "wb") as file:
            rest = iter(entries)
            while block := list(itertools.islice(rest, _BLOCK)):
                data = marshal.dumps(block)
                file.write(_LENGTH.pack(len(data)))
                file.write(data)
        return path

    def _read(self, path: str) -> Iterator[Flat]:
        # Opened at once, so that `_keep` knows which files it opened.
        file = open(path, "rb")  # noqa: SIM115 - closed by `close`
        self._open.append(file)
        return _entries_of(file)


def _entries_of(file: IO[bytes]) -> Iterator[Flat]:
    while head := file.read(_LENGTH.size):
        # Written by this process into a folder of this user alone.
        yield from marshal.loads(file.read(_LENGTH.unpack(head)[0]))  # noqa: S302


def _flattened(entry: SourceEntry) -> Flat:
    cos_path, obj = entry
    if obj is None:
        return (cos_path, "", "", -1, -1, "", "", _LEFT_OUT)
    size, mtime_ns, etag = obj.fingerprint
    flags = (_FOLDER if obj.is_folder else 0) | (_WEAK if obj.weak else 0)
    return (cos_path, obj.name, obj.key, size, mtime_ns, etag, obj.storage_class, flags)


def _restored(flat: Flat) -> SourceEntry:
    cos_path, name, key, size, mtime_ns, etag, storage_class, flags = flat
    if flags & _LEFT_OUT:
        return SourceEntry(cos_path, None)
    obj = SourceObject(
        name,
        key,
        Fingerprint(size, mtime_ns, etag),
        is_folder=bool(flags & _FOLDER),
        storage_class=storage_class,
        weak=bool(flags & _WEAK),
    )
    return SourceEntry(cos_path, obj)
