"""Tracks how far each range of a listing is settled, so that a later run can resume there.

Pure bookkeeping: a position moves behind a page only when every object up to the end of that page
has its outcome.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cos_migrate.model import ListRange
from cos_migrate.scan.base import PagePosition
from cos_migrate.state import formats
from cos_migrate.state.formats import ReadableRecords
from cos_migrate.state.store import RecordStore

if TYPE_CHECKING:
    from cos_migrate.sources.paged import PagedSource

PREFIX = b"[cosmigrate list] "
"""Prefix of the keys of all positions."""
BEGUN = b"[cosmigrate listing]"
"""Key of the origin of the positions; present only while a listing is under way."""

RangeStarts = list[tuple[ListRange, str]]
"""Ranges, each with the marker behind which it is listed."""


@dataclass(slots=True)
class _PageState:
    left: int
    """Objects of the page without an outcome."""
    next: str


@dataclass(slots=True)
class _RangeState:
    list_range: ListRange
    marker: str
    pages: collections.deque[_PageState] = field(default_factory=collections.deque)
    saved: ListRange | None = None
    """The range under whose key the position is stored in the database."""
    unreliable: bool = False
    """Whether its position must not move, since the listing is not reliable."""


class Positions:
    """The positions of one listing; together they cover everything that is not settled."""

    def __init__(
        self, starts: Iterable[tuple[ListRange, str]], mark: str, *, resumed: bool
    ) -> None:
        """`starts`: ranges with their markers; `resumed`: they were read from the database.

        `mark` is the `origin_mark` of the listed source.
        """
        self._mark = mark
        self._ranges: dict[int, _RangeState] = {}
        self._pages: dict[int, tuple[int, _PageState]] = {}
        self._dirty: set[int] = set()
        self._gone: list[ListRange] = []
        self.resumed = resumed
        self._begin = not resumed
        for number, (list_range, marker) in enumerate(starts, start=1):
            self._ranges[number] = _RangeState(
                list_range, marker, saved=list_range if resumed else None
            )
            if not resumed:
                self._dirty.add(number)

    def add_page(self, position: PagePosition, objects: int) -> None:
        """Add a page with a number of `objects` that have no outcome yet."""
        state = self._ranges[position.range_number]
        page = _PageState(objects, position.next)
        state.list_range = position.list_range
        state.unreliable = state.unreliable or position.unreliable
        state.pages.append(page)
        if objects:
            self._pages[position.page] = position.range_number, page
        for number, list_range in position.new_ranges:
            self._ranges[number] = _RangeState(list_range, "")
            self._dirty.add(number)
        self._dirty.add(position.range_number)
        self._advance(position.range_number)

    def count_outcome(self, page: int) -> None:
        """Count the outcome of one object of a page."""
        number, state = self._pages[page]
        state.left -= 1
        if not state.left:
            del self._pages[page]
            self._advance(number)

    def take_changes(self) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
        """Return, once, the pairs to write and the keys to delete together with the records."""
        puts: list[tuple[bytes, bytes]] = []
        deletes: list[bytes] = []
        if self._begin:
            self._begin = False
            puts.append((BEGUN, self._mark.encode()))
        for number in self._dirty:
            state = self._ranges.get(number)
            if state is None:
                continue
            if state.saved is not None and state.saved != state.list_range:
                deletes.append(key_of(state.saved))
            state.saved = state.list_range
            puts.append((key_of(state.list_range), state.marker.encode("utf-8", "surrogatepass")))
        deletes += [key_of(list_range) for list_range in self._gone]
        self._dirty.clear()
        self._gone.clear()
        return puts, deletes

    def _advance(self, number: int) -> None:
        state = self._ranges[number]
        while state.pages and not state.pages[0].left and not state.unreliable:
            page = state.pages.popleft()
            state.marker = page.next
            self._dirty.add(number)
            if not page.next:
                if state.saved is not None:
                    self._gone.append(state.saved)
                del self._ranges[number]
                self._dirty.discard(number)
                return


def key_of(list_range: ListRange) -> bytes:
    """Return the database key of the position of a range; its value is the marker."""
    return PREFIX + json.dumps(list_range).encode()


def load(state: ReadableRecords, mark: str) -> RangeStarts | None:
    """Return the ranges and markers of an unfinished listing, or None.

    None for positions of another origin (another bucket with the same database name), and when one
    of them cannot be read: its range would be left out.
    """
    if state.get(BEGUN) != mark.encode():
        return None
    found = []
    for key, value in state.scan(PREFIX):
        list_range = _range_of(key[len(PREFIX) :])
        if list_range is None:
            return None
        found.append((list_range, value.decode("utf-8", "surrogatepass")))
    return found


def _range_of(text: bytes) -> ListRange | None:
    try:
        names = json.loads(text)
    except ValueError:
        return None
    if not isinstance(names, list) or len(names) != len(ListRange._fields):
        return None
    return ListRange(*names) if all(isinstance(name, str) for name in names) else None


def stale_keys(state: ReadableRecords) -> list[bytes]:
    """Return the keys of all positions, for deletion when a listing begins or is complete."""
    return [BEGUN, *(key for key, _ in state.scan(PREFIX))]


def start_listing(
    source: PagedSource, state: RecordStore, *, resume: bool
) -> tuple[RangeStarts, Positions]:
    """Return the ranges to list, and the positions to keep meanwhile.

    Without `resume` the positions of earlier runs are removed. Raises StateError.
    """
    mark = formats.origin_mark(source.origin())
    saved = load(state, mark) if resume else None
    if saved is None:
        state.write([], stale_keys(state), sync=False)
        saved, resumed = [(list_range, "") for list_range in source.ranges()], False
    else:
        resumed = True
    return saved, Positions(saved, mark, resumed=resumed)
