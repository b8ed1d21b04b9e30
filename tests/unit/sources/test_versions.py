"""The rule by which an answer is held to what was listed."""

from __future__ import annotations

import pytest

from cos_migrate.model import Fingerprint
from cos_migrate.sources.etags import checks_by_etag, strip_etag
from cos_migrate.sources.versions import VersionVerdict, compare

SAME, CHANGED, CONTRADICTS = VersionVerdict.SAME, VersionVerdict.CHANGED, VersionVerdict.CONTRADICTS


@pytest.mark.parametrize(
    ("listed", "now", "verdict"),
    [
        ((5, -1, "a"), (5, -1, "a"), SAME),
        ((5, -1, "a"), (-1, 7, "a"), SAME),
        ((-1, -1, "a"), (9, -1, "a"), SAME),
        ((5, 1, "a"), (5, 2, "a"), SAME),
        ((5, -1, "a"), (5, -1, "b"), CHANGED),
        ((5, -1, "a"), (6, -1, "b"), CHANGED),
        ((5, -1, "a"), (0, -1, "a"), CONTRADICTS),
        ((5, -1, "a"), (5, -1, ""), CONTRADICTS),
        ((5, -1, "a"), (5, 3, ""), CONTRADICTS),
        ((5, 3, ""), (5, 3, "a"), SAME),
        ((5, 3, ""), (5, 4, "a"), CHANGED),
        ((5, 3, ""), (6, 4, ""), CHANGED),
        ((5, 3, ""), (6, 3, ""), CONTRADICTS),
        ((5, 3, ""), (5, -1, "a"), CONTRADICTS),
        ((5, -1, ""), (5, 3, "a"), SAME),
        ((5, -1, ""), (6, -1, ""), CHANGED),
        ((5, -1, "null"), (5, -1, ""), SAME),
        ((5, 3, "null"), (5, 4, "null"), CHANGED),
        ((-1, -1, ""), (5, -1, ""), SAME),
    ],
)
def test_a_new_version_has_a_new_tag_or_time(
    listed: tuple[int, int, str], now: tuple[int, int, str], verdict: VersionVerdict
) -> None:
    assert compare(Fingerprint(*listed), Fingerprint(*now)) is verdict


@pytest.mark.parametrize("text", ['"abc"', "abc", 'W/"abc"', 'w/"abc"', ' "abc" ', "W/abc"])
def test_a_tag_is_the_same_however_it_is_written(text: str) -> None:
    assert strip_etag(text) == "abc"


def test_a_tag_that_looks_like_an_md5_is_a_check() -> None:
    [check] = checks_by_etag("AB" * 16)
    assert check == ("MD5", "ab" * 16)
    assert not checks_by_etag("ab" * 16 + "-2")
    assert not checks_by_etag("")
