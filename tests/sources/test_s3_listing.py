"""Listings of S3 as services, and what stands between, may answer them: none loses a key."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from xml.sax.saxutils import escape

import pytest

from cos_migrate.errors import SourceError
from cos_migrate.sources.s3.listing import parse
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import Script, reply, scripted
from tests.sources.clouds import AwsCloud
from tests.sources.listings import names_of, second

KEYS = [f"k{number:02}" for number in range(7)]
URL = "<EncodingType>url</EncodingType>"
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def page(
    keys: Sequence[str], *more: str, v2: bool = True, truncated: str | None = "false"
) -> bytes:
    """Return a page; `more`: elements that it has besides, `truncated`: what it says of that."""
    entries = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>1</Size><ETag>&quot;e&quot;</ETag></Contents>"
        for key in keys
    )
    said = "" if truncated is None else f"<IsTruncated>{truncated}</IsTruncated>"
    count = f"<KeyCount>{len(keys)}</KeyCount>" if v2 else ""
    inner = said + count + "".join(more) + entries
    return f'<ListBucketResult xmlns="{NAMESPACE}">{inner}</ListBucketResult>'.encode()


def behind(asked: Request, most: int = 3) -> tuple[list[str], bool]:
    """Return the keys of a page as they are asked for, and whether more follow."""
    after = dict(asked.params).get("start-after", dict(asked.params).get("marker", ""))
    rest = [key for key in KEYS if key > after]
    return rest[:most], len(rest) > most


def answer(asked: Request) -> Answer:
    keys, more = behind(asked)
    return reply(page(keys, truncated=str(more).lower()))


def listed(script: Script) -> list[str]:
    with scripted(script) as server:
        return names_of(AwsCloud(server).source())


@pytest.mark.parametrize("v2", [True, False])
@pytest.mark.parametrize("always", [True, False])
def test_a_page_that_does_not_say_whether_it_is_the_last(v2: bool, always: bool) -> None:
    """Some leave the word out where it would be false; it may as well have got lost."""

    def script(asked: Request) -> Answer:
        if ("list-type" in dict(asked.params)) != v2:
            return reply(status=501)
        keys, more = behind(asked)
        word = None if always or not more else "true"
        if not keys and not v2:
            word = "false"  # without keys, and without a count of them, it must be said
        return reply(page(keys, v2=v2, truncated=word))

    assert listed(script) == KEYS


@pytest.mark.parametrize(
    "document",
    [
        page([], v2=False, truncated=None),
        page([], v2=False, truncated=""),
        page(["k03"], truncated="yes"),
        page(["k03"], truncated="1"),
        page(["k03"])[:-30],
        page(["k03"]).replace(b"<Key>k03</Key>", b""),
        page(["k03"]).replace(b"<Size>1</Size>", b""),
        page(["k03\x01"]),
        b"<html><body>Sorry</body></html>",
        b"<!DOCTYPE html><html><head><meta charset=utf-8></head></html>",
        b"{}",
        b"",
        gzip.compress(page(["k03"])),
    ],
)
def test_a_page_that_is_none_is_asked_for_again(document: bytes) -> None:
    assert listed(second(reply(document), answer)) == KEYS
    with pytest.raises(SourceError) as caught:
        listed(lambda _: reply(document))
    unreadable = b"\x01" in document
    assert caught.value.code == ("ListingUnreadable" if unreadable else "BadAnswer")
    assert caught.value.retryable


def test_a_page_that_breaks_off_is_asked_for_again() -> None:
    document = page(["k03"])
    assert listed(second(reply(document, length=False, cut=len(document) // 2), answer)) == KEYS
    assert listed(second(reply(document, cut=len(document) - 1), answer)) == KEYS


def test_empty_pages_that_lead_on() -> None:
    """Both listings may have them: many keys there were deleted."""

    def v1(asked: Request) -> Answer:
        if "list-type" in dict(asked.params):
            return reply(b"<Error><Code>NotImplemented</Code></Error>", 501)
        after = dict(asked.params).get("marker", "")
        if after == "k02":
            return reply(
                page([], "<NextMarker>k02%2Fx</NextMarker>", URL, v2=False, truncated="true")
            )
        keys, more = behind(asked)
        return reply(page(keys, v2=False, truncated=str(more).lower()))

    assert listed(v1) == KEYS


@pytest.mark.parametrize("marker", ["k02", "k01", ""])
def test_a_marker_that_does_not_get_on(marker: str) -> None:
    def script(asked: Request) -> Answer:
        if "list-type" in dict(asked.params):
            return reply(status=405)
        if not dict(asked.params).get("marker"):
            return reply(page(KEYS[:3], v2=False, truncated="true"))
        more = f"<NextMarker>{marker}</NextMarker>"
        return reply(page([], more, v2=False, truncated="true"))

    with pytest.raises(SourceError) as caught:
        listed(script)
    assert caught.value.code == "ListingOutOfOrder"


def test_tokens_that_go_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cos_migrate.sources.s3.bucket._MOST_EMPTY", 100)

    def script(asked: Request) -> Answer:
        token = dict(asked.params).get("continuation-token", "")
        following = {"": "a", "a": "b", "b": "a"}[token]
        more = f"<NextContinuationToken>{following}</NextContinuationToken>"
        return reply(page([], more, truncated="true"))

    with pytest.raises(SourceError) as caught:
        listed(script)
    assert caught.value.code == "ListingOutOfOrder"


def test_a_page_that_comes_again() -> None:
    with pytest.raises(SourceError) as caught:
        listed(lambda _: reply(page(KEYS[:3], truncated="true")))
    assert caught.value.code == "ListingOutOfOrder"


def test_keys_are_decoded_where_the_answer_says_that_they_are_encoded() -> None:
    literal = ["%41", "a+b", "c%20d"]
    assert parse(page(literal)).columns.names == literal
    assert parse(page(literal, URL)).columns.names == ["A", "a b", "c d"]


def test_a_key_that_is_no_utf8_keeps_its_bytes() -> None:
    assert parse(page(["a%FFb"], URL)).columns.names == ["a\udcffb"]

    def script(asked: Request) -> Answer:
        return reply(
            page([] if "start-after" in dict(asked.params) else ["a%FFb"], URL, truncated=None)
        )

    assert listed(script) == ["a\udcffb"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (501, "NotImplemented"),
        (400, "InvalidArgument"),
        (400, "InvalidRequest"),
        (405, "MethodNotAllowed"),
        (501, "XNotHere"),
        (501, ""),
    ],
)
def test_a_service_that_knows_the_old_listing_only(status: int, code: str) -> None:
    def script(asked: Request) -> Answer:
        if "list-type" in dict(asked.params):
            return reply(f"<Error><Code>{code}</Code></Error>".encode() if code else b"", status)
        keys, more = behind(asked)
        return reply(page(keys, v2=False, truncated=str(more).lower()))

    assert listed(script) == KEYS
