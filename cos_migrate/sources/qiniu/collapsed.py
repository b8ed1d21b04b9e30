"""Keys without doubled and leading slashes: two names can have the same key on COS."""

from __future__ import annotations

import re
import threading

from cos_migrate.errors import Side
from cos_migrate.model import Failure, Found, Rejected, SourceObject

_MOST = 1_000_000
"""Names with such slashes that are remembered; later ones are only compared with these."""


class CollapsedKeys:
    """Makes the keys on COS of one source, and finds names that share one. Thread-safe."""

    def __init__(self, base: str) -> None:
        """`base`: the beginning of each name that its key lacks."""
        self._base = base
        self._lock = threading.Lock()
        self._first: dict[str, str] = {}

    def key_of(self, name: str) -> str:
        """Return the key on COS of an object: below the base, without doubled slashes."""
        return re.sub("/+", "/", name.removeprefix(self._base)).removeprefix("/")

    def collapsed_name(self, name: str) -> str:
        """Return the name without such slashes that has the same key; empty: `name` has none."""
        base = self._base if name.startswith(self._base) else ""
        collapsed = base + self.key_of(name)
        return "" if collapsed == name else collapsed

    def reject_shared(self, item: Found) -> Found:
        """Return `item`, rejected where an earlier name collapses to the same key."""
        if not isinstance(item, SourceObject) or not self.collapsed_name(item.name):
            return item
        with self._lock:
            first = self._first.get(item.key)
            if first is None and len(self._first) < _MOST:
                self._first[item.key] = item.name
        if first in {None, item.name}:
            return item
        failure = Failure(
            "ListObjects", shared_key_text(str(first)), code="SameTarget", side=Side.SOURCE
        )
        return Rejected(item.name, item.key, "", failure)


def shared_key_text(other: str) -> str:
    """Return the message about an object that shares its key on COS with another."""
    return f"on COS it would be the same object as {other}, because slashes are collapsed"
