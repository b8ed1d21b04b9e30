"""Entries read by columns are those that the parser of XML reads; it reads all others."""

from __future__ import annotations

import gc
from urllib.parse import unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cos_migrate.http import listed_columns, s3xml
from cos_migrate.http.s3xml import ListedPage, decode_key, decode_keys, read_listing
from cos_migrate.sources.etags import strip_etag, strip_etags

NAMES = ("Key", "LastModified", "ETag", "Size", "StorageClass")
PLAIN = "<Key>a%2Fb</Key><LastModified>T</LastModified><ETag>&quot;e&quot;</ETag><Size>1</Size>"
OWNER = "<Owner><ID>1</ID><DisplayName>x y</DisplayName></Owner>"


def document(*entries: str, blank: str = "", root: str = "") -> bytes:
    listed = "".join(f"{blank}<Contents>{entry}{blank}</Contents>" for entry in entries)
    head = f"<?xml version='1.0'?><ListBucketResult{root}><IsTruncated>true</IsTruncated>"
    tail = "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>"
    return f"{head}{listed}{blank}{tail}".encode()


def by_events(text: bytes) -> ListedPage | str:
    s3xml.check_xml(text)
    try:
        return s3xml._read_page(text, NAMES)
    except ValueError as error:
        return str(error)


def is_quick(text: bytes) -> bool:
    divided = listed_columns.divide(text)
    return bool(divided and listed_columns.read_columns(divided.entries, NAMES))


@pytest.mark.parametrize(
    "text",
    [
        document(PLAIN, PLAIN),
        document(PLAIN + OWNER + "<StorageClass>IA</StorageClass>", PLAIN, PLAIN + OWNER),
        document(f"\n  {PLAIN}\n  {OWNER}", PLAIN, blank="\n "),
        document(PLAIN, root=' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'),
        document("<Size>1</Size><Key></Key>", PLAIN),
        document("<Key>文/\U0001f600</Key><Size>1</Size>", PLAIN),
    ],
)
def test_plain_pages_are_read_by_columns(text: bytes) -> None:
    assert is_quick(text)
    assert read_listing(text, ("StorageClass",)) == by_events(text)


@pytest.mark.parametrize(
    "text",
    [
        document("<Key>a&amp;b</Key>", PLAIN),
        document("<Key>&#x41;</Key>"),
        document("<Key><![CDATA[a]]></Key>", PLAIN),
        document("<Key>a<!-- </Key> --></Key>", PLAIN),
        document('<Key x="1">a</Key>', PLAIN),
        document("<Key/>", PLAIN),
        document("<Key>a\r\nb</Key>", PLAIN),
        document("<Key>a\x01</Key>", PLAIN),
        document("<Key>a]]></Key>", PLAIN),
        document("<Key>a</Size>", PLAIN),
        document("<Key>a<Size>1</Size></Key>", PLAIN),
        document("<Size>1</Size>", PLAIN),
        document("<Key>a</Key><Contents></Contents>"),
        document("<Key>a</Key></Contents><IsTruncated>false</IsTruncated><Contents><Key>b</Key>"),
        document(PLAIN).replace(b"<Contents>", b"<!-- <Contents> --><Contents>", 1),
        document(PLAIN)
        .replace(b"<ListBucketResult", b'<n:ListBucketResult xmlns:n="n"')
        .replace(b"</ListBucketResult", b"</n:ListBucketResult"),
        document("<Key>a</Key>").replace(b">a<", b">\xff<"),
        document("<Key>a</Key>").replace(b">a<", b">\xef\xbf\xbf<"),
        document(PLAIN, PLAIN).replace(
            b"</Contents>", b"</Contents><CommonPrefixes><Prefix>q/</Prefix></CommonPrefixes>", 1
        ),
        document(),
    ],
)
def test_others_are_read_by_the_parser(text: bytes) -> None:
    try:
        found: ListedPage | str = read_listing(text, ("StorageClass",))
    except ValueError as error:
        found = str(error)
    assert found == by_events(text)


TAGS = st.sampled_from(["Key", "Size", "ETag", "Owner", "ID", "Contents", "Prefix"])
TEXTS = st.text(st.sampled_from("a <>&;\"'/\n\r]é!-"), max_size=4)


@given(st.lists(st.lists(st.tuples(TAGS, TEXTS, st.booleans()), max_size=4), max_size=4))
def test_both_ways_agree(entries: list[list[tuple[str, str, bool]]]) -> None:
    def write(tag: str, text: str, escaped: bool) -> str:
        safe = text.replace("&", "&amp;").replace("<", "&lt;") if escaped else text
        return f"<{tag}>{safe}</{tag}>"

    text = document(*("".join(write(*each) for each in entry) for entry in entries))
    try:
        found: ListedPage | str = read_listing(text, ("StorageClass",))
    except ValueError as error:
        found = str(error)
    assert found == by_events(text)


PIECES = (
    "a",
    "/",
    "=",
    "==",
    "=41",
    "_",
    ".",
    "+",
    " ",
    "\t",
    "\r",
    "\n",
    "\ud7ff",
    "é",
    "%",
    "%4",
)
ESCAPED = ("%2F", "%41", "%3D", "%0A", "%0d", "%E4%bd%A0", "%F0%9F%98%80", "%e4", "%FF", "%25")


@settings(max_examples=1_000)
@given(st.lists(st.lists(st.sampled_from(PIECES + ESCAPED), max_size=6).map("".join), max_size=5))
def test_keys_are_decoded_as_one_by_one(texts: list[str]) -> None:
    assert decode_keys(texts) == list(map(decode_key, texts))


@given(st.lists(st.sampled_from(ESCAPED + PIECES[:13]), max_size=20).map("".join))
def test_escaped_keys_are_decoded_as_by_the_standard_library(text: str) -> None:
    assert decode_keys([text, "%41"])[0] == unquote_plus(text, errors="surrogateescape")


@given(st.lists(st.text(st.sampled_from('a" /W\n'), max_size=6), max_size=5))
def test_etags_are_stripped_as_one_by_one(texts: list[str]) -> None:
    assert strip_etags(texts) == list(map(strip_etag, texts))


def test_many_shapes_are_left_to_the_parser() -> None:
    entries = [f"<Key>a</Key><T{number}>x</T{number}>" for number in range(20)]
    assert not is_quick(document(*entries))
    assert read_listing(document(*entries)).columns["Key"] == ["a"] * 20


@pytest.mark.parametrize("text", [document(PLAIN), b"<broken"])
def test_no_parser_waits_for_the_collection_of_cycles(text: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            by_events(text)
        assert not [each for each in gc.get_objects() if type(each).__name__ == "xmlparser"]
    finally:
        gc.enable()
