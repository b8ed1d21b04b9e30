"""Files that list names to migrate, one a line. A repeated name is migrated once."""

from __future__ import annotations

import hashlib
import os
import threading
from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cos_migrate.descriptors import retry_while_exhausted
from cos_migrate.errors import Side, SourceError
from cos_migrate.model import Failure, Found, Note, Page, Rejected, SourceObject
from cos_migrate.text import NOT_UTF8, printable

_PAGE_LINES = 1000
_SHOWN_CHARACTERS = 200
_LINE_BITS = 40
_FIRST_SLOTS = 1 << 12


class Place(NamedTuple):
    """The file and line at which a list names an object."""

    list_number: int
    """Index of the list, from 0."""
    line: int
    """1-based."""


class NameIndex:
    """For each key the first line that names it: a hash table of 24 bytes a slot.

    A dict of a million URLs would take hundreds of megabytes. Keys and URLs are compared by 64 bits
    of their hashes. Not thread-safe.
    """

    def __init__(self) -> None:
        self._slots = _FIRST_SLOTS
        self._used = 0
        self._keys, self._urls, self._places = self._tables(self._slots)

    def first(self, key: str, url: str, place: Place) -> tuple[Place, bool]:
        """Return the first line that names `key` (`place` if none did), and whether by `url`."""
        key_hash, url_hash = _hash(key), _hash(url)
        slot = self._find(key_hash)
        if not self._places[slot]:
            self._keys[slot], self._urls[slot] = key_hash, url_hash
            self._places[slot] = place.list_number << _LINE_BITS | place.line
            self._used += 1
            if 3 * self._used > 2 * self._slots:
                self._grow()
            return place, True
        packed = self._places[slot]
        number, line = packed >> _LINE_BITS, packed & ((1 << _LINE_BITS) - 1)
        return Place(number, line), self._urls[slot] == url_hash

    def _find(self, key_hash: int) -> int:
        slot, last = key_hash & (self._slots - 1), self._slots - 1
        while self._places[slot] and self._keys[slot] != key_hash:
            slot = (slot + 1) & last
        return slot

    def _grow(self) -> None:
        old = zip(self._keys, self._urls, self._places, strict=True)
        self._slots *= 2
        keys, urls, places = self._tables(self._slots)
        self._keys, self._urls, self._places = keys, urls, places
        for key_hash, url_hash, packed in old:
            if packed:
                slot = self._find(key_hash)
                keys[slot], urls[slot], places[slot] = key_hash, url_hash, packed

    def _tables(self, slots: int) -> tuple[array[int], array[int], array[int]]:
        empty = bytes(8 * slots)
        return array("Q", empty), array("Q", empty), array("Q", empty)


class KeyFile:
    """A file of keys: reads the objects that it names, and notes repeated lines. Thread-safe."""

    def __init__(self, parse: Callable[[str, int], Found | None]) -> None:
        """`parse`: as for `read_list_page`."""
        self._parse = parse
        self._lock = threading.Lock()
        self._seen = NameIndex()
        self._reached: str | None = ""
        """The marker up to which lines are indexed; None: to the end."""

    def page(self, path: str, marker: str) -> Page:
        """Return the next page of the file at `path`. Raises SourceError."""
        with self._lock:
            # A resumed listing must first index the lines that an earlier run has read.
            while self._reached is not None and offset_of(self._reached) < offset_of(marker):
                self._reached = self._read(path, self._reached).next or None
            page = self._read(path, marker)
            if self._reached is not None and offset_of(marker) >= offset_of(self._reached):
                self._reached = page.next or None
            return page

    def _read(self, path: str, marker: str) -> Page:
        return read_list_page(path, marker, lambda text, line: self._found(text, line, path))

    def _found(self, text: str, line: int, path: str) -> Found | None:
        item = self._parse(text, line)
        if not isinstance(item, SourceObject):
            return item
        first, _ = self._seen.first(item.name, item.name, Place(0, line))
        if first.line == line:
            return item
        return Note(f"line {line} of {path} is passed over: it repeats line {first.line}")


def find_list_files(path: str) -> Iterator[str]:
    """Yield the list files below a folder, sorted, and the folders in it that cannot be read.

    A path that leads to no folder is yielded itself.
    """
    if not os.path.isdir(path):
        yield path
        return
    unreadable: list[str] = []
    for folder, folders, names in os.walk(path, onerror=lambda e: unreadable.append(e.filename)):
        folders.sort()
        yield from (os.path.join(folder, name) for name in sorted(names))
    yield from unreadable


def file_version(path: str) -> str:
    """Return path, size and time of a list file: a text that changes when the file is written."""
    try:
        found = os.stat(path)
    except OSError:
        return path
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def reject_line(path: str, number: int, text: str, problem: str) -> Rejected:
    """Reject a line, as a failure; `text` is its content without credentials.

    Its key is empty, so that the next run does not retry it separately from its list.
    """
    shown = printable(text[:_SHOWN_CHARACTERS]) + ("..." if len(text) > _SHOWN_CHARACTERS else "")
    failure = Failure("read", f"line {number} of {path}: {problem}: {shown}", code="NotMigratable")
    return Rejected(f"{path}:{number}: {shown}", "", "", failure)


def read_list_page(
    path: str,
    marker: str,
    parse: Callable[[str, int], Found | None],
    mask: Callable[[str], str] = str,
) -> Page:
    """Return the next page of a file that has one name a line; the marker is `offset:line`.

    `parse` gets each line without its end and its number (1-based); None skips the line. A line
    that is not UTF-8 is rejected; `mask` removes credentials from its text. Raises SourceError.
    """
    offset, _, number = marker.partition(":")
    found: list[Found] = []
    line = int(number or 0)
    try:
        with retry_while_exhausted(lambda: open(path, "rb")) as file:
            file.seek(int(offset or 0))
            while len(found) < _PAGE_LINES:
                raw = file.readline()
                if not raw:
                    return Page(found, "")
                line += 1
                item = _line_of(raw, path, line, parse, mask)
                if item is not None:
                    found.append(item)
            return Page(found, f"{file.tell()}:{line}")
    except OSError as error:
        raise SourceError(
            f"the list {path} cannot be read: {error.strerror}",
            operation="read",
            target=path,
            side=Side.HERE,
        ) from error


def _line_of(
    raw: bytes,
    path: str,
    number: int,
    parse: Callable[[str, int], Found | None],
    mask: Callable[[str], str],
) -> Found | None:
    if number == 1:
        raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        return parse(raw.decode().rstrip("\r\n"), number)
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
        return reject_line(path, number, mask(text), NOT_UTF8)


def offset_of(marker: str) -> int:
    """Return the byte offset in a marker of `read_list_page`."""
    return int(marker.partition(":")[0] or 0)


def _hash(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
