"""Which URLs and keys a list has named before, in 24 bytes for each slot of a table.

A dict of a million URLs would take hundreds of megabytes.
"""

from __future__ import annotations

import hashlib
from array import array
from typing import NamedTuple

_LINE_BITS = 40
_FIRST_SLOTS = 1 << 12


class Place(NamedTuple):
    """A line of a list."""

    list_number: int
    """Which of the lists, from 0."""
    line: int
    """1-based."""


class UrlIndex:
    """Remembers for each key the first line that named it, and with which URL.

    Keys and URLs are told apart by 64 bits of a hash each. Not thread-safe.
    """

    def __init__(self) -> None:
        self._slots = _FIRST_SLOTS
        self._used = 0
        self._keys, self._urls, self._places = self._tables(self._slots)

    def first(self, key: str, url: str, place: Place) -> tuple[Place, bool]:
        """Return the first line that named `key`, this one where none has, and whether by `url`."""
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


def _hash(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
