"""The sources by their `[migrateType] type`, found in the folders of this package.

A folder names its sources in `SOURCES`: type -> module and class, which load when looked up.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Iterator, Mapping
from typing import cast

from cos_migrate.config.options import Section
from cos_migrate.sources.base import Source


@functools.cache
def _classes() -> dict[str, str]:
    """Return type -> module and class, such as `cos_migrate.sources.oss.source.AliyunSource`."""
    found: dict[str, str] = {}
    for entry in os.scandir(os.path.dirname(__file__)):
        if os.path.isfile(os.path.join(entry.path, "__init__.py")):
            folder = importlib.import_module(f"{__package__}.{entry.name}")
            found |= {name: f"{folder.__name__}.{path}" for name, path in folder.SOURCES.items()}
    return dict(sorted(found.items()))


def find(migrate_type: str) -> type[Source]:
    """Return the source class of a type. Raises KeyError for an unknown type."""
    module, _, name = _classes()[migrate_type].rpartition(".")
    return cast("type[Source]", getattr(importlib.import_module(module), name))


def source_types() -> tuple[str, ...]:
    """Return the types of all sources."""
    return tuple(_classes())


class _Sections(Mapping[str, type[Section]]):
    """Loads a source when its section is looked up."""

    def __getitem__(self, name: str) -> type[Section]:
        return find(name).Config

    def __iter__(self) -> Iterator[str]:
        return iter(_classes())

    def __len__(self) -> int:
        return len(_classes())


SECTIONS: Mapping[str, type[Section]] = _Sections()
"""Migrate type, which is also the section's name, to the section's dataclass."""
