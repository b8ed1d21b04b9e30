"""The inventory of a bucket as its listing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cos_migrate.errors import ConfigError, SourceError
from cos_migrate.model import Found, ListRange, Page, SourceObject
from cos_migrate.sources.inventory import REMOTE, Inventory
from cos_migrate.sources.versions import UNKNOWN

if TYPE_CHECKING:
    from cos_migrate.sources.bucket import KeyOrderedSource


class BucketInventory:
    """Lists a bucket by an inventory, which lies here or in any bucket of the same account."""

    def __init__(self, source: KeyOrderedSource) -> None:
        self._source = source
        self._place = source.config.inventory_place
        self._holder: KeyOrderedSource | None = None
        self._holder_changes = threading.Lock()
        self._files: dict[str, SourceObject] = {}
        self._inventory = Inventory(self._place, self._read, source.inventory_columns)

    def ranges(self) -> tuple[ListRange, ...]:
        """Return a range for each data file; the manifest where it could not be read yet.

        Raises ConfigError for a manifest of another bucket or without use.
        """
        try:
            problem = self._problem()
        except SourceError:
            return (ListRange(self._place),)  # it is tried again as the first page
        if problem:
            raise ConfigError([problem])
        return self._inventory.ranges()

    def _problem(self) -> str:
        """Return why the manifest cannot be used; empty: it can. Raises SourceError."""
        source = self._source
        section = f"[{source.migrate_type}] inventory={self._place}"
        try:
            manifest = self._inventory.manifest()
        except ValueError as error:
            return f"{section}: {error}"
        except SourceError as error:
            error.args = (f"{section}: {error}",)
            raise
        bucket = source.config.bucket_address[0]
        if manifest.bucket == bucket:
            return ""
        return f"{section}: it is the inventory of the bucket {manifest.bucket}, not of {bucket}"

    def page(self, name: str, marker: str) -> Page:
        """Return the objects of a page of a data file. Raises SourceError."""
        if name == self._place:
            if problem := self._problem():
                raise SourceError(problem, operation="ReadInventory", target=name, fatal=True)
            return Page([], "", more=self._inventory.ranges())
        source = self._source
        rows, page = self._inventory.page(name, marker)
        found: list[Found] = [
            source.object_of_row(row) for row in rows if row.key.startswith(source.prefix)
        ]
        listed = [item for item in found if isinstance(item, SourceObject)]
        others = [item for item in found if not isinstance(item, SourceObject)]
        return page._replace(found=[*others, *source.etags.mark_weak(listed)])

    def _read(self, key: str, offset: int, most: int) -> bytes:
        """Return bytes of an object beside the manifest, of the version that was read first."""
        holder = self._present_holder()
        obj = self._files.get(key)
        if obj is None:
            described = holder.describe(SourceObject(key, key, UNKNOWN))
            obj = self._files[key] = SourceObject(key, key, described.fingerprint)
        length = min(most, obj.fingerprint.size - offset)
        if length <= 0:
            return b""
        pieces: list[bytes] = []
        with holder.open(obj, offset, length) as reader:
            while piece := reader.read(length):
                pieces.append(piece)
            reader.check_unchanged()
        data = b"".join(pieces)
        if len(data) != length:
            text = f"{len(data)} bytes came instead of {length}"
            raise SourceError(text, operation="ReadInventory", target=key, retryable=True)
        return data

    def _present_holder(self) -> KeyOrderedSource:
        """Return the source of the bucket beside the manifest, with the present credentials."""
        source = self._source
        with self._holder_changes:
            holder = self._holder
            if holder is None:
                bucket = self._place.removeprefix(REMOTE).partition("/")[0]
                section = source.config.of_other_bucket(bucket)
                holder = self._holder = type(source)(section, source.target, source.options)
            credentials = source.credentials
            if credentials is not None and holder.credentials is not credentials:
                holder.replace_credentials(credentials)
            return holder
