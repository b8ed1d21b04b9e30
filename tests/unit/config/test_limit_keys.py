"""The keys that limit the speed: their values, timetables, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.config.limit_keys import BandwidthLimit
from cos_migrate.config.values import DAY

MIB = 1 << 20
WORK = BandwidthLimit.parse("08:00,20M 18:30,off")


@pytest.mark.parametrize(
    ("minute", "limit"),
    [(0, 0), (479, 0), (480, 20 * MIB), (1109, 20 * MIB), (1110, 0), (1439, 0)],
)
def test_a_timetable_holds_from_each_of_its_times(minute: int, limit: int) -> None:
    assert WORK.at(minute) == limit


def test_before_the_first_time_the_last_entry_holds() -> None:
    assert BandwidthLimit.parse("06:00,1M 22:00,5M").at(10) == 5 * MIB
    assert BandwidthLimit.parse("08:00,20M").at(0) == 20 * MIB


@pytest.mark.parametrize(("text", "limit"), [("20M", 20 * MIB), ("1024", 1024), ("Off", 0)])
def test_a_single_limit_holds_all_day(text: str, limit: int) -> None:
    found = BandwidthLimit.parse(text)
    assert {found.at(minute) for minute in range(DAY)} == {limit}


def test_no_limit_is_none() -> None:
    assert BandwidthLimit().at(700) == 0
    assert str(BandwidthLimit()) == "off"


@given(
    st.dictionaries(st.integers(0, DAY - 1), st.integers(1 << 10, 1 << 40) | st.just(0), min_size=1)
)
def test_a_limit_is_read_as_it_is_spelled(table: dict[int, int]) -> None:
    limit = BandwidthLimit(tuple(sorted(table.items())))
    again = BandwidthLimit.parse(str(limit))
    assert [again.at(minute) for minute in range(DAY)] == [limit.at(at) for at in range(DAY)]
