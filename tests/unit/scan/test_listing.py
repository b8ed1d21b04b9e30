"""Listing in parallel: whatever the threads do, every object comes once or it is said why not."""

from __future__ import annotations

import math
import queue
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cos_migrate.errors import SourceError
from cos_migrate.http import retries
from cos_migrate.model import Failure, Fingerprint, ListRange, Page, Rejected, SourceObject
from cos_migrate.scan.base import PagePosition, ScanEnded, Scanned
from cos_migrate.scan.listing import Lister
from cos_migrate.sources.paged import PagedSource
from tests.unit.keys_source import KeysSource, keys_of
from tests.unit.scan.key_layouts import LAYOUTS, keys_in


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_WAIT", 0.001)


@dataclass
class Heard:
    """What a listing has posted."""

    names: list[str] = field(default_factory=list)
    listed: list[PagePosition] = field(default_factory=list)
    failure: Failure | None = None


def listen(
    source: PagedSource,
    parallel: int = 4,
    starts: Iterable[tuple[ListRange, str]] = ((ListRange(), ""),),
    tries: int = 3,
    seconds: float = 120.0,
) -> Heard:
    """List to the end."""
    inbox: queue.SimpleQueue[Scanned | ScanEnded] = queue.SimpleQueue()
    lister = Lister(source, starts, parallel, tries, inbox.put)
    lister.start()
    heard = Heard()
    while True:
        event = inbox.get(timeout=seconds)
        if isinstance(event, ScanEnded):
            heard.failure = event.failure
            assert inbox.empty(), "nothing may follow the end"
            return heard
        assert event.position is not None
        heard.listed.append(event.position)
        for item in event.found:
            assert isinstance(item, SourceObject | Rejected)
            assert item.page == event.position.page
            heard.names.append(item.name)
        lister.allow_more()


def coverage_holds(heard: Heard, starts: int = 1) -> None:
    """Every range is announced before its first page, and ends with its last."""
    known = set(range(1, starts + 1))
    ended: set[int] = set()
    for listed in heard.listed:
        assert listed.range_number in known
        assert listed.range_number not in ended
        known |= {number for number, _ in listed.new_ranges}
        if not listed.next:
            ended.add(listed.range_number)
    assert known == ended
    assert len({listed.page for listed in heard.listed}) == len(heard.listed)


def tree(folders: int, files: int) -> list[str]:
    return [f"{a:02}/{b:02}/{c:03}" for a in range(folders) for b in range(3) for c in range(files)]


segments = st.sampled_from(["a", "b", "c", "dd", "\u00e9", "\U0001f600", "0"])
paths = st.lists(segments, min_size=1, max_size=4).map("/".join)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    keys=st.sets(paths | paths.map(lambda path: path + "/"), max_size=60),
    page=st.integers(1, 5),
    parallel=st.integers(1, 8),
)
def test_nothing_is_lost_or_repeated(keys: set[str], page: int, parallel: int) -> None:
    heard = listen(KeysSource(keys, page), parallel)
    assert heard.failure is None
    assert sorted(heard.names) == sorted(keys)
    coverage_holds(heard)


@pytest.mark.parametrize("parallel", range(1, 9))
def test_with_any_number_of_threads(parallel: int) -> None:
    keys = tree(6, 20)
    source = KeysSource(keys, 4, latency=0.0005)
    heard = listen(source, parallel)
    assert sorted(heard.names) == keys
    coverage_holds(heard)
    if parallel == 1:
        assert heard.names == keys, "one thread keeps the order"
        asked = {after for _, after, _ in source.requests}
        assert asked <= {"", *keys}, "and searches no cuts"


