"""Selects what belongs to the shard of a run among the items of a scan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from cos_migrate.engine.key_sort import SourceEntry
from cos_migrate.engine.rules import cos_path_of
from cos_migrate.model import Fingerprint, Found, Note, Rejected, Row, SourceObject
from cos_migrate.shards import Shard
from cos_migrate.sources.base import Source


class OwnItems:
    """Selects the items of one shard by the target path of each object, or else by its name."""

    def __init__(self, shard: Shard, source: Source) -> None:
        self._owns = shard.owns
        self._source = source
        self._root = source.target.cos_path

    def of(self, found: Sequence[Found | Row]) -> list[Found | Row]:
        """Return the items of a scan that belong to the shard, and those that concern all."""
        owns, root = self._owns, self._root
        return [
            item
            for item in found
            if (owns(root + cast("Row", item)[1]) if type(item) is tuple else self.has(item))
        ]

    def objects(self, objects: Iterable[SourceObject]) -> Iterable[SourceObject]:
        """Yield the objects that belong to the shard; folders without a key concern all."""
        return (obj for obj in objects if not obj.key or self.has(obj))

    def has(self, item: Found | Row) -> bool:
        """Return whether an item belongs to the shard, or concerns all shards.

        A folder that could not be listed may hold objects of any shard.
        """
        if isinstance(item, SourceObject):
            return self._owns(cos_path_of(self._source.target, item))
        if isinstance(item, Rejected):
            return item.unlisted or self._owns(self._path_of(item))
        return isinstance(item, Note)

    def has_path(self, cos_path: str) -> bool:
        """Return whether the object at a target path belongs to the shard."""
        return self._owns(cos_path)

    def entries(self, entries: Iterable[SourceEntry], *, names: bool) -> list[SourceEntry]:
        """Return the entries of a listing that belong to the shard, and names that do not count.

        `names`: whether objects of other shards are kept as names, below which nothing is extra.
        """
        kept = []
        for entry in entries:
            if entry.obj is None or self._owns(entry.cos_path):
                kept.append(entry)
            elif names and not entry.cos_path.endswith("/"):
                kept.append(entry._replace(obj=None))
        return kept

    def _path_of(self, item: Rejected) -> str:
        key = item.key or self._source.key_of_name(item.name)
        if key is None:
            return item.name
        return cos_path_of(self._source.target, SourceObject(item.name, key, Fingerprint(-1)))
