"""How long a server asks to wait."""

from __future__ import annotations

import time

import pytest

from cos_migrate.http.dates import format_date, parse_retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), (" 7 ", 7), ("0", 0), ("9999", 300), ("", 0), ("-1", 0), ("\u00b2", 0), ("soon", 0)],
)
def test_a_number(text: str, seconds: float) -> None:
    assert parse_retry_after(text) == seconds


def test_a_date() -> None:
    assert 50 < parse_retry_after(format_date(time.time() + 60)) <= 60
    assert parse_retry_after(format_date(time.time() + 9999)) == 300
    assert parse_retry_after(format_date(time.time() - 60)) == 0
