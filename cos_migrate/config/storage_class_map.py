"""`storageClassMap`: the storage class on COS by that of the source's object."""

from __future__ import annotations

from typing import NamedTuple

from cos_migrate.config.values import BLANKS, storage_class


class StorageClassMap(NamedTuple):
    """Storage classes of a source, each with that on COS."""

    pairs: tuple[tuple[str, str], ...]
    """Classes of the source in upper case, with values of `x-cos-storage-class`."""
    default: str = "STANDARD"
    """The class on COS of all others."""

    def target(self, source_class: str) -> str:
        """Return the class on COS for a class of the source, in any case; empty: STANDARD."""
        wanted = (source_class or "STANDARD").upper()
        for source, target in self.pairs:
            if source == wanted:
                return target
        return self.default


def storage_class_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Parse `SOURCE_CLASS:Target_Class` pairs, separated by `;`."""
    found: dict[str, str] = {}
    for item in text.split(";"):
        pair = item.strip(BLANKS)
        if not pair:
            continue
        source, colon, target = (part.strip(BLANKS) for part in pair.partition(":"))
        if not colon or not source or not target:
            raise ValueError(f"{pair} is no pair of two storage classes such as GLACIER:Archive")
        stored = storage_class(target)
        if found.setdefault(source.upper(), stored) != stored:
            raise ValueError(f"{text} is invalid: {source} has two targets")
    return tuple(found.items())
