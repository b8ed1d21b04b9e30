"""Cuts of a listing whose layout is not known: what they cost and gain, in requests."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cos_migrate.model import Failure, Fingerprint, ListRange, Page, SourceObject
from cos_migrate.scan.cut_search import CutSearch, Probe, RangeCuts, end_page, names_of
from cos_migrate.scan.key_space import Alphabet, RangeView, choose_cut, is_sendable
from tests.unit.scan.key_layouts import LAYOUTS, keys_in

PAGE = 100


def object_named(name: str) -> SourceObject:
    return SourceObject(name, name, Fingerprint(1))


@dataclass
class Turns:
    """A listing by several threads whose requests take one turn each."""

    keys: list[str]
    threads: int
    page: int = PAGE
    turns: int = 0
    requests: int = 0

    def fetch(self, list_range: ListRange, marker: str) -> Page:
        self.requests += 1
        first = bisect.bisect_right(self.keys, marker or list_range.after)
        rest = self.keys[first : first + self.page]
        truncated = first + self.page < len(self.keys)
        page = Page([object_named(key) for key in rest], rest[-1] if truncated else "")
        return end_page(page, list_range.until)

    def run(self) -> list[str]:
        """Return the listed keys, in any order."""
        search = CutSearch()
        waiting: list[tuple[RangeCuts, Page | None]] = [(search.begin(ListRange()), None)]
        listing: list[tuple[RangeCuts, Page | None]] = []
        names: list[str] = []
        while waiting or listing:
            while waiting and len(listing) < self.threads:
                listing.append(waiting.pop())
            idle = self.threads - len(listing)
            probes: list[tuple[Probe, Page]] = []
            while search.found + len(probes) < idle and (probe := search.next_probe()):
                probes.append((probe, self.fetch(probe.list_range, "")))
            self.turns += 1
            going: list[tuple[RangeCuts, Page | None]] = []
            for cuts, first in listing:
                page = first or self.fetch(cuts.list_range, cuts.marker)
                names += names_of(page.found)
                if not page.next:
                    search.end(cuts)
                    continue
                search.add_page(cuts, page)
                going.append((cuts, None))
                waiting += [
                    (search.begin(new.list_range, new.bound), new.page) for new in search.take(cuts)
                ]
            listing = going
            for probe, page in probes:
                search.settle(probe, page)
        return names


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "one"])
def test_a_thousand_pages_by_eight_threads(layout: str) -> None:
    keys = keys_in(layout, 1000 * PAGE)
    listing = Turns(keys, threads=8)
    assert sorted(listing.run()) == keys
    fewest = math.ceil(len(keys) / PAGE)
    assert listing.requests <= 1.2 * fewest
    assert listing.turns <= fewest / 6


@pytest.mark.parametrize("layout", LAYOUTS)
def test_small_listings_take_few_requests_more(layout: str) -> None:
    keys = keys_in(layout, 10 * PAGE)
    listing = Turns(keys, threads=8)
    assert sorted(listing.run()) == keys
    assert listing.requests <= math.ceil(len(keys) / PAGE) + 20


any_text = st.text(st.characters(codec="utf-8", exclude_categories=[]), max_size=6)
some_text = st.text(st.sampled_from("ab/09~\u00e9\u4e00\U0001f600"), max_size=6)


@settings(deadline=None, max_examples=1000)
@given(
    keys=st.sets(st.one_of(any_text, some_text), max_size=60),
    prefix=some_text,
    page=st.integers(1, 6),
    threads=st.integers(1, 6),
)
def test_whatever_the_keys(keys: set[str], prefix: str, page: int, threads: int) -> None:
    ordered = sorted({prefix + key for key in keys} - {""})
    assert sorted(Turns(ordered, threads, page).run()) == ordered


@settings(deadline=None, max_examples=1000)
@given(
    keys=st.lists(st.one_of(any_text, some_text), min_size=2, max_size=8, unique=True),
    prefix=some_text,
    bounded=st.booleans(),
    pages=st.integers(1, 1000),
)
def test_a_cut_lies_inside_and_can_be_sent(
    keys: list[str], prefix: str, *, bounded: bool, pages: int
) -> None:
    first, *points = sorted(prefix + key for key in keys)
    marker = points.pop(0)
    bound = points.pop() if bounded and points else ""
    alphabet = Alphabet()
    alphabet.learn([first, marker])
    view = RangeView(prefix, first, marker, bound, pages, tuple(points))
    cut = choose_cut(view, alphabet)
    if cut:
        assert cut.key.startswith(prefix)
        assert is_sendable(cut.key)
        assert marker < cut.key
        assert not bound or cut.key < bound
        assert cut.key not in points
        assert len(cut.key.encode()) <= 850
        assert cut.pages > 0


def test_keys_that_cannot_be_sent_are_not_cut() -> None:
    alphabet = Alphabet()
    keys = [f"\udc80/{number:03}" for number in range(100)]
    alphabet.learn(keys)
    assert choose_cut(RangeView("", keys[0], keys[50], keys[-1], 1), alphabet) is None
    keys = [f"a/{number:03}" for number in range(100)]
    assert choose_cut(RangeView("", keys[0], keys[50], keys[-1], 1), alphabet) is not None


def test_failed_requests_are_made_more_and_more_rarely() -> None:
    search = CutSearch()
    cuts = search.begin(ListRange())
    failed = 0
    for number in range(400):
        page = [f"{key:06x}" for key in range(4 * number, 4 * number + 4)]
        search.add_page(cuts, Page(list(map(object_named, page)), page[-1]))
        if probe := search.next_probe():
            problem = Failure("ListObjects", "outside")
            search.settle(probe, Page([], "", problem=problem) if failed % 2 else None)
            failed += 1
    assert 4 <= failed <= 12
    assert not search.take(cuts)


def test_cuts_that_overlap_are_made_once() -> None:
    search = CutSearch()
    cuts = search.begin(ListRange())
    search.add_page(cuts, Page([object_named("a")], "a"))
    for key, names, following in (("b", "ef", "f"), ("d", "ef", "f"), ("g", "hi", "i")):
        cuts.asked.add(key)
        search.settle(Probe(cuts, key), Page(list(map(object_named, names)), following))
    made = search.take(cuts)
    assert [(new.list_range, names_of(new.page.found)) for new in made if new.page] == [
        (ListRange("", "d", "g"), ["e", "f"]),
        (ListRange("", "g", ""), ["h", "i"]),
    ]
    assert cuts.list_range == ListRange("", "", "d")
