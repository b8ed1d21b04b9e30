"""Buckets whose pages are read by columns: quicker to list, and to compare."""

from __future__ import annotations

import abc
import bisect
import operator
from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from typing import NamedTuple

from cos_migrate.model import Fingerprint, KeyColumns, ListRange, Page, SourceObject
from cos_migrate.sources.bucket import KeyOrderedSource
from cos_migrate.sources.key_pages import KeyPage, verify_page
from cos_migrate.sources.xml_listing import parse_listed_time, write_listed_time

_NEW_FINGERPRINT: Callable[[Iterable[object]], Fingerprint] = partial(tuple.__new__, Fingerprint)
_NEW_OBJECT: Callable[[Iterable[object]], SourceObject] = partial(tuple.__new__, SourceObject)
"""Made of all their fields, in their order."""


class ColumnPage(NamedTuple):
    """A page of keys as columns instead of objects; the fields are those of `KeyPage`."""

    columns: KeyColumns
    folders: list[str]
    truncated: bool
    following: str = ""


class ColumnSource(KeyOrderedSource):
    """A bucket that lists its keys in the order of their bytes, page by page, by columns."""

    @abc.abstractmethod
    def list_columns(self, prefix: str, after: str, delimiter: str) -> ColumnPage:
        """Return the next page of keys as columns, as `list_keys` does as objects."""

    def list_keys(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        """Return the next page as objects."""
        return self._key_page(self.list_columns(prefix, after, delimiter))

    def list_page_of_columns(self, list_range: ListRange, marker: str) -> Page:
        """Return the next page of the bucket by columns; by objects where it is not as usual."""
        after = marker or list_range.after
        page = self.list_columns(list_range.prefix, after, "")
        names = page.columns.names
        if names and page.columns.reliable and _are_in_order(names, list_range, after):
            return Page([], names[-1] if page.truncated else "", columns=page.columns)
        return verify_page(self._key_page(page), list_range, marker)

    def objects_of(self, columns: KeyColumns) -> list[SourceObject]:
        """Return the objects of a page."""
        # By functions in C, in a fifth of the time: a long listing does it for every object.
        times: Iterable[int] = (
            map(parse_listed_time, columns.times) if columns.times else repeat(-1)
        )
        fingerprints = map(_NEW_FINGERPRINT, zip(columns.sizes, times, columns.etags))  # noqa: B905
        fields = zip(
            columns.names,
            map(self.key_of, columns.names),
            fingerprints,
            repeat(0),
            repeat(False),
            columns.classes or repeat(""),
            repeat(""),
            repeat(False),
        )
        objects = list(map(_NEW_OBJECT, fields))
        return objects if columns.reliable else self.etags.mark_weak(objects)

    def _key_page(self, page: ColumnPage) -> KeyPage:
        objects = self.objects_of(page.columns)
        return KeyPage(objects, page.folders, page.truncated, page.following)


def slice_columns(columns: KeyColumns, first: int, last: int) -> KeyColumns:
    """Return the columns of the objects from `first` to before `last`."""
    names, sizes, etags, times, classes, reliable = columns
    part = slice(first, last)
    return KeyColumns(names[part], sizes[part], etags[part], times[part], classes[part], reliable)


def pick_columns(columns: KeyColumns, indices: list[int]) -> KeyColumns:
    """Return the columns of the objects at some indices."""
    names, sizes, etags, times, classes, reliable = columns
    return KeyColumns(
        [names[index] for index in indices],
        [sizes[index] for index in indices],
        [etags[index] for index in indices],
        [times[index] for index in indices] if times else [],
        [classes[index] for index in indices] if classes else [],
        reliable,
    )


def without_prefix(columns: KeyColumns, prefix: str) -> KeyColumns:
    """Return the columns of the objects whose names do not begin with `prefix`."""
    names = columns.names
    first = bisect.bisect_left(names, prefix)
    if first == len(names) or not names[first].startswith(prefix):
        return columns
    kept = [number for number, name in enumerate(names) if not name.startswith(prefix)]
    return pick_columns(columns, kept)


def columns_of(objects: list[SourceObject]) -> KeyColumns:
    """Return the columns of objects."""
    return KeyColumns(
        [obj.name for obj in objects],
        [obj.fingerprint.size for obj in objects],
        [obj.fingerprint.etag for obj in objects],
        [write_listed_time(obj.fingerprint.mtime_ns) for obj in objects],
        [],
    )


def fingerprint_in(columns: KeyColumns, index: int) -> Fingerprint:
    """Return the fingerprint of the object at an index of columns."""
    time = parse_listed_time(columns.times[index]) if columns.times else -1
    return Fingerprint(columns.sizes[index], time, columns.etags[index])


def _are_in_order(names: list[str], list_range: ListRange, after: str) -> bool:
    """Return whether all names belong to an open range, and come behind `after` in their order."""
    prefix, first, last = list_range.prefix, names[0], names[-1]
    if list_range.until or not (first.startswith(prefix) and last.startswith(prefix)):
        return False
    return first > after and all(map(operator.lt, names, names[1:]))
