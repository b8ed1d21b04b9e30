"""Merges two listings by their target paths; pure, with flat memory."""

from __future__ import annotations

import bisect
import collections
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from cos_migrate.engine.key_sort import SourceEntry
from cos_migrate.model import Fingerprint, KeyColumns
from cos_migrate.sources.column_pages import fingerprint_in, pick_columns, slice_columns


class CosPage(NamedTuple):
    """Objects on COS, in order."""

    paths: list[str]
    """Target paths with their leading `/`."""
    columns: KeyColumns


class SourceColumns(NamedTuple):
    """Objects of the source, in order: none of them is `weak`."""

    paths: list[str]
    """Target paths with their leading `/`."""
    columns: KeyColumns


class Both(NamedTuple):
    """Objects that both sides have; the columns are aligned."""

    paths: list[str]
    source: KeyColumns
    cos: KeyColumns


class Pair(NamedTuple):
    """A target path with what the source and COS have there, one of which may be missing."""

    cos_path: str
    entry: SourceEntry | None
    """None: the source does not have it."""
    cos: Fingerprint | None
    """None: COS does not have it."""


class Step(NamedTuple):
    """What a step of the merge yields: each target path once, in one of the two."""

    pairs: list[Pair]
    """In order."""
    both: Both | None = None
    """Objects that both sides have, listed by columns."""


SourcePage = list[SourceEntry] | SourceColumns
PageT = TypeVar("PageT", CosPage, SourceColumns)
_NOTHING = CosPage([], KeyColumns([], [], [], [], []))


class SourcePages:
    """The source's entries: pages in order as they arrive, and entries that were sorted on disk."""

    def __init__(self, taken: Callable[[], None]) -> None:
        """`taken`: called once for each page that is taken."""
        self._taken = taken
        self._pages: collections.deque[SourcePage] = collections.deque()
        self._sorted: Iterator[list[SourceEntry]] = iter(())
        self._rest: list[SourceEntry] = []
        self.ended = False
        """Whether no page follows."""

    def add(self, page: SourcePage) -> None:
        """Add the next page."""
        self._pages.append(page)

    def add_sorted(self, entries: Iterator[list[SourceEntry]]) -> None:
        """Merge sorted entries with the pages; before the first `take`."""
        self._sorted = entries

    def take(self) -> SourcePage | None:
        """Return the next entries; empty: there are none; None: they are not there yet."""
        while self._pages:
            page = self._pages.popleft()
            self._taken()
            if isinstance(page, SourceColumns):  # only where nothing is sorted
                if page.paths:
                    return page
            elif page:
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
    """COS's objects, in pages as they arrive."""

    def __init__(self, taken: Callable[[], None]) -> None:
        """`taken`: called once for each page that is taken."""
        self._taken = taken
        self._pages: collections.deque[CosPage] = collections.deque()
        self.ended = False
        """Whether no page follows."""

    def add(self, page: CosPage) -> None:
        """Add the next page."""
        self._pages.append(page)

    def take(self) -> CosPage | None:
        """Return the next objects; empty: there are none; None: they are not there yet."""
        while self._pages:
            page = self._pages.popleft()
            self._taken()
            if page.paths:
                return page
        return _NOTHING if self.ended else None


