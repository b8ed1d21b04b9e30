"""Reads URLs from list files, each target key once."""

from __future__ import annotations

import functools
import threading

from cos_migrate.errors import SourceError
from cos_migrate.model import Failure, Fingerprint, Found, Note, Page, Rejected, SourceObject
from cos_migrate.sources.list_files import (
    NameIndex,
    Place,
    find_list_files,
    offset_of,
    read_list_page,
    reject_line,
)
from cos_migrate.sources.url_list.urls import (
    BLANKS,
    BadUrl,
    has_credentials,
    mask_line,
    parse_url,
)


class UrlLists:
    """Reads lists of URLs in a fixed order, and passes over repeated keys. Thread-safe."""

    def __init__(self, path: str) -> None:
        """`path`: a list, or a folder of lists."""
        self._path = path
        self._files = functools.cache(lambda: tuple(find_list_files(path)))
        self._lock = threading.Lock()
        self._index = NameIndex()
        self._indexed: dict[int, str | None] = {}
        """List number -> marker up to which its lines are indexed; None: to the end."""
        self.has_credentials = False
        """Whether a listed URL contains credentials."""

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the lists."""
        return self._files()

    def page(self, path: str, marker: str) -> Page:
        """Return the next page of a list; all earlier lines are indexed first."""
        number = self.files.index(path) if path in self.files else len(self.files)
        for before, earlier in enumerate(self.files[:number]):
            self._index_lines(before, earlier, None)
        self._index_lines(number, path, offset_of(marker))
        with self._lock:
            return self._read(number, path, marker)

    def _index_lines(self, number: int, path: str, until: int | None) -> None:
        """Index the lines of a list up to byte `until`; None: all."""
        while True:
            # Page by page, so that other threads can read lists in between.
            with self._lock:
                reached = self._indexed.get(number, "")
                if reached is None or (until is not None and offset_of(reached) >= until):
                    return
                try:
                    self._read(number, path, reached)
                except SourceError:
                    self._indexed[number] = None  # its own range reports the error
                    return

    def _read(self, number: int, path: str, marker: str) -> Page:
        """Return a page; the caller holds the lock and has indexed the lines before it."""
        page = read_list_page(
            path, marker, lambda text, line: self._found(text, number, line), mask_line
        )
        reached = self._indexed.get(number, "")
        if reached is not None and offset_of(marker) >= offset_of(reached):
            self._indexed[number] = page.next or None
        return page

    def _found(self, text: str, number: int, line: int) -> Found | None:
        """Return the object of a line; None for a blank line."""
        url = text.strip(BLANKS)
        if not url:
            return None
        try:
            address = parse_url(text)
        except BadUrl as error:
            return reject_line(self._name_of(number), line, mask_line(url), str(error))
        if not self.has_credentials and has_credentials(address):
            self.has_credentials = True
        key = address.key
        if not key:
            problem = "its path is empty, so that it gives no key"
            return reject_line(self._name_of(number), line, mask_line(url), problem)
        wanted = f"{address.origin}{address.path}?{address.url.partition('?')[2]}"
        here = Place(number, line)
        first, same = self._index.first(key, wanted, here)
        if first == here:
            return SourceObject(url, key, Fingerprint(-1))
        this = f"line {line} of {self._name_of(number)}"
        where = f"line {first.line} of {self._name_of(first.list_number)}"
        if same:
            return Note(f"{this} is passed over: it repeats {where}")
        failure = Failure("read", f"{this}: it goes to the same key as {where}", code="SameTarget")
        return Rejected(url, "", "", failure)

    def _name_of(self, number: int) -> str:
        return self.files[number] if number < len(self.files) else self._path
