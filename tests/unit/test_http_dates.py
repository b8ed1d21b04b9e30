"""Dates and waits as HTTP servers tell them."""

from __future__ import annotations

import time

import pytest

from cos_migrate.http_dates import http_date, seconds_to_wait


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("3", 3), (" 3 ", 3), ("0", 0), ("9999", 300), ("", 0), ("soon", 0), ("-1", 0), ("1.5s", 0)],
)
def test_a_wait_in_seconds(told: str, seconds: float) -> None:
    assert seconds_to_wait(told) == seconds


def test_a_wait_until_a_date() -> None:
    now = time.time()
    assert 50 < seconds_to_wait(http_date(now + 100)) <= 100
    assert seconds_to_wait(http_date(now - 100)) == 0
    assert seconds_to_wait(http_date(now + 100_000)) == 300
