"""What is kept of an object beside the Java tool's record."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.state import companions, formats
from cos_migrate.state.companions import Companion, CompanionRecords, time_to_record
from cos_migrate.state.opening import open_store
from tests.unit.keys_source import KeysSource

SECOND = 10**9
KEY = "[taskType: x] [bucket: b] [cosPath: /a b]"
texts = st.text(st.characters(codec="utf-8"), max_size=12)


@given(
    st.builds(
        Companion,
        etag=texts,
        crc64=st.integers(-1, 2**64 - 1),
        mark=st.text("0123456789abcdef", min_size=16, max_size=16),
        modified=st.integers(-1, 2**33),
        version=texts,
        record_key=texts,
    )
)
def test_what_is_written_is_read(found: Companion) -> None:
    assert companions.parse(companions.value_of(found)) == found


def test_unknown_fields_and_nonsense_are_passed_over() -> None:
    assert companions.parse(b"") == Companion()
    assert companions.parse(b"Znew C12zz Eabc  T5 Qq=1 Kkey T7") == Companion(
        etag="abc", modified=5, record_key="key T7"
    )
    companions.parse(b"\xff\xfe C")


def test_it_is_short() -> None:
    found = Companion(
        "9e107d9d372bb6826bd81d3542a419d6", 2**64 - 1, "0123456789abcdef", 1_795_417_187
    )
    assert len(companions.value_of(found)) <= 82
    assert len(companions.key_of("")) + len(companions.value_of(found)) <= 120


def test_the_old_form_is_read(tmp_path: Path) -> None:
    with open_store(tmp_path / "db") as state:
        kept = CompanionRecords(state, KeysSource([]))
        assert kept.find("/a b", KEY) is None
        state.write([(formats.crc64_key(KEY), b"17")])
        assert kept.find("/a b", KEY) == Companion(crc64=17)
        obj = SourceObject("a b", "a b", Fingerprint(1, 5 * SECOND, "constant"), weak=True)
        completion = kept.completed_pair(obj, "/a b", KEY)
        assert completion is not None
        put, delete = completion
        state.write([put], [delete])
        assert [key for key, _ in state.scan(b"[cosmigrate ")] == [b"[cosmigrate stored] /a b"]
        found = kept.find("/a b", KEY)
        assert found is not None
        assert (found.crc64, found.modified, found.record_key) == (17, 5, KEY)
        assert kept.completed_pair(obj, "/a b", KEY) is None
        assert kept.find("/a b", "another") is None


@pytest.mark.parametrize(
    ("listed", "told", "kept"),
    [(5, 5, 5), (5, 6, 5), (6, 5, 6), (5, 9, 9), (9, 5, 5), (-1, 5, 5), (5, -1, 5), (-1, -1, -1)],
)
def test_the_time_that_the_next_listing_shows(listed: int, told: int, kept: int) -> None:
    def ns(seconds: int) -> int:
        return seconds * SECOND if seconds >= 0 else -1

    assert time_to_record(ns(listed), ns(told)) == ns(kept)