def test_several_listings_are_under_way_at_once() -> None:
    keys = tree(8, 40)
    source = KeysSource(keys, 5, latency=0.003)
    assert sorted(listen(source, 4).names) == keys
    assert 2 <= source.most_at_once <= 4


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_keys(layout: str) -> None:
    keys = keys_in(layout, 20_000)
    source = KeysSource(keys, 40)
    heard = listen(source, 8)
    assert heard.failure is None
    assert sorted(heard.names) == keys
    coverage_holds(heard)
    assert len(source.requests) <= 1.3 * math.ceil(len(keys) / 40)


def test_ranges_go_on_behind_their_markers() -> None:
    keys = tree(3, 10)
    starts = [
        (ListRange("", "", keys[40]), keys[10]),
        (ListRange("", keys[40], ""), ""),
    ]
    heard = listen(KeysSource(keys, 4), 3, starts)
    assert sorted(heard.names) == keys[11:]
    coverage_holds(heard, starts=2)


def test_no_ranges_are_a_complete_listing() -> None:
    heard = listen(KeysSource(["a"]), 3, ())
    assert heard == Heard()


def test_a_passing_error_is_tried_again() -> None:
    failures = Counter[tuple[str, str, str]]()

    def before(*request: str) -> None:
        failures[request] += 1  # type: ignore[index]
        if failures[request] < 3:  # type: ignore[index]
            raise SourceError("busy", code="InternalError", status=503, retryable=True)

    keys = tree(2, 5)
    heard = listen(KeysSource(keys, 4, before), 3, tries=3)
    assert heard.failure is None
    assert sorted(heard.names) == keys


def test_an_error_that_stays_ends_its_range_only() -> None:
    keys = tree(6, 20)
    spoilt = {key for key in keys if key.startswith("02/")}

    def before(_: str, after: str, delimiter: str) -> None:
        if after in spoilt and not delimiter:
            raise SourceError("broken", code="InternalError", status=500, retryable=True)

    starts = [(ListRange(f"{number:02}/"), "") for number in range(6)]
    heard = listen(KeysSource(keys, 4, before, 0.001), 3, starts, tries=2)
    assert heard.failure is not None
    assert heard.failure.code == "InternalError"
    missing = set(keys) - set(heard.names)
    assert missing
    assert missing < spoilt
    assert len(heard.names) == len(set(heard.names))


def test_an_error_when_cutting_costs_nothing() -> None:
    keys = tree(6, 40)
    refused = 0

    def before(_: str, after: str, __: str) -> None:
        nonlocal refused
        if after and after not in keys:
            refused += 1
            raise SourceError("no such marker", code="InvalidArgument", status=400)

    heard = listen(KeysSource(keys, 4, before, 0.001), 4)
    assert heard.failure is None
    assert heard.names == keys
    assert 0 < refused < 20


def test_a_fatal_error_ends_all_of_it() -> None:
    keys = tree(8, 30)
    calls = 0

    def before(*_: str) -> None:
        nonlocal calls
        calls += 1
        if calls > 10:
            raise SourceError("wrong key", code="InvalidAccessKeyId", fatal=True)

    heard = listen(KeysSource(keys, 4, before), 4, tries=5)
    assert heard.failure is not None
    assert heard.failure.fatal
    assert calls < 30


def test_what_nobody_expected_is_told_too() -> None:
    def before(*_: str) -> None:
        raise ZeroDivisionError

    heard = listen(KeysSource(["a"], 4, before), 2)
    assert heard.failure is not None
    assert heard.failure.code == "Unexpected"
    assert "ZeroDivisionError" in heard.failure.message


class Repeating(KeysSource):
    """Goes on where it was."""

    def list_page(self, list_range: ListRange, marker: str) -> Page:
        return super().list_page(list_range, marker)._replace(next="b")


def test_a_listing_that_repeats_itself_is_not_believed() -> None:
    heard = listen(Repeating(["a", "b", "c"], 1), 1)
    assert heard.failure is not None
    assert heard.failure.code == "ListingRepeats"


