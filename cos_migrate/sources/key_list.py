"""A file that names keys, each of which is migrated once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cos_migrate.model import Found, Note, Page, SourceObject
from cos_migrate.sources.list_files import list_file_page
from cos_migrate.sources.target_index import Place, UrlIndex


class KeyList:
    """What a file names, less the lines that repeat an earlier one; safe for several threads."""

    def __init__(self, parse: Callable[[str, int], Found | None]) -> None:
        """`parse`: as for `list_file_page`."""
        self._parse = parse
        self._lock = threading.Lock()
        self._seen = UrlIndex()
        self._reached: str | None = ""
        """The marker up to which its lines are known; None: all are."""

    def page(self, path: str, marker: str) -> Page:
        """Return the next page of the file at `path`. Raises SourceError."""
        with self._lock:
            # A listing that goes on has to know what an earlier run has read.
            while self._reached is not None and _offset(self._reached) < _offset(marker):
                self._reached = self._read(path, self._reached).next or None
            page = self._read(path, marker)
            if self._reached is not None and _offset(marker) >= _offset(self._reached):
                self._reached = page.next or None
            return page

    def _read(self, path: str, marker: str) -> Page:
        return list_file_page(path, marker, lambda text, line: self._found(text, line, path))

    def _found(self, text: str, line: int, path: str) -> Found | None:
        item = self._parse(text, line)
        if not isinstance(item, SourceObject):
            return item
        first, _ = self._seen.first(item.name, item.name, Place(0, line))
        if first.line == line:
            return item
        return Note(f"line {line} of {path} is passed over: it repeats line {first.line}")


def _offset(marker: str) -> int:
    return int(marker.partition(":")[0] or 0)
