"""Verification of pages that are listed in the order of keys: their prefix and their order."""

from __future__ import annotations

import bisect
import operator
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cos_migrate.errors import Side, SourceError
from cos_migrate.model import Failure, Found, ListRange, Page, SourceObject
from cos_migrate.text import printable

OUTSIDE = "ListingOutside"
"""The code of a listing with names outside the prefix: some servers ignore the prefix."""


class KeyPage(NamedTuple):
    """One answer to a listing of keys."""

    objects: list[SourceObject]
    folders: list[str]
    """The folded prefixes, each ending in the delimiter."""
    truncated: bool
    """Whether keys follow."""
    following: str = ""
    """The marker of the next page, for a page without keys."""


def verify_page(page: KeyPage, list_range: ListRange, marker: str) -> Page:
    """Return the objects of a page that belong to a range, behind `marker`.

    Names outside the prefix are left out and reported as the page's problem. Raises SourceError
    where names are out of order, or repeated.
    """
    objects = page.objects
    if not objects or (_is_inside(list_range, objects[0]) and _is_inside(list_range, objects[-1])):
        # The keys between them are inside too, if all are in order.
        try:
            return _in_order(page, objects, list_range, marker, None)
        except SourceError:
            if _first_outside(list_range.prefix, (obj.name for obj in objects)) is None:
                raise
    objects, problem = _inside(list_range.prefix, objects)
    return _in_order(page, objects, list_range, marker, problem)


def _is_inside(list_range: ListRange, obj: SourceObject) -> bool:
    return obj.name.startswith(list_range.prefix)


def _in_order(
    page: KeyPage,
    objects: list[SourceObject],
    list_range: ListRange,
    marker: str,
    problem: Failure | None,
) -> Page:
    """Return the `objects` of a page that belong to a range. Raises SourceError for disorder."""
    last = marker or list_range.after
    kept, is_cut = _take(objects, last, list_range.until)
    if is_cut:
        return Page(kept, "", problem=problem)
    last = objects[-1].name if objects else last
    if problem:
        last = max(last, page.objects[-1].name)
        if _is_behind(list_range.prefix, last) or (list_range.until and last > list_range.until):
            return Page(kept, "", problem=problem)
    if page.truncated and not page.objects:
        # Legal where many keys were deleted, if its marker advances.
        if page.following <= last:
            raise _disorder("an empty page", last)
        last = page.following
        if list_range.until and last >= list_range.until:
            return Page(kept, "")
    return Page(kept, last if page.truncated else "", problem=problem)


def _take(objects: list[SourceObject], last: str, until: str) -> tuple[list[Found], bool]:
    """Return the objects up to the name `until`, and whether others follow.

    Raises SourceError where one does not come behind the one before, the first behind `last`.
    """
    # Python compares strings by code point, which is the order of their UTF-8 bytes.
    names = [obj.name for obj in objects]
    in_order = all(map(operator.lt, names, names[1:]))
    if in_order and names and names[0] > last:
        count = bisect.bisect_right(names, until) if until else len(names)
        return [*objects[:count]], count < len(names)
    for number, name in enumerate(names):
        if last and name <= last:  # a name may be empty: it is then the first
            raise _disorder(name, last)
        last = name
        if until and name > until:
            return [*objects[:number]], True
    return [*objects], False


def find_middle(page: KeyPage, folder: str, marker: str, until: str) -> str:
    """Return the middle one of the folded prefixes behind `marker`; empty: there is none.

    `until`: the last name of the range, empty for none. Raises SourceError with the code
    OUTSIDE for a page with names outside `folder`.
    """
    outside = _first_outside(folder, [*page.folders, *(obj.name for obj in page.objects)])
    if outside is not None:
        failure = outside_failure(folder, outside)
        raise SourceError(failure.message, operation=failure.operation, code=failure.code)
    cuts = [cut for cut in page.folders if cut > marker and (not until or cut < until)]
    return cuts[len(cuts) // 2] if cuts else ""


def enclosing_folders(marker: str, prefix: str) -> Iterator[str]:
    """Yield the prefix, then the folders below it that contain `marker`, from the top."""
    yield prefix
    at = marker.find("/", len(prefix))
    while at >= 0:
        yield marker[: at + 1]
        at = marker.find("/", at + 1)


def outside_failure(prefix: str, name: str) -> Failure:
    """Return the failure of a listing of `prefix` that contains `name`."""
    return Failure(
        "ListObjects",
        f"the source was asked for names that begin with {printable(prefix)}, and lists "
        f"{printable(name)}: it does not keep to the prefix. What lies outside is not migrated",
        code=OUTSIDE,
        side=Side.SOURCE,
    )


def _inside(prefix: str, objects: list[SourceObject]) -> tuple[list[SourceObject], Failure | None]:
    """Return the objects below `prefix`, and a failure that names the first one outside it."""
    outside = _first_outside(prefix, (obj.name for obj in objects))
    if outside is None:
        return objects, None
    kept = [obj for obj in objects if obj.name.startswith(prefix)]
    return kept, outside_failure(prefix, outside)


def _first_outside(prefix: str, names: Iterable[str]) -> str | None:
    """Return the first name that does not begin with `prefix`, None when all do."""
    return next((name for name in names if not name.startswith(prefix)), None)


def _is_behind(prefix: str, name: str) -> bool:
    """Return whether no name that follows `name` in the order of bytes begins with `prefix`."""
    return name > prefix and not name.startswith(prefix)


def _disorder(name: str, last: str) -> SourceError:
    return SourceError(
        f"the listing is out of order: {printable(name)} came behind {printable(last)}",
        operation="ListObjects",
        target=name,
        code="ListingOutOfOrder",
    )
