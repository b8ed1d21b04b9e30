"""Merges two listings by their target paths; pure, with flat memory."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cos_migrate.engine.key_sort import SourceEntry
from cos_migrate.model import Fingerprint


class CosEntry(NamedTuple):
    """An object on COS."""

    cos_path: str
    """Target path with its leading `/`."""
    fingerprint: Fingerprint


class Pair(NamedTuple):
    """A target path with what the source and COS have there, one of which may be missing."""

    cos_path: str
    entry: SourceEntry | None
    """None: the source does not have it."""
    cos: Fingerprint | None
    """None: COS does not have it."""


class SourcePages:
    """The source's entries: pages in order as they arrive, and entries that were sorted on disk."""

    def __init__(self, taken: Callable[[], None]) -> None:
        """`taken`: called once for each page that is taken."""
        self._taken = taken
        self._pages: collections.deque[list[SourceEntry]] = collections.deque()
        self._sorted: Iterator[list[SourceEntry]] = iter(())
        self._rest: list[SourceEntry] = []
        self.ended = False
        """Whether no page follows."""

    def add(self, page: list[SourceEntry]) -> None:
        """Add the next page."""
        self._pages.append(page)

    def add_sorted(self, entries: Iterator[list[SourceEntry]]) -> None:
        """Merge sorted entries with the pages; before the first `take`."""
        self._sorted = entries

    def take(self) -> list[SourceEntry] | None:
        """Return the next entries; empty: there are none; None: they are not there yet."""
        while self._pages:
            page = self._pages.popleft()
            self._taken()
            if page:
                return self._with_sorted(page)
        if not self.ended:
            return None
        rest, self._rest = self._rest, []
        return rest or next(self._sorted, [])

    def _with_sorted(self, page: list[SourceEntry]) -> list[SourceEntry]:
        """Return a page, with the sorted entries that belong between its first and last."""
        last, among = page[-1].cos_path, self._rest
        while not among or among[-1].cos_path <= last:
            more = next(self._sorted, [])
            if not more:
                break
            among += more
        if not among:
            return page
        self._rest = [entry for entry in among if entry.cos_path > last]
        among = among[: len(among) - len(self._rest)]
        return sorted([*page, *among], key=lambda entry: entry.cos_path) if among else page


class CosPages:
    """COS's entries, in pages as they arrive."""

    def __init__(self, taken: Callable[[], None]) -> None:
        """`taken`: called once for each page that is taken."""
        self._taken = taken
        self._pages: collections.deque[list[CosEntry]] = collections.deque()
        self.ended = False
        """Whether no page follows."""

    def add(self, page: list[CosEntry]) -> None:
        """Add the next page."""
        self._pages.append(page)

    def take(self) -> list[CosEntry] | None:
        """Return the next entries; empty: there are none; None: they are not there yet."""
        while self._pages:
            page = self._pages.popleft()
            self._taken()
            if page:
                return page
        return [] if self.ended else None


class KeyMerge:
    """Merges both sides; each is read once, from its first to its last key."""

    def __init__(self, source: SourcePages, cos: CosPages) -> None:
        self._source = source
        self._cos = cos
        self._left: list[SourceEntry] = []
        self._right: list[CosEntry] = []
        self._at_left = self._at_right = 0
        self._left_over = self._right_over = False
        self._matched = ""
        """Target path of the last entry of COS that the source has too."""

    @property
    def is_over(self) -> bool:
        """Whether both sides are merged."""
        return self._left_over and self._right_over

    def step(self) -> list[Pair]:
        """Return the pairs up to the end of what is there of one side; empty: none is there yet."""
        if not self._fill():
            return []
        left, right = self._left, self._right
        i, j, matched = self._at_left, self._at_right, self._matched
        pairs: list[Pair] = []
        while i < len(left) and j < len(right):
            entry, there = left[i], right[j]
            if entry.cos_path <= there.cos_path:
                is_same = entry.cos_path == there.cos_path
                pairs.append(Pair(entry.cos_path, entry, there.fingerprint if is_same else None))
                i += 1
                if is_same:
                    # It stays: several objects of the source may have this target.
                    matched = there.cos_path
                continue
            if there.cos_path != matched:
                pairs.append(Pair(there.cos_path, None, there.fingerprint))
            j += 1
        if self._right_over:
            pairs += [Pair(each.cos_path, each, None) for each in left[i:]]
            i = len(left)
        if self._left_over:
            rest = (each for each in right[j:] if each.cos_path != matched)
            pairs += [Pair(each.cos_path, None, each.fingerprint) for each in rest]
            j = len(right)
        self._at_left, self._at_right, self._matched = i, j, matched
        return pairs

    def _fill(self) -> bool:
        """Make sure that both sides have entries, or have ended; return whether that is so."""
        if self._at_left == len(self._left) and not self._left_over:
            more = self._source.take()
            if more is None:
                return False
            self._left, self._at_left, self._left_over = more, 0, not more
        if self._at_right == len(self._right) and not self._right_over:
            found = self._cos.take()
            if found is None:
                return False
            self._right, self._at_right, self._right_over = found, 0, not found
        return True
