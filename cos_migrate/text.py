"""Takes what may be secret out of texts that others have written, before they are shown.

What a library says of its troubles may hold a whole URL, with the signature in its query, or the
headers of a request. A foreign text may be of any length: it is cut first, and every pattern takes
time in proportion to the text.
"""

from __future__ import annotations

import re

HIDDEN = "***"
FOREIGN_MOST = 4096
"""Characters of a foreign text that are shown."""
_END = r"\s'\"<>"
_WORD = rf"[^{_END}]+"
"""What may be a URL, or a path with a query."""
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
    # What sources say of a key of their section: `accessKeyId: its account may not do this`.
    rf"(?!(?:it|its|keys)\s)[^{_END}&,;)]+"
)
_SCHEME = (
    r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=_.~-]{6,}|\b(AWS|OSS|QBox|Qiniu|UPYUN)\s+[^\s:'\"]+:[^\s'\"]+"
)


def cut(text: str, most: int = FOREIGN_MOST) -> str:
    """Return the first `most` characters of a foreign text, with a mark where any are missing.

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
    """Return a text without credentials, queries of URLs and values of headers that authorize.

    A long one is cut.
    """
    return without_secrets(cut(text))


def without_secrets(text: str) -> str:
    """Return a whole text, masked."""
    # Not compiled as this is loaded: every process loads it, few have an error.
    text = re.sub(_WORD, _plain_word, text)
    for pattern in (_HEADER, _PARAMETER):
        text = re.sub(pattern, rf"\g<name>\g<between>{HIDDEN}", text)
    return re.sub(_SCHEME, lambda found: f"{found[1] or found[2]} {HIDDEN}", text)


def words_of(error: BaseException) -> str:
    """Return what a foreign exception says, and of which kind it is, without secrets."""
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
    """Return what follows the scheme of a URL."""
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
