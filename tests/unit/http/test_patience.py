"""How long a server asks to wait."""

from __future__ import annotations

import time

import pytest

from cos_migrate.http.dates import http_date, patience_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), (" 7 ", 7), ("0", 0), ("9999", 300), ("", 0), ("-1", 0), ("\u00b2", 0), ("soon", 0)],
)
def test_a_number(text: str, seconds: float) -> None:
    assert patience_of(text) == seconds


def test_a_date() -> None:
    assert 50 < patience_of(http_date(time.time() + 60)) <= 60
    assert patience_of(http_date(time.time() + 9999)) == 300
    assert patience_of(http_date(time.time() - 60)) == 0
