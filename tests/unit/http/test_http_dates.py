"""Dates and waits as HTTP servers tell them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.http.dates import format_date, parse_date, parse_retry_after


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("0", 0),
        ("9999", 300),
        ("", 0),
        ("soon", 0),
        ("-1", 0),
        ("1.5s", 0),
        ("\u00b2", 0),
    ],
)
def test_a_wait_in_seconds(told: str, seconds: float) -> None:
    assert parse_retry_after(told) == seconds


def test_a_wait_until_a_date() -> None:
    now = time.time()
    assert 50 < parse_retry_after(format_date(now + 100)) <= 100
    assert parse_retry_after(format_date(now - 100)) == 0
    assert parse_retry_after(format_date(now + 100_000)) == 300


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
        ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
        ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ("Sun, 29 Nov 2026 02:00:00 GMT", 1_795_917_600),
        ("Sun, 29 Nov 2026 02:00:00 +0100", 1_795_914_000),
        ("Sun, 29 Nov 2026 02:00:0x GMT", -1),
        ("", -1),
    ],
)
def test_an_instant(told: str, seconds: int) -> None:
    assert parse_date(told.encode()) == seconds


@given(st.integers(0, 200 * 365 * 86_400))
def test_a_date_is_read_as_it_is_written(seconds: int) -> None:
    assert parse_date(format_date(seconds).encode()) == seconds
