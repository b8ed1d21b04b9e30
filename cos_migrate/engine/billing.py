"""Warns of many objects smaller than what their storage class bills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

_MANY = 100
_NO_CLASSES: Mapping[str, int] = MappingProxyType({})


class BilledSizes:
    """Warns once when many objects are below the least billed size."""

    def __init__(
        self,
        least: int,
        warn: Callable[[str], None],
        by_class: Mapping[str, int] = _NO_CLASSES,
    ) -> None:
        """`least`: bytes billed at least for an object; 0: its size.

        `by_class`: the same by the source's storage class in upper case, where that decides.
        """
        self._least = least
        self._by_class = by_class
        self._warn = warn
        self._small = 0

    def add(self, size: int, source_class: str = "") -> None:
        """Count an object that is sent."""
        least = self._least
        if self._by_class:
            least = self._by_class.get((source_class or "STANDARD").upper(), least)
        if size < least:
            self._small += 1
            if self._small == _MANY:
                self._warn(
                    f"many files are smaller than {least >> 10} KB, which this storageClass "
                    "bills at least for each, and for at least 30 days (Archive 90, Deep_Archive "
                    "180)"
                )
