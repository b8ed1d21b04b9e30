"""Dates and waits as HTTP servers tell them."""

from __future__ import annotations

import time

import pytest

from cos_migrate.http.dates import http_date, patience_of


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("3", 3), (" 3 ", 3), ("0", 0), ("9999", 300), ("", 0), ("soon", 0), ("-1", 0), ("1.5s", 0)],
)
def test_a_wait_in_seconds(told: str, seconds: float) -> None:
    assert patience_of(told) == seconds


def test_a_wait_until_a_date() -> None:
    now = time.time()
    assert 50 < patience_of(http_date(now + 100)) <= 100
    assert patience_of(http_date(now - 100)) == 0
    assert patience_of(http_date(now + 100_000)) == 300
