"""Where the listing of a source begins: at its start, or at the positions of the last run."""

from __future__ import annotations

from cos_migrate.model import ListRange
from cos_migrate.scan import positions
from cos_migrate.scan.positions import Positions
from cos_migrate.sources.paged import PagedSource
from cos_migrate.state import formats
from cos_migrate.state.store import RecordStore

RangeStarts = list[tuple[ListRange, str]]
"""Ranges, each with the marker behind which it is listed."""


def start_listing(
    source: PagedSource, state: RecordStore, *, resume: bool
) -> tuple[RangeStarts, Positions]:
    """Return the ranges to list, and the positions to keep meanwhile.

    Without `resume` the positions of earlier runs are removed. Raises StateError.
    """
    mark = formats.origin_mark(source.origin())
    saved = positions.load(state, mark) if resume else None
    if saved is None:
        state.write([], positions.stale_keys(state), sync=False)
        saved, resumed = [(part, "") for part in source.ranges()], False
    else:
        resumed = True
    return saved, Positions(saved, mark, resumed=resumed)
