"""Lists a cloud source: several ranges at once, page by page, a bounded way ahead.

A thread that has nothing to do has another cut its range in two (work stealing), so that a large
bucket is listed by as many requests at once as are allowed, and no range starves the others.
"""

from __future__ import annotations

import collections
import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cos_migrate.errors import MigrateError, SourceError
from cos_migrate.http.retries import Retries
from cos_migrate.model import Failure, Found, ListRange, Note, Page
from cos_migrate.pools.messages import failure_of
from cos_migrate.scan.walk import Listed, ScanEnded, Scanned
from cos_migrate.sources.key_pages import OUTSIDE
from cos_migrate.sources.paged import PagedSource
from cos_migrate.sources.xml_characters import UNREADABLE
from cos_migrate.text import words_of

_AHEAD = 8
"""Pages that may wait for the coordinator: what bounds the memory of a huge listing."""
_PATIENCE_MOST = 64
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
"""Codes of listings that asking again does not mend."""


@dataclass(slots=True)
class _Work:
    """A range that is being listed."""

    number: int
    part: ListRange
    marker: str
    uncut: int = 0
    """Pages for which it need not be tried again to cut it."""
    patience: int = 1
    spoilt: bool = False
    """Whether the source has shown that it does not list the range as it should."""


class Lister:
    """Runs the listing in threads of its own and posts its pages."""

    def __init__(
        self,
        source: PagedSource,
        starts: Iterable[tuple[ListRange, str]],
        parallel: int,
        tries: int,
        post: Callable[[Scanned | ScanEnded], None],
    ) -> None:
        """`starts`: ranges and the marker behind which each goes on; numbered from 1."""
        self._source = source
        self._post = post
        self._numbers = itertools.count(1)
        self._pages = itertools.count(1)
        works = [_Work(next(self._numbers), part, marker) for part, marker in starts]
        self._waiting = collections.deque(reversed(works))
        self._changed = threading.Condition()
        self._active = self._hungry = 0
        self._stopping = threading.Event()
        self._credits = threading.Semaphore(_AHEAD)
        self._retries = Retries(tries, self._stopping, lambda: None)
        self._failure: Failure | None = None
        self._left = parallel
        self._threads = [
            threading.Thread(target=self._work, name=f"list-{number}", daemon=True)
            for number in range(parallel)
        ]

    def start(self) -> None:
        """Begin to list."""
        for thread in self._threads:
            thread.start()

    def consumed(self) -> None:
        """Allow one more page: one that was posted has been dealt with."""
        self._credits.release()

    def stop(self) -> None:
        """End the listing; ScanEnded is still posted."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        for _ in self._threads:
            self._credits.release()

    def _work(self) -> None:
        while (work := self._take()) is not None:
            try:
                self._list(work)
            except MigrateError as error:
                self._failed(failure_of(error))
            except Exception as error:
                text = f"the listing broke off: {words_of(error)}"
                self._failed(Failure("list", text, code="Unexpected"))
            with self._changed:
                self._active -= 1
                self._changed.notify_all()
        with self._changed:
            self._left -= 1
            last = not self._left
        if last:
            self._post(ScanEnded(self._failure))

    def _take(self) -> _Work | None:
        """Return the next range, None when there will be no more."""
        with self._changed:
            self._hungry += 1
            while not self._waiting and self._active and not self._stopping.is_set():
                self._changed.wait()
            self._hungry -= 1
            if not self._waiting or self._stopping.is_set():
                self._changed.notify_all()
                return None
            self._active += 1
            # The newest first: of a tree of folders only one branch is open at a time.
            return self._waiting.pop()

    def _list(self, work: _Work) -> None:
        while not self._stopping.is_set():
            page = self._page(work)
            if page is None:
                return
            self._send(work, page)
            if not page.next:
                return
            work.marker = page.next
            # Only now: what the page has need not wait for the requests that a cut takes.
            cut = self._cut(work)
            if cut:
                self._send(work, Page([], page.next, more=(cut,)))

    def _page(self, work: _Work) -> Page | None:
        """Ask for the next page; None when the run is stopping."""
        try:
            page = self._retries.run(lambda: self._source.list_page(work.part, work.marker))
        except MigrateError as error:
            if error.code == "Stopping":
                return None
            raise
        if page.problem:
            self._spoil(work, page.problem)
        if page.next and page.next == work.marker:
            raise SourceError(
                "the listing repeats itself: it went on where it had begun",
                operation="ListObjects",
                target=work.part.prefix,
                code="ListingRepeats",
            )
        return page

    def _cut(self, work: _Work) -> ListRange | None:
        """Shorten a range when a thread waits for work; return what was cut off."""
        if not self._hungry or self._waiting or work.spoilt:
            return None
        if work.uncut:
            work.uncut -= 1
            return None
        try:
            halves = self._source.split(work.part, work.marker)
        except MigrateError as error:
            halves = None  # only a way to be faster
            if error.code == OUTSIDE:
                self._spoil(work, failure_of(error))
        if halves is None:
            work.uncut = work.patience
            work.patience = min(_PATIENCE_MOST, 2 * work.patience)
            return None
        work.part, cut = halves
        work.patience = 1
        return cut

    def _send(self, work: _Work, page: Page) -> None:
        self._credits.acquire()
        if self._stopping.is_set():
            return
        number = next(self._pages)
        more = tuple((next(self._numbers), part) for part in page.more)
        found: list[Found] = [
            item if isinstance(item, Note) else item._replace(page=number) for item in page.found
        ]
        listed = Listed(number, work.number, work.part, page.next, more, work.spoilt)
        self._post(Scanned(found, listed))
        if more:
            with self._changed:
                # The first of them is to be the next.
                self._waiting.extend(_Work(number, part, "") for number, part in reversed(more))
                self._changed.notify_all()

    def _spoil(self, work: _Work, failure: Failure) -> None:
        """Note that a range is not complete, and go on with what it has."""
        work.spoilt = True
        self._failed(failure)

    def _failed(self, failure: Failure) -> None:
        if failure.code in _LISTED_WRONGLY and (key := self._source.key_file_option):
            way = f"a file of keys ([{self._source.migrate_type}] {key}) is migrated without it"
            failure = failure._replace(message=f"{failure.message}; {way}")
        with self._changed:
            self._failure = self._failure or failure
        if failure.fatal:
            self.stop()
