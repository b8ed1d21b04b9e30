"""Numbers, bytes and durations as people read them, and the room that texts take."""

from __future__ import annotations

import unicodedata

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024
_DURATIONS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def spell_size(size: float) -> str:
    """Return bytes in a binary unit, such as `1.5 MiB`."""
    for unit in _UNITS[:-1]:
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} {_UNITS[-1]}"


def spell_seconds(seconds: float) -> str:
    """Return a duration in its two greatest units, such as `2 h 5 min`."""
    if seconds < 10:  # noqa: PLR2004 - where tenths matter
        return f"{seconds:.1f} s"
    left = int(seconds)
    parts: list[str] = []
    for length, unit in _DURATIONS:
        count, left = divmod(left, length)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(_width_of_char(char) for char in text)


def _width_of_char(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrapped(text: str, columns: int) -> list[str]:
    """Return a text as lines that fit into columns, broken at blanks only."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width_of(longer) <= columns or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def padded(text: str, columns: int) -> str:
    """Return a text with blanks behind it, so that it takes that many columns."""
    return text + " " * (columns - width_of(text))
