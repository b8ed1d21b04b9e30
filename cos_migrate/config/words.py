"""Finds the word that was probably meant by a word that is nearly right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[A-Za-z0-9_-]+")
_CLOSE = 0.7
_SAME = (("on", "true", "yes", "1"), ("off", "false", "no", "0"))
"""Words with the same meaning."""


def nearest_word(text: str, words: Iterable[str], cutoff: float = _CLOSE) -> str:
    """Return the word that was probably meant; empty: none is similar."""
    by_lower = {word.lower(): word for word in words}
    import difflib  # noqa: PLC0415 - for slips only

    close = difflib.get_close_matches(text.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else ""


def nearest_choice(text: str, legal: str) -> str:
    """Return which of the legal words was probably meant; empty: none, or any text is legal."""
    choices = _choices(legal)
    for same in _SAME:
        if text.lower() in same:
            return next((word for word in choices if word in same), "")
    return nearest_word(text, choices)


def _choices(legal: str) -> Sequence[str]:
    """Return the words of a list such as `on, off or auto`; none where a text is described."""
    words = re.split(", or |; or |, | or ", legal)
    words = words[:-1] if words[-1] == "nothing" else words
    return words if all(map(_WORD.fullmatch, words)) else ()
