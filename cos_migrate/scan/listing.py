"""Lists a cloud source: several ranges at once, page by page, a bounded number of pages ahead.

An idle thread takes a part of the range of another (work stealing), so that a large bucket is
listed by as many requests at once as are allowed, and no range starves the others. Where a source
lists behind any key, the idle thread searches a key at which the range can be cut, and has its
first page then; other sources split a range by themselves. Only the thread that lists a range
shortens it, between two pages.
"""

from __future__ import annotations

import collections
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from cos_migrate.errors import Code, MigrateError, SourceError
from cos_migrate.http.credential_gate import CredentialGate
from cos_migrate.http.retries import Retries
from cos_migrate.model import (
    Failure,
    Found,
    ListRange,
    Note,
    Page,
    SourceObject,
    failure_of,
    unexpected_failure,
)
from cos_migrate.scan.base import PagePosition, Scan, ScanEnded, Scanned
from cos_migrate.scan.cut_search import CutSearch, NewRange, Probe, RangeCuts
from cos_migrate.sources.key_pages import OUTSIDE
from cos_migrate.sources.paged import PagedSource
from cos_migrate.sources.xml_characters import UNREADABLE

_AHEAD = 8
"""Pages that may wait for the coordinator: bounds the memory of a huge listing."""
_MAX_PATIENCE = 64
PageRequest = Callable[[ListRange, str], Page]
_NEW_OBJECT: Callable[[Iterable[object]], SourceObject] = partial(tuple.__new__, SourceObject)
_PAGE_FIELD = SourceObject._fields.index("page")
_LISTED_WRONGLY = frozenset(
    {
        "BadListing",
        "ListingLoops",
        "ListingOutOfOrder",
        "ListingRepeats",
        "ListingStuck",
        OUTSIDE,
        UNREADABLE,
    }
)
"""Codes of faulty listings that a retry does not cure."""


@dataclass(slots=True)
class _RangeListing:
    """A range that is being listed."""

    number: int
    list_range: ListRange
    marker: str
    pages_to_split: int = 0
    """Pages to list before the next attempt to split the range."""
    patience: int = 1
    """Pages to list after the next failed attempt."""
    unreliable: bool = False
    """Whether the source lists the range wrongly: it is incomplete."""
    page: Page | None = None
    """Its first page, where that was requested already."""
    bound: str = ""
    """No key of the range lies behind this; empty: not known."""
    cuts: RangeCuts | None = None
    """The search for cuts while it is being listed; None: there is none."""


