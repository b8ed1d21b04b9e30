"""What every source must do, whatever it reads from.

A source's test file inherits `SourceContract` (and `PagesContract` where it is listed by pages,
`CutsContract` where such a listing can be cut in two, `WireContract` where its bytes come over a
network; those of `bucket_contract.py` where it is a bucket), gives the fixtures that they name,
and adds what is peculiar to it. The fixtures stand on the real thing: a folder, or a server
on the loopback that speaks the provider's protocol. Nothing here names a source.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import ClassVar

import pytest

from cos_migrate.errors import MigrateError, SourceChanged, SourceError
from cos_migrate.model import Found, ListRange, Note, Page, SourceObject
from cos_migrate.sources.base import Source
from cos_migrate.sources.bucket import KeyOrderedSource
from cos_migrate.sources.http_source import HttpSource

Put = Callable[[str, bytes], None]
"""Place an object with this content where the source finds it under this key, or replace it."""
Remove = Callable[[str], None]
"""Take away the object with this key."""
Cut = Callable[[int], AbstractContextManager[None]]
"""Break connections, while it lasts, behind so many bytes of a body."""

UNUSUAL_KEYS = (
    " leading blank",
    "a+b",
    "a b.txt",
    "100%",
    "%41%zz",
    "q?x=1&y=2",
    "hash#tag",
    "quotes'\"",
    "semi;colon,comma",
    "[brackets]{braces}",
    "tilde~^`|<>",
    "\u00fc/\u4e2d\u6587/\U0001f600.txt",
    "e\u0301 decomposed",
    ".hidden",
    "deep/er/and/deeper/.x",
    "double//slash",
    "trailing blank ",
    "trailing dot.",
    "x" * 200,
)


def objects(source: Source) -> list[SourceObject]:
    """Return what a scan finds; nothing may be rejected."""
    found = [item for item in source.scan() if not isinstance(item, Note)]
    assert all(isinstance(item, SourceObject) for item in found), found
    return [item for item in found if isinstance(item, SourceObject)]


def only(source: Source) -> SourceObject:
    """Return the one object there is."""
    [obj] = objects(source)
    return obj


def content(source: Source, obj: SourceObject, start: int = 0, length: int = -1) -> bytes:
    """Read a range as the workers do, to the end unless told."""
    length = obj.fingerprint.size - start if length < 0 else length
    with source.open(obj, start, length) as reader:
        data = b""
        while more := reader.read(1 << 18):
            data += more
        reader.check_unchanged()
        return data


def failure(source: Source) -> MigrateError:
    """Return how reading the first listed object, or the listing, fails."""
    with pytest.raises(MigrateError) as caught:
        content(source, objects(source)[0])
    return caught.value


class SourceContract:
    """Fixtures: `source`, `put`, `remove`; nothing is there when a test begins."""

    impossible: ClassVar[frozenset[str]] = frozenset()
    """Those of `UNUSUAL_KEYS` that cannot exist there."""
    many: ClassVar[int] = 10_000
    """How many objects a large listing has: several pages of it."""
    sorted_by_key: ClassVar[bool] = True
    """Whether the listing comes in the order of the keys' bytes."""

    def test_nothing_is_there(self, source: Source) -> None:
        assert objects(source) == []

    def test_every_object_is_found_once_with_its_key_and_size(
        self, source: Source, put: Put
    ) -> None:
        wanted = {"a.txt": b"", "b/c.bin": b"12345", "b/d": b"x" * 70_000, "b.c": b"1"}
        for key, body in wanted.items():
            put(key, body)
        found = objects(source)
        assert {obj.key: obj.fingerprint.size for obj in found} == {
            key: len(body) for key, body in wanted.items()
        }
        assert len(found) == len(wanted)
        assert len({obj.name for obj in found}) == len(wanted)
        assert not any(obj.is_folder for obj in found)
        assert {obj.key: content(source, obj) for obj in found} == wanted

    def test_two_scans_say_the_same(self, source: Source, put: Put) -> None:
        for key in ("a", "b/c", "d"):
            put(key, key.encode())
        assert objects(source) == objects(source)

    def test_unusual_keys(self, source: Source, put: Put) -> None:
        wanted = {key: key.encode() for key in UNUSUAL_KEYS if key not in self.impossible}
        for key, body in wanted.items():
            put(key, body)
        found = objects(source)
        assert sorted(obj.key for obj in found) == sorted(wanted)
        assert {obj.key: content(source, obj) for obj in found} == wanted

    def test_many_objects(self, source: Source, put: Put) -> None:
        wanted = [f"{number % 7}/{number:06}" for number in range(self.many)]
        for key in wanted:
            put(key, b"")
        found = [obj.key for obj in objects(source)]
        assert len(found) == len(wanted)
        assert sorted(found) == sorted(wanted)
        if self.sorted_by_key:
            assert found == sorted(found, key=str.encode)

    def test_a_listing_streams_and_can_be_left(self, source: Source, put: Put) -> None:
        for number in range(20):
            put(f"{number}/x", b"")
        items = iter(source.scan())
        assert isinstance(next(items), SourceObject)
        del items
        assert len(objects(source)) == 20

    def test_ranges(self, source: Source, put: Put) -> None:
        body = bytes(range(256)) * 1024
        put("f", body)
        obj = only(source)
        for start, length in ((0, 1), (1, 70_000), (100_000, 162_144), (262_143, 1), (5, 0)):
            assert content(source, obj, start, length) == body[start : start + length]

    def test_reading_in_pieces_ends_at_the_end_of_the_range(self, source: Source, put: Put) -> None:
        put("f", bytes(range(100)))
        obj = only(source)
        with source.open(obj, 10, 50) as reader:
            assert reader.read(20) == bytes(range(10, 30))
            assert reader.read(1000) == bytes(range(30, 60))
            assert reader.read(1) == b""
            assert reader.read(1) == b""
            reader.check_unchanged()

    def test_empty_objects(self, source: Source, put: Put) -> None:
        put("empty", b"")
        obj = only(source)
        assert obj.fingerprint.size == 0
        assert content(source, obj) == b""

    def test_a_reader_can_be_left_in_the_middle(self, source: Source, put: Put) -> None:
        put("f", b"x" * 1_000_000)
        obj = only(source)
        for _ in range(50):
            with source.open(obj, 0, 1_000_000) as reader:
                assert reader.read(10) == b"x" * 10
        assert len(content(source, obj)) == 1_000_000

    def test_readers_do_not_disturb_each_other(self, source: Source, put: Put) -> None:
        wanted = {f"{number}": bytes([number]) * 10_000 for number in range(16)}
        for key, body in wanted.items():
            put(key, body)
        found = objects(source)
        with ThreadPoolExecutor(8) as threads:
            read = list(threads.map(lambda obj: content(source, obj), found * 4))
        assert read == [wanted[obj.key] for obj in found * 4]

    def test_headers_are_plain_text(self, source: Source, put: Put) -> None:
        put("page.html", b"<p>")
        with source.open(only(source), 0, 3) as reader:
            headers = dict(reader.described.headers)
        assert all(isinstance(word, str) for pair in headers.items() for word in pair)
        assert {name.lower() for name in headers} == set(headers)
        assert headers["content-type"]

    def test_an_object_replaced_after_it_was_listed(self, source: Source, put: Put) -> None:
        put("f", b"first")
        listed = only(source)
        put("f", b"second version")
        with pytest.raises(SourceChanged):
            content(source, listed, 0, 5)
        fresh = source.stat(listed)
        assert fresh.fingerprint != listed.fingerprint
        assert fresh.fingerprint.size in {len(b"second version"), -1}
        assert (fresh.name, fresh.key) == (listed.name, listed.key)
        again = only(source)
        assert content(source, again) == b"second version"
        assert not source.is_unchanged(again, source.record_value(listed))

    def test_an_object_that_is_gone(self, source: Source, put: Put, remove: Remove) -> None:
        put("f", b"first")
        put("g", b"stays")
        obj = next(obj for obj in objects(source) if obj.key == "f")
        remove("f")
        for attempt in (lambda: content(source, obj), lambda: source.stat(obj)):
            with pytest.raises(SourceError) as caught:
                attempt()
            assert caught.value.operation
            assert caught.value.target
            assert not caught.value.retryable
            assert not caught.value.fatal
        assert [obj.key for obj in objects(source)] == ["g"]

    def test_stat_of_what_did_not_change(self, source: Source, put: Put) -> None:
        put("f", b"first")
        obj = only(source)
        assert source.stat(obj) == obj
        assert content(source, source.stat(obj)) == b"first"

    def test_records(self, source: Source, put: Put) -> None:
        put("a", b"one")
        put("b", b"other")
        one, other = sorted(objects(source), key=lambda obj: obj.key)
        assert source.record_key(one, "/x/a") != source.record_key(other, "/x/b")
        assert "/x/a]" in source.record_key(one, "/x/a")
        assert source.is_unchanged(one, source.record_value(one))
        assert not source.is_unchanged(one, source.record_value(other))
        assert not source.is_unchanged(one, "")

    def test_a_source_is_built_again_elsewhere(self, source: Source, put: Put) -> None:
        put("b/c", b"content")
        obj = only(source)
        recipe = (source.config, source.target, source.options, obj)
        config, target, options, sent = pickle.loads(pickle.dumps(recipe))
        assert sent == obj
        again = type(source)(config, target, options)
        assert again.job_text() == source.job_text()
        assert content(again, sent) == b"content"
        assert again.record_key(sent, "/x/b/c") == source.record_key(obj, "/x/b/c")
        assert again.record_value(sent) == source.record_value(obj)


