"""The settings of the filters, as the sections of a configuration state them."""

from __future__ import annotations

import time
from typing import NamedTuple


class Moment(NamedTuple):
    """A modification time that a key names: a point in time, or an age."""

    ns: int
    """Nanoseconds since 1970, or of age."""
    is_age: bool
    """Whether it counts back from the start of the run."""

    def __str__(self) -> str:
        seconds = self.ns // 1_000_000_000
        if self.is_age:
            return f"{seconds}s"
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))

    def at(self, start_ns: int) -> int:
        """Return the time in nanoseconds since 1970, for a run that started at `start_ns`."""
        return start_ns - self.ns if self.is_age else self.ns


class FilterSettings(NamedTuple):
    """The conditions of one run; each default leaves nothing out."""

    label: str = "key: /"
    """Text before the name in the line of an object that is left out."""
    names_keys: bool = False
    """Whether that line names the key below cosPath, as the name itself may hold credentials."""
    root: str = ""
    """The beginning of folder paths that patterns do not see."""
    excluded: frozenset[str] = frozenset()
    """Names of files and folders; those of folders end in `/`."""
    ignored_suffixes: tuple[str, ...] = ()
    ignores_empty: bool = False
    wanted_suffixes: tuple[str, ...] = ()
    """Endings: a name must have one of them; empty: no condition."""
    least_age: int = 0
    """Seconds since the last modification."""
    storage_class: str = ""
    """The only class that is migrated, as COS spells it; empty: all are."""
    include: tuple[str, ...] = ()
    """Patterns: one must match the path below cosPath; empty: no condition."""
    exclude: tuple[str, ...] = ()
    """Patterns: none may match the path below cosPath."""
    filter_file: str = ""
    """A file in the syntax of gitignore; matching objects are left out."""
    min_size: int = 0
    """Bytes."""
    max_size: int = -1
    """Bytes; -1: no limit."""
    modified_after: Moment | None = None
    modified_before: Moment | None = None

    @property
    def are_set(self) -> bool:
        """Whether any condition is set."""
        return self != FilterSettings(self.label, self.names_keys, self.root)
