"""Makes texts fit to be shown: masks secrets in foreign ones, and escapes invisible characters.

The message of a library's exception may hold a whole URL with the signature in its query, or the
headers of a request. A foreign text may be of any length: it is cut first, and each pattern takes
linear time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

HIDDEN = "***"
NOT_UTF8 = "it is not UTF-8"
NAME_NOT_UTF8 = "its name is not UTF-8"
"""Messages about a line of a file, and about a file."""
FOREIGN_MOST = 4096
"""Characters of a foreign text that are shown."""
_END = r"\s'\"<>"
_WORD = rf"[^{_END}]+"
"""Pattern of a possible URL, or path with a query."""
_PORT = re.compile(r"[0-9]+/")
_HEADER = (
    r"(?i)"
    r"(?P<name>authorization|cookie|(?:security|session|csrf)-token)"
    r"(?P<between>b?['\"]?\s*[:=,]\s*(?:b?['\"])?)[^\r\n'\"]+"
)
_PARAMETER = (
    r"(?i)"
    r"(?P<name>signature|credential|token|secret[a-z_]{0,30}|password|passwd|"
    r"access_?key(?:_?id|_?secret)?|q-ak)(?P<between>['\"]?\s*[=:]\s*(?:b?['\"])?)"
    # Messages of sources name keys: `accessKeyId: its account may not do this`.
    rf"(?!(?:it|its|keys)\s)[^{_END}&,;)]+"
)
_SCHEME = (
    r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=_.~-]{6,}|\b(AWS|OSS|QBox|Qiniu|UPYUN)\s+[^\s:'\"]+:[^\s'\"]+"
)


def cut(text: str, most: int = FOREIGN_MOST) -> str:
    """Return the first `most` characters of a foreign text, with a note when it was cut.

    A URL that would be cut is left out: its password could not be recognised any more.
    """
    if len(text) <= most:
        return text
    kept = text[:most]
    scheme = kept.rfind("://")
    if scheme >= 0 and re.fullmatch(_WORD, kept[scheme:]):
        kept = kept[: scheme + 3]
    return f"{kept}... ({len(text)} characters)"


def masked(text: str) -> str:
    """Cut a text, and hide the credentials, queries of URLs and authorizing headers in it."""
    return without_secrets(cut(text))


def without_secrets(text: str) -> str:
    """Hide secrets in a text as `masked` does, but do not cut it."""
    # Not compiled at import: every process imports this, few need it.
    text = re.sub(_WORD, _plain_word, text)
    for pattern in (_HEADER, _PARAMETER):
        text = re.sub(pattern, rf"\g<name>\g<between>{HIDDEN}", text)
    return re.sub(_SCHEME, lambda found: f"{found[1] or found[2]} {HIDDEN}", text)


def describe_error(error: BaseException) -> str:
    """Return the class and message of a foreign exception, without secrets."""
    return masked(f"{type(error).__name__}: {error}")


def _plain_word(found: re.Match[str]) -> str:
    """Return a word without the credentials of a URL, the query of a path and a fragment."""
    word = found[0]
    scheme, mark, rest = word.partition("://")
    path, _, query = word.partition("?")
    if "/" in path and "=" in query and not (mark and len(scheme) < len(path)):
        return f"{path}?{HIDDEN}"
    return f"{scheme}{mark}{_plain_rest(rest)}" if mark else word


def _plain_rest(rest: str) -> str:
    """Return the part of a URL behind its scheme, without credentials and query."""
    place = rest.partition("?")[0].partition("#")[0]
    mark = rest[len(place) : len(place) + 1]
    hidden = f"{mark}{HIDDEN}" if mark else ""
    host = place.partition("/")[0]
    if "@" in host:
        return f"{HIDDEN}@{place[host.rindex('@') + 1 :]}{hidden}"
    # A password may hold a slash that was to be escaped; what looks like a port is none.
    user, _, password = place.partition(":")
    if user and not {"/", "@"} & set(user) and "@" in password and not _PORT.match(password):
        return f"{HIDDEN}@{password.partition('@')[2]}{hidden}"
    return f"{place}{hidden}"


_ESCAPED_BYTES = range(0xDC80, 0xDD00)
"""Code points in which Python keeps bytes that are not UTF-8."""
_BREAKS_LINES = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SHOWN_MOST = 6_000
"""Characters of the longest text that is shown whole: longer than any record."""
_SHOWN_EACH_END = 500
"""Characters shown of each end of a longer text."""
# Unicode calls them default ignorable, or format characters (Cf). Visible signs of that category
# (U+0600 to U+0605, ...) are left out, and blanks of any width stay as they are.
_NEVER_SHOWN = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_JOINERS = "\u200c\u200d"
_SELECTORS = "\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Variation selectors; they and joiners are legitimate only behind characters of a script."""
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
"""Not compiled at import: every process imports this, few need it."""
_UNSEEN_BUT_PRINTABLE = (
    *"\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0",
    *map(chr, range(0x180B, 0x1810)),
    *map(chr, range(0xFE00, 0xFE10)),
)
"""The characters of the Basic Multilingual Plane that are suspect, and that `str` prints."""
_SUSPECT = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)

NO_LONGER_THERE = "no longer there"
"""The reason for which an object is left out that was found before."""


def condition_not_match(reason: str, named: str, details: str = "") -> str:
    """Return the event line of an object that is left out, without its newline.

    `named`: what kind of name it has, and the name, printable; `details` stand behind it.
    """
    return f"[condition_not_match] [reason: {reason}]  [{named}]{details}"


def is_plain(text: str) -> bool:
    """Return whether `printable` certainly changes no part of a text."""
    return text.isascii() and text.isprintable() and len(text) <= _SHOWN_MOST


def printable(text: str) -> str:
    """Return `text` as one line for users.

    Control characters, direction marks and other invisible characters become backslash escapes. A
    text that is longer than any real name is shortened to its ends and its length.
    """
    if is_plain(text):
        return text
    shown = escaped(text)
    if len(shown) <= _SHOWN_MOST:
        return shown
    ends = text[:_SHOWN_EACH_END], text[-_SHOWN_EACH_END:]
    return f"...({len(text)} characters)...".join(map(escaped, ends))


def escaped(text: str) -> str:
    """Return `text` with backslash escapes for invisible characters."""
    if text.isprintable() and (text.isascii() or not _SUSPECT.search(text)):
        return text
    return re.sub(_INVISIBLE, _escape, text)


def all_visible(texts: Sequence[str]) -> bool:
    """Return whether `escaped` certainly changes no text; fast, and sometimes wrongly False."""
    joined = "".join(texts)
    if not joined.isprintable():
        return False
    if joined.isascii():
        return True
    # Faster than one search for a class of characters.
    if any(map(joined.__contains__, _UNSEEN_BUT_PRINTABLE)):
        return False
    has_others = len(joined.encode("utf-16-le")) > 2 * len(joined)
    return not (has_others and _SUSPECT.search(joined))


def printable_lines(text: str) -> str:
    """Apply `printable` to each line of a text."""
    return "\n".join(map(printable, text.split("\n")))


def one_line(text: str) -> str:
    """Return `text` as one line for programs: control characters and surrogates are escaped."""
    return text if text.isprintable() else _BREAKS_LINES.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code in _ESCAPED_BYTES:
        code -= 0xDC00
    if code > 0xFFFF:  # noqa: PLR2004 - four hex digits
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
