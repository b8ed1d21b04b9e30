"""Warns of many objects smaller than what their storage class bills."""

from __future__ import annotations

from collections.abc import Callable

_MANY = 100


class BilledSizes:
    """Warns once when many objects are below the least billed size."""

    def __init__(self, least: int, warn: Callable[[str], None]) -> None:
        """`least`: bytes billed at least for an object; 0: its size."""
        self._least = least
        self._warn = warn
        self._small = 0

    def add(self, size: int) -> None:
        """Count an object that is sent."""
        if size < self._least:
            self._small += 1
            if self._small == _MANY:
                self._warn(
                    f"many files are smaller than {self._least >> 10} KB, which this storageClass "
                    "bills at least for each, and for at least 30 days (Archive 90, Deep_Archive "
                    "180)"
                )
