"""Watches the sizes of objects that go to a storage class which bills small ones as larger."""

from __future__ import annotations

from collections.abc import Callable

_MANY = 100


class BilledSizes:
    """Warns once when many objects are smaller than what is billed for each."""

    def __init__(self, least: int, warn: Callable[[str], None]) -> None:
        """`least`: bytes that are billed at least for an object; 0: what it has."""
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