class Lister(Scan):
    """Lists a source in threads and posts the pages."""

    def __init__(
        self,
        source: PagedSource,
        starts: Iterable[tuple[ListRange, str]],
        parallel: int,
        tries: int,
        post: Callable[[Scanned | ScanEnded], None],
        *,
        gate: CredentialGate | None = None,
        ahead: int = _AHEAD,
        list_page: PageRequest | None = None,
    ) -> None:
        """`starts`: ranges with the marker after which each continues; numbered from 1.

        `gate`: where ended credentials are waited for; None: they are a failure. `ahead`: pages
        that may wait for the coordinator. `list_page`: requests a page, in place of the source.
        """
        self._source = source
        self._list_page = list_page or source.list_page
        self._post = post
        self._numbers = itertools.count(1)
        self._pages = itertools.count(1)
        listings = [
            _RangeListing(next(self._numbers), list_range, marker) for list_range, marker in starts
        ]
        self._waiting = collections.deque(reversed(listings))
        self._changed = threading.Condition()
        self._active = self._idle = 0
        self._search = CutSearch() if source.lists_behind_any_key else None
        self._stopping = threading.Event()
        self._credits = threading.Semaphore(ahead)
        self._retries = Retries(tries, self._stopping, gate=gate)
        self._failure: Failure | None = None
        self._left = parallel
        self._threads = [
            threading.Thread(target=self._list_ranges, name=f"list-{number}", daemon=True)
            for number in range(parallel)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def allow_more(self) -> None:
        """Allow one more page, after a posted one was handled."""
        self._credits.release()

    def stop(self) -> None:
        """End the listing; ScanEnded is still posted."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        for _ in self._threads:
            self._credits.release()

    def _list_ranges(self) -> None:
        while (work := self._next_work()) is not None:
            if isinstance(work, Probe):
                self._probe(work)
                continue
            try:
                self._list_range(work)
            except MigrateError as error:
                self._note_failure(failure_of(error))
            except Exception as error:
                self._note_failure(unexpected_failure("list", error, doing="the listing"))
            with self._changed:
                self._active -= 1
                if self._search and work.cuts:
                    self._search.end(work.cuts)
                self._changed.notify_all()
        with self._changed:
            self._left -= 1
            last = not self._left
        if last:
            self._post(ScanEnded(self._failure))

    def _next_work(self) -> _RangeListing | Probe | None:
        """Return a range to list, or a cut to try; None when the listing is over."""
        with self._changed:
            self._idle += 1
            probe = None
            while not self._waiting and self._active and not self._stopping.is_set():
                # Each cut that waits to be made has an idle thread for the new range.
                if self._search and self._search.found < self._idle:
                    probe = self._search.next_probe()
                    if probe:
                        break
                self._changed.wait()
            self._idle -= 1
            if probe:
                return probe
            if not self._waiting or self._stopping.is_set():
                self._changed.notify_all()
                return None
            self._active += 1
            # Newest first, so that only one branch of a tree of folders is open at a time.
            listing = self._waiting.pop()
            if self._search:
                listing.cuts = self._search.begin(listing.list_range, listing.bound)
            return listing

    def _probe(self, probe: Probe) -> None:
        """Request the page behind a key; a failure costs nothing but the cut."""
        page = None
        try:
            page = self._list_page(probe.list_range, "")
        except MigrateError:
            pass
        except Exception as error:
            self._note_failure(unexpected_failure("list", error, doing="the listing"))
        with self._changed:
            if self._search:
                self._search.settle(probe, page)

    def _list_range(self, listing: _RangeListing) -> None:
        while not self._stopping.is_set():
            page = listing.page or self._request_page(listing)
            listing.page = None
            if page is None:
                return
            self._post_page(listing, page)
            if not page.next:
                return
            listing.marker = page.next
            # After sending, so that the page does not wait for the requests of a split.
            rest = self._cut_off(listing, page) if listing.cuts else self._split_off(listing)
            if rest:
                more = tuple(new.list_range for new in rest)
                self._post_page(listing, Page([], page.next, more=more), rest)

    def _cut_off(self, listing: _RangeListing, page: Page) -> list[NewRange]:
        """Shorten a range by the cuts that were found; return the new ranges."""
        with self._changed:
            search, cuts = self._search, listing.cuts
            if search is None or cuts is None or listing.unreliable:
                return []
            search.add_page(cuts, page)
            self._changed.notify_all()
            made = search.take(cuts)
            listing.list_range = cuts.list_range
            return made

    def _request_page(self, listing: _RangeListing) -> Page | None:
        """Request the next page; return None when the run is stopping."""
        try:
            page = self._retries.run(lambda: self._list_page(listing.list_range, listing.marker))
        except MigrateError as error:
            if error.code == Code.STOPPING:
                return None
            raise
        if page.problem:
            self._mark_unreliable(listing, page.problem)
        if page.next and page.next == listing.marker:
            raise SourceError(
                "the listing repeats itself: it went on where it had begun",
                operation="ListObjects",
                target=listing.list_range.prefix,
                code="ListingRepeats",
            )
        return page

    def _split_off(self, listing: _RangeListing) -> list[NewRange]:
        """Have the source split a range when a thread is idle; return the rest as a new range."""
        if not self._idle or self._waiting or listing.unreliable:
            return []
        if listing.pages_to_split:
            listing.pages_to_split -= 1
            return []
        try:
            halves = self._source.split(listing.list_range, listing.marker)
        except MigrateError as error:
            halves = None  # a split is optional
            if error.code == OUTSIDE:
                self._mark_unreliable(listing, failure_of(error))
        if halves is None:
            listing.pages_to_split = listing.patience
            listing.patience = min(_MAX_PATIENCE, 2 * listing.patience)
            return []
        listing.list_range, rest = halves
        listing.patience = 1
        return [NewRange(rest)]

    def _post_page(self, listing: _RangeListing, page: Page, made: Sequence[NewRange] = ()) -> None:
        """Post a page; `made`: the further ranges that were cut off its range."""
        self._credits.acquire()
        if self._stopping.is_set():
            return
        number = next(self._pages)
        new_ranges = tuple((next(self._numbers), list_range) for list_range in page.more)
        found = _with_page(page.found, number)
        position = PagePosition(
            page=number,
            range_number=listing.number,
            list_range=listing.list_range,
            next=page.next,
            new_ranges=new_ranges,
            unreliable=listing.unreliable,
        )
        self._post(Scanned(found, position, page.columns))
        if new_ranges:
            with self._changed:
                # Reversed, so that the first is taken next.
                first = {new.list_range: new for new in made}
                for number, list_range in reversed(new_ranges):
                    new = first.get(list_range, NewRange(list_range))
                    self._waiting.append(
                        _RangeListing(number, list_range, "", page=new.page, bound=new.bound)
                    )
                self._changed.notify_all()

    def _mark_unreliable(self, listing: _RangeListing, failure: Failure) -> None:
        """Mark a range as incomplete and go on with its objects."""
        listing.unreliable = True
        self._note_failure(failure)

    def _note_failure(self, failure: Failure) -> None:
        if failure.code in _LISTED_WRONGLY and (key := self._source.key_file_option):
            way = f"a file of keys ([{self._source.migrate_type}] {key}) is migrated without it"
            failure = failure._replace(message=f"{failure.message}; {way}")
        with self._changed:
            self._failure = self._failure or failure
        if failure.fatal:
            self.stop()


def _with_page(found: Sequence[Found], number: int) -> list[Found]:
    """Return found items with the number of their page."""
    if set(map(type, found)) == {SourceObject}:
        # By functions in C, in a fifth of the time of _replace, which a long listing spends for
        # every object.
        columns: list[Iterable[object]] = list(zip(*found, strict=True))
        columns[_PAGE_FIELD] = itertools.repeat(number)
        return list(map(_NEW_OBJECT, zip(*columns)))  # noqa: B905 - one has no end
    return [item if isinstance(item, Note) else item._replace(page=number) for item in found]
