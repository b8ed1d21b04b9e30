"""Detects values of config.ini that are legal but look like a slip of the user.

The value is kept; the warning never repeats it, since it may be a secret.
"""

from __future__ import annotations

import re

_COMMENT = re.compile(r"(?<=[ \t])[#;]|[#;](?=[ \t])")
_VARIABLE = re.compile(r"\$[A-Z_][A-Z0-9_]+|\$\([A-Z_]+\)|%[A-Z_][A-Z0-9_]+%")
_VARIABLE_IN_TEXT = re.compile(r"\$\{\w+\}|^\$[A-Z_][A-Z0-9_]+(?=[/\\]|$)|^%[A-Z_][A-Z0-9_]+%")
_NO_VARIABLE = "this reads no environment variable: ${NAME} as the value of a secret key does"
_QUOTED = "the quotes are part of the value: write it without them"
NEVER_IN_CREDENTIALS = frozenset({_NO_VARIABLE, _QUOTED})
"""Slips that make a credential certainly wrong."""
_QUOTES = frozenset({'""', "''", "“”", "‘’"})
_INVISIBLE = frozenset({"Cf", "Zl", "Zp", "Zs"})
"""Unicode categories of blanks and of characters without width."""


def slip_in(text: str, *, is_list: bool = False, is_secret: bool = False) -> str:
    """Return a warning of a likely slip in the text of a value, or an empty text.

    `is_list`: `;` separates its items. `is_secret`: it may be `${NAME}`.
    """
    comment = next((mark for mark in _COMMENT.findall(text) if mark == "#" or not is_list), "")
    if comment:
        return (
            f"a {comment} beside a blank is part of the value: write a comment on a line of its own"
        )
    if _VARIABLE.fullmatch(text) or (not is_secret and _VARIABLE_IN_TEXT.search(text)):
        return _NO_VARIABLE
    if len(text) > 1 and text[0] + text[-1] in _QUOTES:
        return _QUOTED
    if text and (_is_odd_blank(text[0]) or _is_odd_blank(text[-1])):
        which = next(char for char in (text[0], text[-1]) if _is_odd_blank(char))
        code = f"U+{ord(which):04X}"
        begins = f"the value begins in an invisible character ({code}), which is part of it"
        ends = f"the value ends in an invisible character ({code}), which is part of it"
        return f"{begins if _is_odd_blank(text[0]) else ends}: remove it"
    return ""


def _is_odd_blank(char: str) -> bool:
    if char.isascii():
        return False
    import unicodedata  # noqa: PLC0415 - needed for few values

    return char.isspace() or unicodedata.category(char) in _INVISIBLE
