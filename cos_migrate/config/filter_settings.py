"""What a configuration leaves out, as its sections state it; `filters` decides by it."""

from __future__ import annotations

from typing import NamedTuple


class FilterSettings(NamedTuple):
    """The conditions of one run; each default leaves nothing out."""

    label: str = "key: /"
    """What precedes the name of an object in the line about it."""
    excluded: frozenset[str] = frozenset()
    """Names of files and folders; those of folders end in `/`."""
    ignored_suffixes: tuple[str, ...] = ()
    ignores_empty: bool = False
    wanted_suffixes: tuple[str, ...] = ()
    """Endings of which a name must have one; empty: any name will do."""
    least_age: int = 0
    """Seconds since the last modification."""
    storage_class: str = ""
    """The only class that is migrated, as COS spells it; empty: all are."""
