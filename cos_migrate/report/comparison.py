"""The results of a comparison: their names, lines and counts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import NamedTuple

from cos_migrate.model import Failure
from cos_migrate.text import printable

SIZE, CHECKSUM, CHANGED = "size", "checksum", "changed"
"""Why an object differs."""


class CompareResult(enum.Enum):
    """How an object compares; the values are the names in the printed summary."""

    SAME = "same"
    DIFFER = "differ"
    MISSING = "missing"
    EXTRA = "extra"
    UNVERIFIED = "unverified"

    # The hash of enum is a call into Python; members are unique objects.
    __hash__ = object.__hash__


class Compared(NamedTuple):
    """One compared object: the result, its target path, and the reason."""

    result: CompareResult
    cos_path: str
    """Target path with its leading `/`."""
    why: str = ""
    """Why it differs; else empty."""


class SamePaths(list[str]):
    """Target paths of objects that are the same on both sides: a batch of millions of them."""


class ComparisonEnd(NamedTuple):
    """The end of a comparison, for its summary."""

    counts: Mapping[CompareResult, int]
    problems: int = 0
    """Objects that could not be compared."""
    forgotten: int = -1
    """Objects whose records were removed; -1: none were to be."""

    @property
    def is_ok(self) -> bool:
        """Whether all is the same or unverified."""
        found = (CompareResult.DIFFER, CompareResult.MISSING, CompareResult.EXTRA)
        return not self.problems and not any(self.counts[result] for result in found)

    def rows(self) -> list[tuple[str, object]]:
        """Return the counts by their names in the summary."""
        return [(result.value, self.counts[result]) for result in CompareResult]

    def more_rows(self) -> list[tuple[str, object]]:
        """Return further rows of the summary, to be printed below the times."""
        rows: list[tuple[str, object]] = []
        if self.problems:
            rows.append(("not_compared", self.problems))
        if self.forgotten >= 0:
            rows.append(("forgotten", f"{self.forgotten} (the next run sends them)"))
        return rows

    def as_data(self) -> dict[str, object]:
        """Return the counts as data."""
        data = dict(self.rows())
        if self.problems:
            data["not_compared"] = self.problems
        if self.forgotten >= 0:
            data["forgotten"] = self.forgotten
        return data


def line_of(compared: Compared) -> str:
    """Return the event line of an object that is not as it should be, else an empty text."""
    result, cos_path, why = compared
    if result in {CompareResult.SAME, CompareResult.UNVERIFIED}:
        return ""
    reason = f" [reason: {why}]" if why else ""
    return f"[{result.value}]{reason} [key: {printable(cos_path)}]\n"


def uncompared(name: str, failure: Failure) -> str:
    """Return the message about an object that a failure leaves without a comparison."""
    return f"{printable(name)} cannot be compared: {printable(failure.message)}"
