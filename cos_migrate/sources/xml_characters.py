"""Characters that a key can contain and XML cannot (XML 1.0, section 2.2).

A service that lists such a key unescaped sends a document that no XML parser accepts.
"""

from __future__ import annotations

import re

UNREADABLE = "ListingUnreadable"
"""The code of a listing with such a character."""
_BOM = b"\xef\xbb\xbf"
_RAW = re.compile(b"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_REFERENCE = re.compile(rb"&#(?:x0*([0-9A-Fa-f]{1,6})|0*([0-9]{1,7}));")
_CONTROLS_BELOW = 0x20
_BLANKS = frozenset({0x09, 0x0A, 0x0D})
_NEVER = frozenset({0xFFFE, 0xFFFF, *range(0xD800, 0xE000)})


def find_illegal_character(document: bytes) -> str:
    """Return a message about the first such character in a document; empty: there is none."""
    if not document.removeprefix(_BOM).lstrip().startswith(b"<"):
        return ""  # no XML at all, for example a body that a proxy compressed
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
