"""Turns what a source lists into entries of the merge with COS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cos_migrate.engine.key_merge import SourceColumns
from cos_migrate.engine.key_sort import SourceEntry
from cos_migrate.engine.own_items import OwnItems
from cos_migrate.engine.rules import cos_path_of
from cos_migrate.filters import Filters
from cos_migrate.model import (
    Fingerprint,
    Found,
    KeyColumns,
    Note,
    Rejected,
    Row,
    SourceObject,
    object_of,
)
from cos_migrate.report.comparison import uncompared
from cos_migrate.report.report import Report
from cos_migrate.sources.base import Source
from cos_migrate.sources.column_pages import ColumnSource, without_prefix
from cos_migrate.text import printable


class SourceEntries:
    """Makes entries to compare of scanned items: applies filters, reports what is left out."""

    def __init__(
        self,
        source: Source,
        filters: Filters,
        report: Report,
        own: OwnItems | None = None,
        *,
        keeps_names: bool = False,
    ) -> None:
        """`own`: what is compared of a job; None: all of it.

        `keeps_names`: whether the names of all other objects count too.
        """
        self._source = source
        self._filters = filters
        self._report = report
        self._own = own
        self._keeps_names = keeps_names
        is_plain = not (filters or own)
        self.column_source = source if is_plain and isinstance(source, ColumnSource) else None
        """The source, if its objects may be compared by columns."""
        self.found = 0
        """Objects and names."""
        self.problems = 0
        """Names that cannot be migrated, and so cannot be compared."""
        self.unlisted = False
        """Whether entries below some name could not be listed."""
        self.unlisted_without_key = False
        """Whether one of these names has no key."""

    def add(self, items: Sequence[Found | Row], skip: str = "") -> list[SourceEntry]:
        """Return the entries of items; `skip`: the prefix of names that come another way."""
        found = self._filters.replace_rejected(items) if self._filters else items
        entries = []
        for item in found:
            entry = self._entry(item)
            if entry and not (skip and entry.obj and entry.obj.name.startswith(skip)):
                entries.append(entry)
        self.found += len(entries)
        if self._own:
            entries = self._own.entries(entries, names=self._keeps_names)
        self._report.totals.add_found(len(entries), 0)
        return entries

    def add_columns(self, columns: KeyColumns, skip: str = "") -> SourceColumns:
        """Return the target paths of objects that are listed by columns; `skip` as in `add`."""
        if skip:
            columns = without_prefix(columns, skip)
        if not columns.names:
            return SourceColumns([], columns)
        assert self.column_source  # noqa: S101 - it has listed them
        first, root = columns.names[0], self._source.target.cos_path
        base = len(first) - len(self.column_source.key_of(first))
        self.found += len(columns.names)
        self._report.totals.add_found(len(columns.names), 0)
        return SourceColumns([root + name[base:] for name in columns.names], columns)

    def of_columns(self, page: SourceColumns) -> list[SourceEntry]:
        """Return the entries of a page whose objects are listed by columns."""
        if not page.paths:
            return []
        assert self.column_source  # noqa: S101 - it has listed them
        return list(map(SourceEntry, page.paths, self.column_source.objects_of(page.columns)))

    def report_repeated(self, cos_path: str, *objects: SourceObject) -> None:
        """Report two objects with one target path."""
        self.problems += 1
        names = (printable(self._source.mask(each.name)) for each in objects)
        self._report.error(
            f"{printable(cos_path)} is the target of two objects: {' and '.join(names)}; "
            "the first is compared"
        )

    def _entry(self, item: Found | Row) -> SourceEntry | None:
        if isinstance(item, Note):
            (self._report.warn if item.warning else self._report.note)(item.line)
            return None
        entry = entry_of(self._source, item)
        if isinstance(item, Rejected):
            if item.failure and (self._own is None or self._own.has(item)):
                self.problems += 1
                self._report.error(uncompared(self._source.mask(item.name), item.failure))
            if item.unlisted:
                self.unlisted = True
                self.unlisted_without_key |= entry is None
        return entry


def entry_of(source: Source, item: SourceObject | Rejected | Row) -> SourceEntry | None:
    """Return the entry of an item of a scan; None: a name that cannot be on COS."""
    target = source.target
    if type(item) is tuple:
        obj = object_of(cast("Row", item))
        return SourceEntry(target.cos_path + obj.key, obj)
    if isinstance(item, SourceObject):
        return SourceEntry(cos_path_of(target, item), item)
    assert isinstance(item, Rejected)  # noqa: S101 - the only other item
    key = item.key or source.key_of_name(item.name)
    if key is None:
        return None
    return SourceEntry(cos_path_of(target, SourceObject(item.name, key, Fingerprint(-1))), None)
