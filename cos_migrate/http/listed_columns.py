"""Reads the entries of a listing by columns, at a fraction of the time of an XML parser.

The entries of a page have one or a few shapes: the same elements in the same order. A regular
expression made of each reads its entries. The caller parses what stands around them, and a page
with anything else in it: attributes, comments, entities other than quotation marks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_ENTRY = "Contents"
OPENING, CLOSING = b"<Contents>", b"</Contents>"
_MOST_SHAPES = 8
_MOST_DEPTH = 12
_NO_CHARACTERS = ("\ufffe", "\uffff")
_NOT_PLAIN = bytes([*range(0x09), *range(0x0B, 0x20)])
"""Control characters, and the carriage return, which a parser changes."""
_PIECE = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)>|([^<]+)|(<)")


class Middle(NamedTuple):
    """The entries of a listing's document, divided from what stands around them."""

    around: bytes
    """The document with one empty entry in the place of all."""
    entries: list[str]
    """Without their closing tags."""


def divide(document: bytes) -> Middle | None:
    """Divide a listing into entries and the rest; None: no entries, or some that are not plain."""
    first, last = document.find(OPENING), document.rfind(CLOSING)
    if first < 0 or last < first:
        return None
    middle = document[first:last]
    if len(middle.translate(None, _NOT_PLAIN)) != len(middle):
        return None
    if b"]" in middle and b"]]>" in middle:
        return None
    for name in (b"&quot;", b"&#34;"):
        if b"&" in middle:
            middle = middle.replace(name, b'"')
    if b"&" in middle:
        return None
    try:
        text = middle.decode()
    except UnicodeDecodeError:
        return None
    if not text.isascii() and any(map(text.__contains__, _NO_CHARACTERS)):
        return None
    return Middle(document[:first] + OPENING + document[last:], text.split(CLOSING.decode()))


def read_columns(entries: Sequence[str], names: Sequence[str]) -> dict[str, list[str]] | None:
    """Return the texts of some elements of all entries, empty where one lacks; None: not plain.

    No entry lacks the first name.
    """
    shape = _shape_of(entries[0], names)
    if shape is None:
        return None
    matches = list(map(shape.pattern.fullmatch, entries))
    if shape.is_whole and all(matches):
        rows = [match.groups() for match in matches if match]
    else:
        found = _read_by_shapes(entries, names)
        if found is None:
            return None
        rows = found
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _read_by_shapes(entries: Sequence[str], names: Sequence[str]) -> list[tuple[str, ...]] | None:
    """Return the wanted texts of entries of several shapes; None: not plain."""
    shapes: list[_Shape] = []
    rows: list[tuple[str, ...]] = []
    for entry in entries:
        for shape in shapes:
            if match := shape.pattern.fullmatch(entry):
                break
        else:
            new = _shape_of(entry, names)
            match = new.pattern.fullmatch(entry) if new else None
            if new is None or match is None or len(shapes) == _MOST_SHAPES:
                return None
            shapes.append(shape := new)
        rows.append(shape.row(match))
    return rows


class _Shape(NamedTuple):
    """The elements of an entry, in their order."""

    pattern: re.Pattern[str]
    places: tuple[int, ...]
    """Of each wanted name the number of its group; -1: the entry lacks it."""

    @property
    def is_whole(self) -> bool:
        """Whether the groups are the wanted names in their order."""
        return self.places == tuple(range(len(self.places)))

    def row(self, match: re.Match[str]) -> tuple[str, ...]:
        """Return the wanted texts."""
        groups = match.groups()
        return tuple([groups[place] if place >= 0 else "" for place in self.places])


def _shape_of(entry: str, names: Sequence[str]) -> _Shape | None:
    """Return the shape of an entry without its closing tag; None: it is not plain."""
    tokens = _PIECE.findall(entry)
    found: list[str] = []
    parts: list[str] = []
    open_tags: list[str] = []
    for number, (slash, tag, text, other) in enumerate(tokens):
        if other or len(open_tags) > _MOST_DEPTH:
            return None
        if text:
            continue  # it is matched with the tag before
        if slash:
            if len(open_tags) < 2 or open_tags.pop() != tag:  # noqa: PLR2004 - the entry stays open
                return None
        else:
            open_tags.append(tag)
            if open_tags[0] != _ENTRY:
                return None
        closing = next((one for one in tokens[number + 1 : number + 3] if not one[2]), None)
        is_text = not slash and closing is not None and closing[0] == "/"
        if tag in names and not slash and tag not in found:
            if not is_text:
                return None
            found.append(tag)
            parts.append(f"<{tag}>([^<]*)")
        else:
            parts.append(f"<{slash}{tag}>[^<]*")
    if open_tags != [_ENTRY] or names[0] not in found:
        return None
    # Texts in front of the first tag are blanks between two entries.
    pattern = re.compile(r"\s*" + "".join(parts))
    return _Shape(pattern, tuple(found.index(name) if name in found else -1 for name in names))
