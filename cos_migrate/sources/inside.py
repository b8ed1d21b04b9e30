"""Keys outside what a listing was asked for: some servers ignore `prefix`."""

from __future__ import annotations

from collections.abc import Iterable

from cos_migrate.keys import printable
from cos_migrate.model import Failure, SourceObject

OUTSIDE = "ListingOutside"
"""The code of a listing that shows names outside its prefix."""


def kept_inside(
    prefix: str, objects: list[SourceObject]
) -> tuple[list[SourceObject], Failure | None]:
    """Return the objects below `prefix`, and a failure that names the first one outside it."""
    outside = first_outside(prefix, (obj.name for obj in objects))
    if outside is None:
        return objects, None
    kept = [obj for obj in objects if obj.name.startswith(prefix)]
    return kept, outside_failure(prefix, outside)


def first_outside(prefix: str, names: Iterable[str]) -> str | None:
    """Return the first name that does not begin with `prefix`, None when all do."""
    return next((name for name in names if not name.startswith(prefix)), None)


def is_behind(prefix: str, name: str) -> bool:
    """Return whether no name behind `name`, in the order of bytes, can begin with `prefix`."""
    return name > prefix and not name.startswith(prefix)


def outside_failure(prefix: str, name: str) -> Failure:
    """Return the failure of a listing below `prefix` that shows `name`."""
    return Failure(
        "ListObjects",
        f"the source was asked for names that begin with {printable(prefix)}, and lists "
        f"{printable(name)}: it does not keep to the prefix. What lies outside is not migrated",
        code=OUTSIDE,
    )