@pytest.mark.parametrize("order", [["b", "a", "c"], ["a", "a", "b"], []])
def test_a_listing_out_of_order_is_not_believed(order: list[str]) -> None:
    source = KeysSource([], 10)

    class Odd(KeysSource):
        def list_keys(self, prefix: str, after: str, delimiter: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
            page = super().list_keys(prefix, after, delimiter)
            objects = [SourceObject(name, name, Fingerprint(1)) for name in order]
            return page._replace(objects=objects, truncated=True)

    source.__class__ = Odd
    heard = listen(source, 2)
    assert heard.failure is not None
    assert heard.failure.code == "ListingOutOfOrder"


class Folders(KeysSource):
    """Shows each folder's subfolders as ranges of their own, as Upyun does."""

    def list_page(self, list_range: ListRange, marker: str) -> Page:
        page = self.list_keys(list_range.prefix, marker, "/")
        more = tuple(ListRange(folder) for folder in page.folders) if not marker else ()
        last = page.objects[-1].name if page.objects else ""
        return Page(list(page.objects), last if page.truncated else "", more)

    def split(self, list_range: ListRange, marker: str) -> tuple[ListRange, ListRange] | None:  # noqa: ARG002
        return None


@pytest.mark.parametrize("parallel", [1, 8])
def test_many_tiny_ranges(parallel: int) -> None:
    keys = [f"{a:02}/{b:02}/{c}" for a in range(20) for b in range(25) for c in range(2)]
    keys += ["top", "00/plain"]
    heard = listen(Folders(keys, 2), parallel)
    assert heard.failure is None
    assert sorted(heard.names) == sorted(keys)
    coverage_holds(heard)


@pytest.mark.parametrize("parallel", [1, 8])
def test_it_waits_for_the_coordinator_and_can_be_stopped(parallel: int) -> None:
    inbox: queue.SimpleQueue[Scanned | ScanEnded] = queue.SimpleQueue()
    source = KeysSource(tree(8, 40), 1)
    lister = Lister(source, [(ListRange(), "")], parallel, 3, inbox.put)
    lister.start()
    for _ in range(8):
        assert isinstance(inbox.get(timeout=60), Scanned)
    with pytest.raises(queue.Empty):
        inbox.get(timeout=0.3)  # a bounded way ahead
    assert len(source.requests) < 8 + 3 * parallel
    lister.stop()
    while isinstance(event := inbox.get(timeout=60), Scanned):
        pass
    assert event == ScanEnded(None)
    with pytest.raises(queue.Empty):
        inbox.get(timeout=0.3)


def test_a_stop_does_not_wait_for_a_next_try() -> None:
    asked = threading.Event()

    def before(*_: str) -> None:
        asked.set()
        error = SourceError("busy", code="SlowDown", status=503, retryable=True)
        error.retry_after = 60.0
        raise error

    inbox: queue.SimpleQueue[Scanned | ScanEnded] = queue.SimpleQueue()
    lister = Lister(KeysSource(["a"], 1, before), [(ListRange(), "")], 2, 9, inbox.put)
    lister.start()
    assert asked.wait(60)
    lister.stop()
    assert inbox.get(timeout=50) == ScanEnded(None)


def test_a_cut_range_is_told_with_the_page_that_it_was_cut_behind() -> None:
    keys = tree(6, 30)
    heard = listen(KeysSource(keys, 4, latency=0.001), 4)
    parts = {1: ListRange()}
    markers = {1: ""}
    for listed in heard.listed:
        before = keys_of(parts[listed.range_number], markers[listed.range_number], keys)
        parts[listed.range_number], markers[listed.range_number] = listed.list_range, listed.next
        now = keys_of(listed.list_range, listed.next, keys) if listed.next else set()
        for number, part in listed.new_ranges:
            parts[number], markers[number] = part, ""
            cut = keys_of(part, "", keys)
            assert not cut & now
            now |= cut
        assert now <= before
    assert len(parts) > 1
