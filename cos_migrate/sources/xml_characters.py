"""Characters that a key may hold and XML cannot (XML 1.0, section 2.2).

A service that lists such a key unescaped sends a document that no parser reads.
"""

from __future__ import annotations

import re

UNREADABLE = "ListingUnreadable"
"""The code of a listing that holds such a character."""
_BOM = b"\xef\xbb\xbf"
_RAW = re.compile(b"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_REFERENCE = re.compile(rb"&#(?:x0*([0-9A-Fa-f]{1,6})|0*([0-9]{1,7}));")
_CONTROLS_BELOW = 0x20
_BLANKS = frozenset({0x09, 0x0A, 0x0D})
_NEVER = frozenset({0xFFFE, 0xFFFF, *range(0xD800, 0xE000)})


def problem_of(document: bytes) -> str:
    """Return the reason why XML parsers fail, if it is such a character; else nothing."""
    if not document.removeprefix(_BOM).lstrip().startswith(b"<"):
        return ""  # it is no XML at all, such as what a proxy has compressed
    raw = _RAW.search(document)
    codes = [raw.group()[0]] if raw else []
    codes += (int(a, 16) if a else int(b) for a, b in _REFERENCE.findall(document))
    bad = next((code for code in codes if _is_illegal(code)), -1)
    if bad < 0:
        return ""
    return (
        "the source lists a key with a control character that XML cannot carry "
        f"(U+{bad:04X}), so that this page of the listing cannot be read"
    )


def _is_illegal(code: int) -> bool:
    return (code < _CONTROLS_BELOW and code not in _BLANKS) or code in _NEVER