def pages(source: HttpSource, list_range: ListRange, marker: str = "") -> list[Page]:
    """Return the pages of a range behind a marker."""
    found = [source.list_page(list_range, marker)]
    while found[-1].next:
        found.append(source.list_page(list_range, found[-1].next))
    return found


def names(items: Iterable[Found]) -> list[str]:
    """Return the names of objects."""
    return [item.name for item in items if isinstance(item, SourceObject)]


class PagesContract:
    """A listing by pages; fixtures as in `SourceContract`."""

    page_size: ClassVar[int] = 1_000
    """Objects on one page of the listing."""

    def test_a_listing_goes_on_behind_any_page(self, source: HttpSource, put: Put) -> None:
        for number in range(2 * self.page_size + 3):
            put(f"k{number:05}", b"")
        [part] = source.ranges()
        found = pages(source, part)
        assert [len(page.found) for page in found] == [self.page_size, self.page_size, 3]
        again = pages(source, part, found[0].next)
        assert [page.found for page in again] == [page.found for page in found[1:]]

    def test_what_appears_behind_a_marker_is_found(self, source: HttpSource, put: Put) -> None:
        for number in range(self.page_size + 1):
            put(f"k{number:05}", b"")
        [part] = source.ranges()
        first = source.list_page(part, "")
        put("z-late", b"")
        late = [item for page in pages(source, part, first.next) for item in page.found]
        assert "z-late" in [item.key for item in late if isinstance(item, SourceObject)]


