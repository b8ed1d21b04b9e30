"""What storage classes bill at least for an object, and a warning of many smaller ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

_MANY = 100


class LeastBilled(NamedTuple):
    """The bytes that storage classes on COS bill at least for an object; 0: its size."""

    default: int = 0
    by_class: Mapping[str, int] = MappingProxyType({})
    """The same by the source's storage class in upper case, where `storageClassMap` has it."""

    def of(self, source_class: str) -> int:
        """Return the bytes for an object of this class at the source; empty: STANDARD."""
        if not self.by_class:
            return self.default
        return self.by_class.get((source_class or "STANDARD").upper(), self.default)


class BilledSizes:
    """Warns once when many objects are below the least billed size."""

    def __init__(self, least: LeastBilled, warn: Callable[[str], None]) -> None:
        self._least = least
        self._warn = warn
        self._small = 0

    def add(self, size: int, source_class: str = "") -> None:
        """Count an object that is sent."""
        least = self._least.of(source_class)
        if size < least:
            self._small += 1
            if self._small == _MANY:
                self._warn(
                    f"many files are smaller than {least >> 10} KB, which this storageClass "
                    "bills at least for each, and for at least 30 days (Archive 90, Deep_Archive "
                    "180)"
                )