class KeyMerge:
    """Merges both sides; each is read once, from its first to its last key."""

    def __init__(
        self,
        source: SourcePages,
        cos: CosPages,
        entries_of: Callable[[SourceColumns], list[SourceEntry]],
    ) -> None:
        """`entries_of` returns the entries of objects that are listed by columns."""
        self._source = source
        self._cos = cos
        self._entries_of = entries_of
        self._left: SourcePage = []
        self._right = _NOTHING
        self._at_left = self._at_right = 0
        self._left_over = self._right_over = False
        self._matched = ""
        """Target path of the last object on COS that the source has too."""

    @property
    def is_over(self) -> bool:
        """Whether both sides are merged."""
        return self._left_over and self._right_over

    def step(self) -> Step:
        """Merge and return the entries at hand, up to the last key of the side that ends first.

        Empty: a side has to be listed further.
        """
        if not self._fill():
            return Step([])
        left = self._left
        if isinstance(left, SourceColumns):
            if not self._right_over:
                return self._merge_columns(left)
            left = self._entries_of(slice_page(left, self._at_left, len(left.paths)))
            self._left, self._at_left = left, 0
        return Step(self._merge_entries(left))

    def _merge_columns(self, left: SourceColumns) -> Step:
        """Merge up to the last key of the page that ends first."""
        right, i, j = self._right, self._at_left, self._at_right
        if right.paths[j] == self._matched:
            # Its object of the source is passed; no other has its target.
            j += 1
            if j == len(right.paths):
                self._at_right = j
                return self.step()
        last = min(left.paths[-1], right.paths[-1])
        self._at_left = bisect.bisect_right(left.paths, last, i)
        self._at_right = bisect.bisect_right(right.paths, last, j)
        mine = slice_page(left, i, self._at_left)
        theirs = slice_page(right, j, self._at_right)
        if mine.paths == theirs.paths:
            return Step([], Both(mine.paths, mine.columns, theirs.columns))
        here, there = set(mine.paths), set(theirs.paths)
        pairs = [
            Pair(entry.cos_path, entry, None) for entry in self._entries_of(_without(mine, there))
        ]
        extra = _without(theirs, here)
        pairs += [
            Pair(path, None, fingerprint_in(extra.columns, number))
            for number, path in enumerate(extra.paths)
        ]
        pairs.sort(key=_path_of)
        mine, theirs = _only(mine, there), _only(theirs, here)
        return Step(pairs, Both(mine.paths, mine.columns, theirs.columns))

    def _merge_entries(self, left: list[SourceEntry]) -> list[Pair]:
        right, columns = self._right.paths, self._right.columns
        i, j, matched = self._at_left, self._at_right, self._matched
        pairs: list[Pair] = []
        while i < len(left) and j < len(right):
            entry, there = left[i], right[j]
            if entry.cos_path <= there:
                is_same = entry.cos_path == there
                cos = fingerprint_in(columns, j) if is_same else None
                pairs.append(Pair(entry.cos_path, entry, cos))
                i += 1
                if is_same:
                    # It stays: several objects of the source may have this target.
                    matched = there
                continue
            if there != matched:
                pairs.append(Pair(there, None, fingerprint_in(columns, j)))
            j += 1
        if self._right_over:
            pairs += [Pair(each.cos_path, each, None) for each in left[i:]]
            i = len(left)
        if self._left_over:
            pairs += [
                Pair(right[number], None, fingerprint_in(columns, number))
                for number in range(j, len(right))
                if right[number] != matched
            ]
            j = len(right)
        self._at_left, self._at_right, self._matched = i, j, matched
        return pairs

    def _fill(self) -> bool:
        """Make sure that both sides have entries, or have ended; return whether that is so."""
        if self._at_left == _length(self._left) and not self._left_over:
            more = self._source.take()
            if more is None:
                return False
            self._left, self._at_left, self._left_over = more, 0, not _length(more)
        if self._at_right == len(self._right.paths) and not self._right_over:
            found = self._cos.take()
            if found is None:
                return False
            self._right, self._at_right, self._right_over = found, 0, not found.paths
        return True


def _length(page: SourcePage) -> int:
    return len(page.paths) if isinstance(page, SourceColumns) else len(page)


def _path_of(pair: Pair) -> str:
    return pair.cos_path


def slice_page(page: PageT, first: int, last: int) -> PageT:
    """Return the objects of a page from `first` to before `last`."""
    if last - first == len(page.paths):
        return page
    columns = slice_columns(page.columns, first, last)
    return page._replace(paths=page.paths[first:last], columns=columns)


def _only(page: PageT, paths: set[str]) -> PageT:
    """Return the objects of a page whose target paths are among `paths`."""
    return _picked(page, [number for number, path in enumerate(page.paths) if path in paths])


def _without(page: PageT, paths: set[str]) -> PageT:
    """Return the objects of a page whose target paths are not among `paths`."""
    return _picked(page, [number for number, path in enumerate(page.paths) if path not in paths])


def _picked(page: PageT, numbers: list[int]) -> PageT:
    if len(numbers) == len(page.paths):
        return page
    columns = pick_columns(page.columns, numbers)
    return page._replace(paths=[page.paths[number] for number in numbers], columns=columns)
