"""Dates as the Java tool keeps them."""

from __future__ import annotations

import calendar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.sources.upyun.java_dates import can_mean, format_java_date

THEN = calendar.timegm((2026, 11, 23, 6, 59, 47))


def test_a_date_is_printed_as_java_does() -> None:
    assert format_java_date(THEN) == "Mon Nov 23 06:59:47 UTC 2026"
    assert format_java_date(0) == "Thu Jan 01 00:00:00 UTC 1970"


@pytest.mark.parametrize(
    "text",
    [
        "Mon Nov 23 06:59:47 UTC 2026",
        "Mon Nov 23 06:59:47 GMT 2026",
        "Mon Nov 23 14:59:47 CST 2026",
        "Mon Nov 23 00:59:47 CST 2026",
        "Mon Nov 23 15:59:47 JST 2026",
        "Mon Nov 23 12:29:47 IST 2026",
        "Sun Nov 22 22:59:47 PST 2026",
        "Mon Nov 23 14:59:47 GMT+08:00 2026",
        "Mon Nov 23 01:29:47 GMT-05:30 2026",
    ],
)
def test_any_zone_can_mean_the_instant(text: str) -> None:
    assert can_mean(text, THEN)
    assert not can_mean(text, THEN + 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mon Nov 23 06:59:47 CST 2026",
        "Mon Nov 23 06:59:47 XYZ 2026",
        "Mon Foo 23 06:59:47 UTC 2026",
        "Mon Nov 23 06:59:47 UTC",
        "Mon Nov 23 06:59:47 UTC 2026 ",
        "2026-11-23T06:59:47Z",
        "\u661f\u671f\u4e00 Nov 23 06:59:47 UTC 2026",
    ],
)
def test_what_means_something_else(text: str) -> None:
    assert not can_mean(text, THEN)


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_what_is_printed_is_read(seconds: int) -> None:
    assert can_mean(format_java_date(seconds), seconds)


@given(st.text(max_size=40))
def test_any_text_is_taken(text: str) -> None:
    assert not can_mean(text, 0)
