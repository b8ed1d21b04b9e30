"""Looks at the entries of folders by several threads, where a disk is slow to answer.

A network drive takes milliseconds for each file; the walk would wait for one after the other. The
entries keep what was found, so the walk goes on in its own order and only asks the system again
where it found nothing.
"""

from __future__ import annotations

import itertools
import operator
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_STRETCH = 16_384
"""Entries of a folder that are sorted together; bounds the memory for a huge folder."""
_CHUNK = 512
"""Entries that are looked at ahead: a few, so that what was found is not old."""
_SAMPLE = 16
"""Entries of a chunk that are looked at one by one, to learn how long the disk takes."""
_SLOW = 0.0005
"""Seconds for one entry from which threads are worth it: a local disk takes a hundredth."""
_THREADS = 32

Entries = Sequence["os.DirEntry[str]"]


class LookAhead:
    """Yields the entries of folders, having looked at those of slow disks."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def in_order(
        self, folder: AbstractContextManager[Iterator[os.DirEntry[str]]]
    ) -> Iterator[os.DirEntry[str]]:
        """Yield entries in stretches sorted by name, so that look-ups of records hit the cache."""
        with folder as entries:
            while stretch := list(itertools.islice(entries, _STRETCH)):
                stretch.sort(key=operator.attrgetter("name"))
                yield from self._ahead(stretch)

    def _ahead(self, entries: Entries) -> Iterator[os.DirEntry[str]]:
        for at in range(0, len(entries), _CHUNK):
            chunk = entries[at : at + _CHUNK]
            self._look(chunk)
            yield from chunk

    def _look(self, entries: Entries) -> None:
        if len(entries) < 2 * _SAMPLE:
            return
        spent = []
        for entry in entries[:_SAMPLE]:
            began = time.monotonic()
            _look_at(entry)
            spent.append(time.monotonic() - began)
        # The median: a busy machine interrupts a few of them.
        if sorted(spent)[_SAMPLE // 2] < _SLOW:
            return
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - slow disks only

            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="look")
        for _ in self._pool.map(_look_at, entries[_SAMPLE:]):
            pass


def _look_at(entry: os.DirEntry[str]) -> None:
    """Have an entry keep what it is; an error is left to the walk."""
    try:
        if not entry.is_dir():
            entry.stat()
    except OSError:
        pass
