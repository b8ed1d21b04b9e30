"""Decides which range of a listing is cut next and where, and keeps what the requests for it found.

Bookkeeping without threads or requests: the caller holds a lock, and sends the requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cos_migrate.model import Found, ListRange, Note, Page
from cos_migrate.scan.key_space import Alphabet, RangeView, choose_cut

_WORTH = 4.0
"""Pages that a gap must seem to hold, to be cut."""
_LEAST = 4
"""Pages by which those that follow are estimated, at least, once there are as many."""
_FREE, _SHARE = 16, 0.15
"""Requests that cuts may cost at once, and as a share of the pages that were listed."""
_MOST_PAUSE = 64
"""Pages to list after failed requests, at most."""


@dataclass(slots=True, eq=False)
class RangeCuts:
    """What is known about the keys of a range behind its marker."""

    list_range: ListRange
    marker: str = ""
    """The last key that was listed of it; empty: none yet, or the range is complete."""
    pages: int = 0
    """Pages that were listed of it."""
    first: str = ""
    """Where the pages begin by which those that follow are estimated: the keys may get denser."""
    counted: int = 0
    """Pages behind `first`."""
    next_first: str = ""
    """Where `first` moves to when enough pages lie behind it."""
    next_counted: int = 0
    bound: str = ""
    """No key of the range lies behind this; empty: not known."""
    asked: set[str] = field(default_factory=set)
    """Keys behind which pages are being requested."""
    found: dict[str, Page] = field(default_factory=dict)
    """Key -> the page behind it, for cuts that can be made."""

    def view(self) -> RangeView:
        """Return the values that decide about the next cut."""
        points = tuple(sorted(key for key in (*self.asked, *self.found) if key > self.marker))
        bound = self.bound or self.list_range.until
        prefix = self.list_range.prefix
        return RangeView(prefix, self.first, self.marker, bound, self.counted, points)

    def add_page(self, first: str, marker: str) -> None:
        """Count a page, which begins with the key `first`."""
        self.marker = marker
        self.first = self.first or first
        self.next_first = self.next_first or first
        self.pages += 1
        self.counted += 1
        self.next_counted += 1
        if self.next_counted >= max(_LEAST, self.pages // 4):
            self.first, self.counted = self.next_first, self.next_counted
            self.next_first, self.next_counted = marker, 0


class NewRange(NamedTuple):
    """A range that was cut off another one, with its first page if that is there."""

    list_range: ListRange
    page: Page | None = None
    """Its first page; None: not requested yet."""
    bound: str = ""
    """As in `RangeCuts`."""


class Probe(NamedTuple):
    """A request for the page behind a chosen key: it shows whether a range can be cut there."""

    cuts: RangeCuts
    key: str

    @property
    def list_range(self) -> ListRange:
        """The range whose first page is requested."""
        return self.cuts.list_range._replace(after=self.key)


class CutSearch:
    """Finds keys at which the ranges of a listing can be cut, by a bounded number of requests."""

    def __init__(self) -> None:
        self._alphabet = Alphabet()
        self._ranges: list[RangeCuts] = []
        self._pages = self._cost = 0
        self._pause = 1
        self._resumes_at = 0
        self.found = 0
        """Cuts that can be made and are not yet."""

    def begin(self, list_range: ListRange, bound: str = "") -> RangeCuts:
        """Add a range whose listing begins; `bound` as in `RangeCuts`."""
        cuts = RangeCuts(list_range, bound=bound)
        self._ranges.append(cuts)
        return cuts

    def end(self, cuts: RangeCuts) -> None:
        """Remove a range that is no longer listed."""
        self._ranges.remove(cuts)
        self._drop(cuts)

    def add_page(self, cuts: RangeCuts, page: Page) -> None:
        """Learn from a listed page."""
        names = names_of(page.found)
        cuts.add_page(names[0] if names else page.next, page.next)
        self._pages += 1
        self._alphabet.learn(names)

    def next_probe(self) -> Probe | None:
        """Return the next request, behind a key in the longest gap; None: there is none."""
        if self._cost > _FREE + _SHARE * self._pages or self._pages < self._resumes_at:
            return None
        choices = [
            (cut.pages, number, cut.key)
            for number, cuts in enumerate(self._ranges)
            if cuts.pages and cuts.marker and (cut := choose_cut(cuts.view(), self._alphabet))
        ]
        pages, number, key = max(choices, default=(0.0, 0, ""))
        if pages < _WORTH:
            return None
        self._cost += 1  # a cut costs a page that is not full, any other answer a request
        cuts = self._ranges[number]
        cuts.asked.add(key)
        return Probe(cuts, key)

    def settle(self, probe: Probe, page: Page | None) -> None:
        """Note the page that answered a probe; None: the request failed."""
        cuts, key = probe
        cuts.asked.discard(key)
        until = cuts.list_range.until
        if page is None or page.problem:
            self._resumes_at = self._pages + self._pause
            self._pause = min(_MOST_PAUSE, 2 * self._pause)
            return
        self._pause = 1
        if not page.found and not page.next:
            if not until or key < until:
                cuts.bound = min(cuts.bound or key, key)
        elif cuts in self._ranges and key > cuts.marker and (not until or key < until):
            cuts.found[key] = page
            self.found += 1

    def take(self, cuts: RangeCuts) -> list[NewRange]:
        """Cut the rest of a range at the keys found for it; return the new ranges."""
        pages = {key: page for key, page in cuts.found.items() if key > cuts.marker}
        self._drop(cuts)
        made: list[NewRange] = []
        end, bound = cuts.list_range.until, cuts.bound
        for key in sorted(pages, reverse=True):
            page = end_page(pages[key], end)
            if page.found or page.next:
                made.append(NewRange(cuts.list_range._replace(after=key, until=end), page, bound))
                end, bound = key, ""
        cuts.list_range, cuts.bound = cuts.list_range._replace(until=end), bound
        return made[::-1]

    def _drop(self, cuts: RangeCuts) -> None:
        self.found -= len(cuts.found)
        cuts.found.clear()


def names_of(found: Sequence[Found]) -> list[str]:
    """Return the names of found objects."""
    return [item.name for item in found if not isinstance(item, Note)]


def end_page(page: Page, until: str) -> Page:
    """Return a page without the names behind `until`, the end of its range; empty: no end."""
    if not until or (not page.found and page.next < until):
        return page
    kept = [item for item in page.found if isinstance(item, Note) or item.name <= until]
    return page._replace(found=kept, next=page.next if page.next < until else "")
