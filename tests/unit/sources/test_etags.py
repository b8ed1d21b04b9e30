"""Which listed ETags show that content changed."""

from __future__ import annotations

import hashlib

import pytest

from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.etags import Etags

EMPTY = hashlib.md5(b"").hexdigest()


def md5(number: int) -> str:
    return hashlib.md5(str(number).encode()).hexdigest()


def objects_of(*pairs: tuple[str, int]) -> list[SourceObject]:
    return [
        SourceObject(f"k{number}", f"k{number}", Fingerprint(size, 1, etag))
        for number, (etag, size) in enumerate(pairs)
    ]


def weak(etags: Etags, *pairs: tuple[str, int]) -> list[bool]:
    return [obj.weak for obj in etags.mark_weak(objects_of(*pairs))]


NOTHING = ["", "null", "NULL", "-", "constant", "W/x", "5-1", "1" * 64, "0" * 32, "\u0661" * 32]
NOTHING += [md5(1)[:31], md5(1)[:31] + "g", md5(1)[:31] + " "]
NOTHING += [md5(1) + more for more in ("0", "-", "-123456", "-\u0661")]


@pytest.mark.parametrize("etag", NOTHING)
def test_what_tells_nothing(etag: str) -> None:
    etags = Etags()
    assert not etags.is_reliable(etag, 5)
    assert weak(etags, (md5(2), 1), (etag, 5), (md5(3), 1)) == [False, True, False]


@pytest.mark.parametrize("etag", [md5(1), md5(1).upper(), md5(1) + "-1", md5(1) + "-10000"])
def test_what_tells(etag: str) -> None:
    etags = Etags()
    assert etags.is_reliable(etag, 5)
    assert weak(etags, (md5(2), 1), (etag, 5)) == [False, False]


def test_equal_content_has_equal_etags() -> None:
    etags = Etags()
    assert weak(etags, (EMPTY, 0), (md5(1), 1), (EMPTY, 0), (md5(1), 1)) == [False] * 4
    assert weak(etags, (EMPTY, 0), (EMPTY, 0)) == [False] * 2


def test_one_etag_of_different_content_is_remembered() -> None:
    etags = Etags()
    assert weak(etags, (md5(1), 5), (md5(1), 6), (md5(2), 5)) == [True, True, False]
    assert weak(etags, (md5(1), 5), (md5(2), 5)) == [True, False]
    assert not etags.is_reliable(md5(1), 5)


def test_one_etag_of_all_objects() -> None:
    assert weak(Etags(), (md5(1), 5), (md5(1), 5)) == [True, True]
    assert weak(Etags(), (md5(1), 5)) == [False]


def test_the_md5_of_nothing_for_something() -> None:
    assert weak(Etags(), (EMPTY, 5), (EMPTY, 0), (md5(1), 1)) == [True, True, False]
    assert weak(Etags(), (EMPTY.upper(), 5)) == [True]


def test_a_hash_of_the_sources_own() -> None:
    etags = Etags("[0-9A-Za-z_-]{28}")
    assert weak(etags, ("F" * 28, 5), ("F" * 27, 5), ("l" + "-_" * 13 + "x", 9)) == [
        False,
        True,
        False,
    ]


def test_what_is_to_be_asked_about_is_left() -> None:
    assert weak(Etags(), ("", -1), (md5(1), 5)) == [False, False]
