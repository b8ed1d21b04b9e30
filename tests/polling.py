"""The one place where a test polls. It waits for a state, never for time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds until a test fails: far more than a machine under load needs."""


def wait_until(reached: Callable[[], object], alive: Callable[[], bool] = lambda: True) -> None:
    """Wait for a state that comes while something lives."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        assert alive()
        time.sleep(0.01)


class Rest:
    """Whether a number above 0 has stopped growing: true when 50 looks in a row found the same."""

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self._last = self._looks = 0

    def __call__(self) -> bool:
        now = self._number()
        self._looks = self._looks + 1 if now == self._last else 0
        self._last = now
        return now > 0 and self._looks >= 50
