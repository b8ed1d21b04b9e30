"""The order in which size, ETags and records decide a comparison."""

from __future__ import annotations

import pytest

from cos_migrate.engine.compare_rules import (
    HAS_CHANGED,
    MISSING,
    OTHER_CHECKSUM,
    OTHER_SIZE,
    SAME,
    UNVERIFIED,
    Recorded,
    Verdict,
    decide,
    is_lost,
    judge_content,
    undecided,
)
from cos_migrate.model import Fingerprint, KeyColumns
from cos_migrate.pools.results import Comparison

MD5, OTHER = "9e107d9d372bb6826bd81d3542a419d6", "e4d909c290d0fb1ca068ffaddf22cbd0"
KNOWN = Recorded(is_unchanged=True, etag=MD5)
CHANGED = KNOWN._replace(is_unchanged=False)
JAVA = Recorded(is_unchanged=True)


@pytest.mark.parametrize(
    ("source", "cos", "recorded", "more", "verdict"),
    [
        ((5, ""), (6, MD5), KNOWN, {}, OTHER_SIZE),
        ((5, MD5), (6, MD5), None, {}, OTHER_SIZE),
        ((5, MD5), (5, MD5), None, {}, SAME),
        ((5, MD5.upper()), (5, MD5), CHANGED, {}, SAME),
        ((5, MD5), (5, MD5), None, {"etag_is_md5": False}, UNVERIFIED),
        ((5, f"{MD5}-2"), (5, f"{MD5}-2"), None, {}, UNVERIFIED),
        ((5, ""), (5, ""), None, {}, UNVERIFIED),
        ((5, OTHER), (5, MD5), None, {}, UNVERIFIED),
        ((5, OTHER), (5, MD5), KNOWN, {}, SAME),
        ((5, OTHER), (5, MD5), CHANGED, {}, HAS_CHANGED),
        ((5, MD5), (5, OTHER), KNOWN, {}, HAS_CHANGED),
        ((5, ""), (5, MD5), KNOWN, {"is_local": True}, SAME),
        ((5, ""), (5, MD5), CHANGED, {"is_local": True}, UNVERIFIED),
        ((5, ""), (5, OTHER), CHANGED, {"is_local": True}, HAS_CHANGED),
        ((5, ""), (5, MD5), JAVA, {"is_local": True}, UNVERIFIED),
        ((5, OTHER), (5, MD5), JAVA, {}, UNVERIFIED),
        ((5, OTHER), (5, MD5), JAVA._replace(is_unchanged=False), {}, HAS_CHANGED),
        ((5, OTHER), (5, MD5), KNOWN._replace(is_of_source=False), {}, UNVERIFIED),
        ((5, OTHER), (5, MD5), CHANGED._replace(is_of_source=False), {}, UNVERIFIED),
        ((5, MD5), (6, MD5), None, {"encrypted": True}, UNVERIFIED),
        ((5, MD5), (5, MD5), None, {"encrypted": True}, UNVERIFIED),
        ((5, ""), (5, MD5), KNOWN, {"encrypted": True, "is_local": True}, SAME),
        ((5, ""), (5, OTHER), KNOWN, {"encrypted": True, "is_local": True}, HAS_CHANGED),
    ],
)
def test_listings_and_records(
    source: tuple[int, str],
    cos: tuple[int, str],
    recorded: Recorded | None,
    more: dict[str, bool],
    verdict: Verdict,
) -> None:
    there = Fingerprint(cos[0], -1, cos[1])
    assert decide(Fingerprint(source[0], -1, source[1]), there, recorded, **more) == verdict


@pytest.mark.parametrize(
    ("cos", "source", "encrypted", "recorded", "verdict"),
    [
        ((-1, -1), (5, 7), False, None, MISSING),
        ((5, 7), (5, 7), True, None, UNVERIFIED),
        ((5, 7), (6, 7), False, None, OTHER_SIZE),
        ((5, 7), (5, 7), False, None, SAME),
        ((5, 7), (5, 8), False, None, OTHER_CHECKSUM),
        ((5, -1), (5, 8), False, None, UNVERIFIED),
        ((5, 7), (-1, -1), False, None, UNVERIFIED),
        ((5, 7), (-1, -1), False, JAVA._replace(crc64=7), SAME),
        ((5, 7), (-1, -1), False, JAVA._replace(crc64=8), OTHER_CHECKSUM),
        ((5, 7), (-1, -1), False, CHANGED._replace(crc64=7), UNVERIFIED),
    ],
)
def test_content(
    cos: tuple[int, int],
    source: tuple[int, int],
    encrypted: bool,
    recorded: Recorded | None,
    verdict: Verdict,
) -> None:
    found = Comparison(*cos, encrypted, *source, "id")
    assert judge_content(found, recorded, 5) == verdict


def test_what_the_next_run_would_skip_although_cos_lost_it() -> None:
    assert is_lost(MISSING, KNOWN)
    assert is_lost(OTHER_SIZE, JAVA)
    assert not is_lost(OTHER_SIZE, CHANGED)
    assert not is_lost(MISSING, None)
    assert not is_lost(SAME, KNOWN)
    assert not is_lost(UNVERIFIED, KNOWN)


def test_columns_are_decided_as_one_by_one() -> None:
    rows = [
        (1, MD5, 1, MD5),
        (1, MD5, 2, MD5),
        (1, MD5, 1, MD5.upper()),
        (1, MD5, 1, OTHER),
        (1, f"{MD5}-2", 1, f"{MD5}-2"),
        (1, "", 1, ""),
    ]
    for part in (rows, rows[:1], rows[4:5], rows[:0]):
        names, times = [""] * len(part), [""] * len(part)
        source = KeyColumns(names, [row[0] for row in part], [row[1] for row in part], times, [])
        cos = KeyColumns(names, [row[2] for row in part], [row[3] for row in part], times, [])
        same = {
            number
            for number, (size, etag, there, other) in enumerate(part)
            if decide(Fingerprint(size, -1, etag), Fingerprint(there, -1, other), None) is SAME
        }
        # Letters of another case are decided one by one.
        assert set(range(len(part))) - set(undecided(source, cos)) == same - {2}