class CutsContract:
    """A listing in the order of keys, which can be cut; fixtures as in `SourceContract`."""

    def test_cutting_loses_nothing_and_repeats_nothing(self, source: HttpSource, put: Put) -> None:
        wanted = [f"{a}/{b}/{c:02}" for a in "abcd" for b in "xyz" for c in range(5)]
        wanted += ["top", "a/plain", "d", "z+ %\u00fc"]
        for key in wanted:
            put(key, b"")
        whole = objects(source)
        assert sorted(obj.key for obj in whole) == sorted(wanted)
        [part] = source.ranges()
        made = 0
        odd = [obj for obj in whole if obj.key.count("/") != 2]
        for obj in [*whole[::4], *odd]:
            for first, second in _halves(source, part, obj.name):
                head = [item for page in pages(source, first, obj.name) for item in page.found]
                tail = [item for page in pages(source, second) for item in page.found]
                behind = [each.name for each in whole if each.name > obj.name]
                assert names(head) + names(tail) == behind
                made += bool(tail)
        assert made

    def test_a_listing_that_ignores_the_prefix(
        self, source: KeyOrderedSource, put: Put, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for key in ("a", "in/1", "in/2", "in/d/3", "z"):
            put(key, b"x")
        listed = source.list_keys
        part = ListRange("in/")
        [page] = pages(source, part)
        assert (names(page.found), page.problem) == (["in/1", "in/2", "in/d/3"], None)
        monkeypatch.setattr(source, "list_keys", lambda _, after, sign: listed("", after, sign))
        [page] = pages(source, part)
        assert names(page.found) == ["in/1", "in/2", "in/d/3"]
        assert page.problem is not None
        assert "begin with in/," in page.problem.message
        assert " lists a:" in page.problem.message
        if not source.lists_behind_any_key:
            with pytest.raises(SourceError, match="does not keep to the prefix"):
                source.split(part, "in/1")


def _halves(
    source: HttpSource, part: ListRange, marker: str
) -> Iterator[tuple[ListRange, ListRange]]:
    """Yield ways to cut a range behind a marker."""
    if source.lists_behind_any_key:
        for key in (marker + "!", "b/y/02", "b/y/02~", "c", "t\u00fc", "\U0001f600"):
            if key > marker:
                yield part._replace(until=key), part._replace(after=key)
    elif halves := source.split(part, marker):
        yield halves


class WireContract:
    """Bytes that come over a network; fixtures as in `SourceContract`, and `cut`."""

    def test_a_body_that_breaks_off(self, source: Source, put: Put, cut: Cut) -> None:
        put("f", b"x" * 500_000)
        obj = only(source)
        with cut(100_000), pytest.raises(MigrateError) as caught:
            content(source, obj)
        assert caught.value.retryable
        assert len(content(source, obj)) == 500_000
