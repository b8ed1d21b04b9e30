"""Takes what may be secret out of texts that others have written, before anybody sees them.

What a library says of its troubles may hold a whole URL, with the signature in its query, or the
headers of a request.
"""

from __future__ import annotations

import re

HIDDEN = "***"
_END = r"\s'\"<>"
_URL = (
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)"
    # A password may hold a slash that was to be escaped; what looks like a port is none.
    rf"(?P<credentials>[^{_END}/?#]*@|[^{_END}/?#@:]+:(?![0-9]+/)[^{_END}?#@]*@)?"
    rf"(?P<place>[^{_END}?#]*)(?P<mark>[?#])?[^{_END}]*"
)
_PATH = rf"(/[^{_END}?]*)\?[^{_END}]*=[^{_END}]*"
_HEADER = (
    r"(?i)"
    r"(?P<name>(?:proxy-)?authorization|(?:set-)?cookie|[a-z0-9-]*(?:security|session|csrf)-token)"
    r"(?P<between>b?['\"]?\s*[:=,]\s*(?:b?['\"])?)[^\r\n'\"]+"
)
_PARAMETER = (
    r"(?i)"
    r"(?P<name>[a-z0-9_.-]*(?:signature|credential|token|secret[a-z_]*|password|passwd|"
    r"access_?key(?:_?id|_?secret)?|q-ak))(?P<between>['\"]?\s*[=:]\s*(?:b?['\"])?)"
    # What sources say of a key of their section: `accessKeyId: its account may not do this`.
    rf"(?!(?:it|its|keys)\s)[^{_END}&,;)]+"
)
_SCHEME = (
    r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=_.~-]{6,}|\b(AWS|OSS|QBox|Qiniu|UPYUN)\s+[^\s:'\"]+:[^\s'\"]+"
)


def masked(text: str) -> str:
    """Return a text without credentials, queries of URLs and values of headers that authorize."""
    # Not compiled as this is loaded: every process loads it, few have an error.
    text = re.sub(_URL, _plain_url, text)
    text = re.sub(_PATH, rf"\1?{HIDDEN}", text)
    for pattern in (_HEADER, _PARAMETER):
        text = re.sub(pattern, rf"\g<name>\g<between>{HIDDEN}", text)
    return re.sub(_SCHEME, lambda found: f"{found[1] or found[2]} {HIDDEN}", text)


def words_of(error: BaseException) -> str:
    """Return what a foreign exception says, and of which kind it is, without secrets."""
    return masked(f"{type(error).__name__}: {error}")


def _plain_url(found: re.Match[str]) -> str:
    credentials = f"{HIDDEN}@" if found["credentials"] else ""
    rest = f"{found['mark']}{HIDDEN}" if found["mark"] else ""
    return f"{found['scheme']}{credentials}{found['place']}{rest}"
