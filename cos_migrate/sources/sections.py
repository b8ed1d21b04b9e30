"""The section of each source: what `[migrateType] type` may say, and which keys go with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cos_migrate.sources import registry


class _Sections(Mapping[str, type[Any]]):
    """Migrate type to dataclass; a source is loaded when its section is asked for."""

    def __getitem__(self, name: str) -> type[Any]:
        return registry.find(name).Config

    def __iter__(self) -> Iterator[str]:
        return iter(registry.available())

    def __len__(self) -> int:
        return len(registry.available())


SECTIONS: Mapping[str, type[Any]] = _Sections()
"""Migrate type, which is also the section's name, to the section's dataclass."""
