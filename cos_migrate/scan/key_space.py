"""Chooses where a range of keys is cut, without knowledge of their layout.

Pure functions. Keys are read as numbers whose digits are the characters that keys of the listing
contain. Those that were listed show how much of this space a page takes, and so how many pages may
follow.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

_PRECISE = 4
"""Digits behind the first one that the listed keys change."""
_PLAUSIBLE = 64
"""More pages than this multiple of the listed ones are not expected to follow."""
_SHORTEN = 16
"""A key may miss the wanted place by this part of the gap that it cuts, to be short."""
_CHARACTERS, _PLACES, _SAMPLES = 4096, 512, 8
"""Characters of a class, places and keys of a page that an alphabet is learnt from."""
_FRACTION = 1 << 20
_FIRST_CHARACTER, _LAST_CHARACTER = 0x20, 0x10FFFD
_SURROGATES = range(0xD800, 0xE000)
_BYTES = 850
"""The longest key of COS; other services accept longer ones."""


class RangeView(NamedTuple):
    """What is known of the keys in a range that is being listed."""

    prefix: str
    """All its keys begin with this."""
    first: str
    """A key that was listed of it, `pages` before the last one."""
    marker: str
    """The last one."""
    bound: str
    """No key behind this belongs to it; empty: not known."""
    pages: int
    """Pages between `first` and `marker`."""
    points: tuple[str, ...] = ()
    """Keys at which it is being cut, in their order, all between `marker` and `bound`."""


class Cut(NamedTuple):
    """A key at which a range may be cut, to be tried by a request."""

    key: str
    pages: float
    """Pages that may lie in the gap that it cuts."""


class Alphabet:
    """The characters of keys: at each place those of the classes that were seen there."""

    def __init__(self) -> None:
        self._known: dict[int, set[str]] = {}
        self._classes: list[set[int]] = []

    def learn(self, keys: Sequence[str]) -> None:
        """Add the characters of some of the `keys`."""
        for key in keys[:: max(1, len(keys) // _SAMPLES)]:
            classes = [_class_of(one) for one in key]
            self._classes += (set() for _ in range(min(len(key), _PLACES) - len(self._classes)))
            for seen, kind in zip(self._classes, classes, strict=False):
                seen.add(kind)
            for one, kind in zip(key, classes, strict=True):
                known = self._known.setdefault(kind, set())
                if len(known) < _CHARACTERS and is_sendable(one):
                    known.add(one)

    def at(self, place: int) -> set[str]:
        """Return the characters to be expected at a place of keys."""
        classes = self._classes[place] if place < len(self._classes) else self._known
        return set().union(*(self._known.get(kind, ()) for kind in classes))


def _class_of(one: str) -> int:
    if "0" <= one <= "9":
        return 0
    if "a" <= one <= "z":
        return 1
    if "A" <= one <= "Z":
        return 2
    return 3 if one < "\x80" else 4


def choose_cut(view: RangeView, alphabet: Alphabet) -> Cut | None:
    """Return the key to ask for next; None where the range cannot be cut."""
    start = len(view.prefix)
    if view.bound:
        start = max(start, _count_common(view.marker, view.bound))
    stem = view.marker[:start]
    if not is_sendable(stem):
        return None
    ends = [key[start:] for key in (view.marker, view.bound, *view.points)]
    space = _Space(alphabet, start, _depth(view, start), [view.first[start:], *ends])
    low = space.number(ends[0])
    base = space.number(view.first[start:]) if view.first.startswith(stem) else 0
    high = space.number(ends[1]) if view.bound else space.beyond
    points = [low, *map(space.number, ends[2:]), high]
    width = max(1, (low - base) // view.pages)
    wanted, pages = _largest_gap(points, width, view.pages)
    if pages <= 0:
        return None
    key = stem + space.text(*wanted)
    known = (view.marker, *view.points, view.bound)
    if not view.marker < key or key in known or (view.bound and key >= view.bound):
        return None
    if len(key.encode()) > _BYTES:
        return None
    return Cut(key, pages)


def _largest_gap(
    points: Sequence[int], width: int, pages: int
) -> tuple[tuple[int, int, int], float]:
    """Return (first, wanted, last) of the gap to cut, and the pages that it may hold."""
    low, high = points[0], points[-1]
    believable = width * _PLAUSIBLE * (pages + 1)
    gaps = list(itertools.pairwise(points))
    if high - low <= believable:
        first, last = max(gaps, key=lambda gap: gap[1] - gap[0])
        return (first, (first + last) // 2, last), (last - first) / width
    # So much of the space is rather empty: search for the end of the keys by orders of magnitude.
    logs = [(math.log2(max(a - low, width)), math.log2(max(b - low, width))) for a, b in gaps]
    index = max(range(len(gaps)), key=lambda number: logs[number][1] - logs[number][0])
    first, last = gaps[index]
    middle = sum(logs[index]) / 2
    wanted = low + (int(_FRACTION * 2.0 ** (middle % 1)) << int(middle)) // _FRACTION
    return (first, wanted, last), (last - first) / width


class _Space:
    """Texts as whole numbers of a fixed number of digits, in the order of the texts."""

    def __init__(self, alphabet: Alphabet, start: int, depth: int, texts: Sequence[str]) -> None:
        """`start`: the place in keys at which the `texts` begin, some of those to be converted."""
        self._places = [
            [
                "",
                *sorted(
                    alphabet.at(start + place).union(*(text[place : place + 1] for text in texts))
                ),
            ]
            for place in range(depth)
        ]
        self._digits = [{one: digit for digit, one in enumerate(place)} for place in self._places]
        # One digit more stands for all characters behind the known ones.
        units = [1]
        for place in reversed(self._places):
            units.append(units[-1] * (len(place) + 1))
        self.beyond = units.pop()
        self._units = units[::-1]

    def number(self, text: str) -> int:
        """Return the number of a text; it was given to the constructor."""
        return sum(
            digits[one] * unit
            for one, digits, unit in zip(text, self._digits, self._units, strict=False)
        )

    def text(self, first: int, wanted: int, last: int) -> str:
        """Return a short text near `wanted`, between `first` and `last`."""
        allowed = min(wanted - first, last - wanted) // _SHORTEN
        result = ""
        for place, unit in zip(self._places, self._units, strict=True):
            digit, wanted = divmod(wanted, unit)
            if not digit:
                break
            one = place[digit] if digit < len(place) else _next_sendable(place[-1])
            if not is_sendable(one):
                break
            result += one
            if wanted <= allowed:
                break
        return result


def _count_common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _depth(view: RangeView, start: int) -> int:
    same = _count_common(view.first, view.marker)
    return max(0, same - start) + _PRECISE


def is_sendable(text: str) -> bool:
    """Return whether requests and their answers in XML can carry a text."""
    return text.isprintable() or not any(map(_is_unsendable, text))


def _is_unsendable(one: str) -> bool:
    return one < " " or ord(one) in _SURROGATES or one in "\x7f\ufffe\uffff"


def _next_sendable(one: str) -> str:
    code = max(ord(one) + 1, _FIRST_CHARACTER) if one else _FIRST_CHARACTER
    return chr(min(_SURROGATES.stop if code in _SURROGATES else code, _LAST_CHARACTER))
