"""Which keys COS accepts."""

from __future__ import annotations

import re

from cos_migrate.text import NAME_NOT_UTF8

KEY_BYTES = 850
"""Longest key, in bytes of UTF-8."""
_REFUSED = re.compile("[\x18-\x1b]")


def problem_of(cos_path: str) -> str | None:
    """Return why a path (with its leading `/`) cannot be a key; None: it can."""
    if cos_path.isascii() and cos_path.isprintable() and len(cos_path) <= KEY_BYTES:
        key = cos_path[1:2]
        if key and key not in "/\\":
            return None
    return _problem_of_odd(cos_path)


def _problem_of_odd(cos_path: str) -> str | None:
    key = cos_path[1:]
    if not key:
        return "its key would be empty"
    if key[0] in "/\\":
        return f"its key would begin with {key[0]}, which COS does not take"
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return NAME_NOT_UTF8
    if size > KEY_BYTES:
        return f"its key would have {size} bytes, COS takes at most {KEY_BYTES}"
    refused = _REFUSED.search(key)
    if refused:
        return f"its key would contain the byte 0x{ord(refused.group()):02x}, which COS refuses"
    return None
