"""Foreign metadata made fit for COS, or named in a warning."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.sources import metadata


@pytest.mark.parametrize(
    ("value", "text"),
    [(b"plain", "plain"), ("\u00fc".encode(), "\u00fc"), (b"\xfc", "\udcfc"), (b"", "")],
)
def test_text_of_a_header(value: bytes, text: str) -> None:
    assert metadata.decode_value(value) == text


def test_standard_headers_are_stored_as_they_are() -> None:
    headers = {
        b"content-type": b"text/html; charset=utf-8",
        b"content-disposition": 'attachment; filename="\u4e2d.txt"'.encode(),
        b"cache-control": b"  no-cache ",
        b"expires": b"Thu, 01 Dec 2026 16:00:00 GMT",
        b"content-language": b"",
        b"content-length": b"5",
        b"x-amz-meta-a": b"1",
    }
    assert metadata.read_standard(headers) == (
        {
            "content-type": "text/html; charset=utf-8",
            "content-disposition": 'attachment; filename="\u4e2d.txt"',
            "cache-control": "no-cache",
            "expires": "Thu, 01 Dec 2026 16:00:00 GMT",
        },
        (),
    )
    assert metadata.read_standard(headers, ("content-type",)) == (
        {"content-type": "text/html; charset=utf-8"},
        (),
    )


GBK = "\u4e2d\u6587".encode("gbk")


def test_a_standard_header_that_is_not_utf8_is_named() -> None:
    headers = {
        b"content-type": b"text/plain",
        b"content-disposition": b'attachment; filename="' + GBK + b'.txt"',
        b"cache-control": b"no\x01cache",
    }
    carried = metadata.read_standard(headers)
    assert carried.headers == {"content-type": "text/plain"}
    assert [line.partition(" is not carried over")[0] for line in carried.warnings] == [
        "its cache-control",
        "its content-disposition",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (GBK, "%D6%D0%CE%C4"),
        (b"100% " + GBK, "100%25 %D6%D0%CE%C4"),
        (b"\xfc", "%FC"),
        (b" \xff\xfe ", "%20%FF%FE%20"),
        ("\u4e2d".encode() + GBK, "%E4%B8%AD%D6%D0%CE%C4"),
    ],
)
def test_bytes_of_any_encoding_are_kept(value: bytes, text: str) -> None:
    stored = metadata.convert_user({}, [("n", metadata.decode_value(value))]).headers[
        "x-cos-meta-n"
    ]
    assert stored == text
    assert metadata.convert_user({"n": metadata.decode_value(value.strip())}, []).headers == {
        "x-cos-meta-n": text.removeprefix("%20").removesuffix("%20")
    }
    if b"%" not in value:
        assert unquote_to_bytes(stored) == value


@pytest.mark.parametrize(
    ("name", "value", "stored", "text"),
    [
        ("Colour", "red", "colour", "red"),
        ("file_name", "a b", "file-name", "a b"),
        ("n", "\u00fc 100%", "n", "%C3%BC 100%25"),
        ("n", "a+b=c&d/e", "n", "a+b=c&d/e"),
        ("n", "50%", "n", "50%"),
        ("n", "line\nbreak", "n", "line%0Abreak"),
        ("n", "", "n", ""),
        ("n", " a  ", "n", "%20a%20%20"),
        ("n", "  ", "n", "%20%20"),
    ],
)
def test_what_is_changed_to_fit(name: str, value: str, stored: str, text: str) -> None:
    carried = metadata.convert_user({}, [(name, value)])
    assert carried == ({f"x-cos-meta-{stored}": text}, ())


@pytest.mark.parametrize("name", ["", "a b", "a.b", "\u00fc", "a:b"])
def test_a_name_that_cos_does_not_take_is_named(name: str) -> None:
    carried = metadata.convert_user({}, [(name, "v"), ("good", "v")])
    assert carried.headers == {"x-cos-meta-good": "v"}
    [warning] = carried.warnings
    assert repr(name) in warning


def test_two_names_that_become_one() -> None:
    same = metadata.convert_user({}, [("a_b", "1"), ("A-B", "1")])
    assert same == ({"x-cos-meta-a-b": "1"}, ())
    other = metadata.convert_user({}, [("a_b", "1"), ("A-B", "2")])
    assert other.headers == {"x-cos-meta-a-b": "1"}
    assert "'A-B'" in other.warnings[0]
    own = metadata.convert_user({"md5": "x"}, [("MD5", "y")])
    assert own.headers == {"x-cos-meta-md5": "x"}
    assert len(own.warnings) == 1


def test_two_kib_in_all() -> None:
    own = {"etag": "e" * 96}
    carried = metadata.convert_user(own, [("a", "x" * 1900), ("b", "y" * 100), ("c", "z" * 46)])
    assert set(carried.headers) == {"x-cos-meta-etag", "x-cos-meta-a", "x-cos-meta-c"}
    assert len(carried.warnings) == 1
    assert "'b'" in carried.warnings[0]
    size = sum(len(name) - len("x-cos-meta-") + len(v) for name, v in carried.headers.items())
    assert size == 2048


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=400)), max_size=12))
def test_whatever_comes_fits_or_is_named(pairs: list[tuple[str, str]]) -> None:
    pairs = [
        (name.encode("utf-8", "replace").decode(), v.encode("utf-8", "replace").decode())
        for name, v in pairs
    ]
    carried = metadata.convert_user({"own": "kept"}, pairs)
    assert carried.headers["x-cos-meta-own"] == "kept"
    size = 0
    for name, value in carried.headers.items():
        assert re.fullmatch("x-cos-meta-[a-z0-9-]+", name)
        assert value.isascii()
        assert value.isprintable() or not value
        assert value == value.strip()
        size += len(name) - len("x-cos-meta-") + len(value)
    assert size <= 2048
    stored = set(carried.headers.values()) | {unquote(value) for value in carried.headers.values()}
    lost = [pair for pair in pairs if pair[1] not in stored]
    assert len(lost) <= len(carried.warnings)
