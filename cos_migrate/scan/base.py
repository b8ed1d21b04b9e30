"""The base class of scans, and the events that they post to the coordinator."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import NamedTuple

from cos_migrate.model import Failure, Found, KeyColumns, ListRange, Row


class PagePosition(NamedTuple):
    """The position of a page in a listing."""

    page: int
    """Number of the page; its objects have the same."""
    range_number: int
    list_range: ListRange
    """The range as it is now: it may have been split since the last page."""
    next: str
    """The marker after this page; empty when the range is complete."""
    new_ranges: tuple[tuple[int, ListRange], ...]
    """Ranges split off or found, with their numbers."""
    unreliable: bool = False
    """Whether the source lists the range wrongly: a later run must list it from here again."""


class Scanned(NamedTuple):
    """A batch of objects that a scan found."""

    found: Sequence[Found | Row]
    position: PagePosition | None = None
    """Position of their page in a listing; None: they come from a walk."""
    columns: KeyColumns | None = None
    """The objects of the page, where they are listed by columns."""


class ScanEnded(NamedTuple):
    """The end of a scan, with the failure that ended it early, if any."""

    failure: Failure | None
    """Why it ended early; None: it is complete."""


class Scan(abc.ABC):
    """Finds the objects of a source; posts `Scanned` batches, and `ScanEnded` at the end."""

    @abc.abstractmethod
    def start(self) -> None:
        """Begin to scan."""

    @abc.abstractmethod
    def allow_more(self) -> None:
        """Allow one more batch, after a posted one was handled."""

    @abc.abstractmethod
    def stop(self) -> None:
        """End early; `ScanEnded` is still posted."""

    def watch(self) -> list[str]:
        """Return warnings about the process that scans; called some times a second."""
        return []
