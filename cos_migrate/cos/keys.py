"""What may be a key on COS, and how names are shown on one line."""

from __future__ import annotations

import re
from collections.abc import Sequence

KEY_BYTES = 850
"""The longest key COS takes, in bytes of UTF-8."""
_REFUSED = re.compile("[\x18-\x1b]")
_ESCAPED_BYTES = range(0xDC80, 0xDD00)
"""Bytes that are no UTF-8, as Python keeps them in a str."""
_BREAKS_LINES = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SHOWN_MOST = 6_000
"""Characters of the longest text that is shown whole: more than the record of any object needs."""
_SHOWN_EACH_END = 500
"""Characters that are shown of each end of a longer one."""

# Unicode calls them default ignorable, or format characters (Cf). Visible signs of that category
# (U+0600 to U+0605, ...) are left out, and blanks of any width stay as they are.
_NEVER_SHOWN = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_JOINERS = "\u200c\u200d"
_SELECTORS = "\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Variation selectors. They and joiners belong to a script, but only behind its characters."""
_JOINABLE = (
    "\xa9\xae\u0600-\u180a\u1810-\u1cff\u203c\u2049\u2100-\u2bff\u3000-\ud7ff\uf900-\ufdff"
    "\ufe70-\ufefc\U00010a00-\U0001fbff\U00020000-\U0003ffff"
)
"""From Arabic to Mongolian and East Asian scripts, symbols and emoji."""
_INVISIBLE = (
    f"[{_NEVER_SHOWN}]"
    f"|(?<![{_JOINABLE}])(?<![{_JOINABLE}]\ufe0f)[{_JOINERS}]"
    f"|(?<![{_JOINABLE}])(?<![0-9#*])[{_SELECTORS}]"
    "|(?<=[0-9#*])(?!\ufe0f\u20e3)"  # a key cap
    f"[{_SELECTORS}]"
)
"""Not compiled as this is loaded: every process loads it, few meet such a name."""
_UNSEEN_BUT_PRINTABLE = (
    *"\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0",
    *map(chr, range(0x180B, 0x1810)),
    *map(chr, range(0xFE00, 0xFE10)),
)
"""The characters of the Basic Multilingual Plane that are suspect, and that `str` prints."""
_SUSPECT = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def problem_of(cos_path: str) -> str | None:
    """Return why `cos_path` (with its leading `/`) cannot be a key, None when it can."""
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
        return "its name is not UTF-8"
    if size > KEY_BYTES:
        return f"its key would have {size} bytes, COS takes at most {KEY_BYTES}"
    refused = _REFUSED.search(key)
    if refused:
        return f"its key would contain the byte 0x{ord(refused.group()):02x}, which COS refuses"
    return None


def printable(text: str) -> str:
    """Return `text` fit for one line for people.

    Control characters, direction marks and others that cannot be seen become backslash escapes; of
    a text that is longer than any real name both ends are shown, and its length.
    """
    if text.isascii() and text.isprintable() and len(text) <= _SHOWN_MOST:
        return text
    shown = escaped(text)
    if len(shown) <= _SHOWN_MOST:
        return shown
    ends = text[:_SHOWN_EACH_END], text[-_SHOWN_EACH_END:]
    return f"...({len(text)} characters)...".join(map(escaped, ends))


def escaped(text: str) -> str:
    """Return `text` with what cannot be seen as backslash escapes."""
    if text.isprintable() and (text.isascii() or not _SUSPECT.search(text)):
        return text
    return re.sub(_INVISIBLE, _escape, text)


def all_visible(texts: Sequence[str]) -> bool:
    """Return whether `escaped` leaves all of many texts as they are; may say no wrongly."""
    joined = "".join(texts)
    if not joined.isprintable():
        return False
    if joined.isascii():
        return True
    # Many searches for one character are faster than one for any of them.
    if any(map(joined.__contains__, _UNSEEN_BUT_PRINTABLE)):
        return False
    has_others = len(joined.encode("utf-16-le")) > 2 * len(joined)
    return not (has_others and _SUSPECT.search(joined))


def printable_lines(text: str) -> str:
    """Return a text of some lines with each of them as `printable` returns it."""
    return "\n".join(map(printable, text.split("\n")))


def one_line(text: str) -> str:
    """Return `text` for a program that reads it: only what would break a line is escaped."""
    return text if text.isprintable() else _BREAKS_LINES.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code in _ESCAPED_BYTES:
        code -= 0xDC00
    if code > 0xFFFF:  # noqa: PLR2004 - four hex digits
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
