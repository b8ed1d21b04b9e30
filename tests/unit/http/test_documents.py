"""XML and JSON of a few megabytes that would take hundreds in memory, or no end of nesting."""

from __future__ import annotations

import functools
import threading
import tracemalloc
from collections.abc import Callable

import pytest

from cos_migrate.cos.control import Control
from cos_migrate.cos.requests import Access
from cos_migrate.cos.settings import CosSettings
from cos_migrate.errors import TransportError
from cos_migrate.http.bounded_json import parse_json, parse_json_object
from cos_migrate.http.s3xml import read_acl, read_listing
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.http.xml_texts import find_text
from cos_migrate.model import Credentials
from cos_migrate.sources.qiniu.services import parse_error, read_marker
from cos_migrate.sources.s3 import listing as s3_listing
from cos_migrate.sources.s3.acl import convert_acl
from cos_migrate.sources.source_errors import ErrorAnswer
from cos_migrate.sources.xml_listing import read_marker_page
from cos_migrate.text import masked
from tests.functional.raw_server import Request, raw_server

MEGABYTE = 1 << 20
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">'
    b"]><ListBucketResult>&b;</ListBucketResult>"
)


@functools.lru_cache(maxsize=1)
def hostile(what: str) -> bytes:
    """Return a document of `HOSTILE`."""
    return HOSTILE[what]()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "nested": lambda: b"<a>" * 2 * MEGABYTE,
    "nested and closed": lambda: b"<a>" * MEGABYTE + b"</a>" * MEGABYTE,
    "flat": lambda: b"<r>" + b"<a/>" * MEGABYTE + b"</r>",
    "attributes": lambda: (
        b"<r " + b" ".join(b'a%d=""' % number for number in range(MEGABYTE // 2)) + b"/>"
    ),
    "entities": lambda: BOMB,
    "UTF-16": lambda: BOMB.decode().encode("utf-16"),
    "long": lambda: b"<r>" + b"a" * 33 * MEGABYTE + b"</r>",
}


READERS: list[Callable[[bytes], object]] = [
    read_listing,
    read_acl,
    s3_listing.parse,
    lambda document: read_marker_page(document, ("Type",)),
    lambda document: convert_acl(document, same_accounts=False),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_xml_is_refused_and_takes_no_memory(
    what: str, read: Callable[[bytes], object]
) -> None:
    document = hostile(what)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError):  # noqa: PT011 - each reader says it in its words
            read(document)
        assert tracemalloc.get_traced_memory()[1] < 20 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_where_xml_is_broken_is_said_in_words_that_masking_leaves() -> None:
    with pytest.raises(ValueError, match="in line 2, column 0: unclosed token") as caught:
        read_acl(b"<AccessControlPolicy>\n<Owner")
    assert masked(str(caught.value)) == str(caught.value)


def test_a_full_page_of_the_longest_keys_is_read() -> None:
    key = "%E4" * 1024
    entry = f"<Contents><Key>{key}</Key><Size>1</Size><ETag>&quot;e&quot;</ETag></Contents>"
    page = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entry * 1000}</ListBucketResult>"
    assert len(s3_listing.parse(page.encode()).columns.names) == 1000


@pytest.mark.parametrize(
    "document", [b"[" * MEGABYTE, b'{"a":' * MEGABYTE, b"[" + b"[]," * 3 * MEGABYTE]
)
def test_hostile_json_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match="its JSON"):
        parse_json(document)
    assert parse_json_object(document) == {}
    assert parse_error(ErrorAnswer(500, {}, document)).message == "Qiniu answered 500"


def test_a_hostile_marker_tells_no_key() -> None:
    assert read_marker("W1tb" * MEGABYTE) == ""


def test_a_value_of_an_answer_has_a_limit() -> None:
    document = b"<Code>" + b"a" * MEGABYTE + b"</Code>"
    assert find_text(document, "Code") == "a" * 65536
    assert find_text(b"<Code>" * 300_000, "Code") == ""


@pytest.mark.parametrize("what", ["nested", "entities", "dribble", "interim", "silence"])
def test_answers_that_the_sdk_reads_have_limits_too(what: str) -> None:
    def answer(request: Request) -> None:
        if what == "dribble":
            request.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            request.dribble(b"a" * 1000)
        elif what == "interim":
            request.say(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        elif what == "silence":
            request.stopping.wait(5)
        else:
            request.ok(hostile(what))

    with raw_server(answer) as server:
        settings = CosSettings(
            "examplebucket-1250000000",
            "ap-guangzhou",
            Credentials("id", "key"),
            suffix=f"localhost:{server.port}",
            tries=1,
            timeouts=Timeouts(io=0.5, crawl=0.5),
        )
        control = Control(Access(settings))
        with pytest.raises(TransportError) as caught:
            control.list_parts("/a", "upload")
    assert caught.value.code == ("Timeout" if what in {"dribble", "silence"} else "BadAnswer")
    assert caught.value.retryable
    assert threading.active_count() < 100
