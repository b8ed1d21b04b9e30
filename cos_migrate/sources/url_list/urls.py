"""Converts URLs as users write them into the address to request and the object key.

Pure functions. Errors contain no text of a URL, since it can contain credentials.
"""

from __future__ import annotations

import base64
import functools
import re
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes, urljoin

BLANKS = "".join(map(chr, range(0x21)))
"""Stripped from both ends of a line, as the Java tool does."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\]")
_NO_HOST_NAME = "its host is no host name"
_PORT_MOST = 65535
_PATH_PLAIN = "/:@!$&'()*+,;=~-._%"
_QUERY_PLAIN = _PATH_PLAIN + "?"
_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_VALID = re.compile(r"(?:[A-Za-z0-9/:@!$&'()*+,;=~._-]|%[0-9A-Fa-f]{2})*")
_LINE_HEAD = re.compile("(?:[A-Za-z][A-Za-z0-9+.-]*:)?/+")
_ASCII = "".join(map(chr, range(0x80)))
_BYTES = re.compile("[\udc80-\udcff]")
_SLASHES = re.compile("/{2,}")
_HIDDEN = "***"
_CREDENTIALS = re.compile(r"[^/]*@|[^/@:]+:(?![0-9]+/)[^@]*@")
"""Credentials before a host; a password can contain a slash that should be escaped."""
_SIGNED = re.compile(
    r"[?&](?:[^=&]*(?:sign|token|credential|secret|passw|auth|access_?key)[^=&]*|sig|key)=",
    re.IGNORECASE,
)
"""A query parameter that grants access."""
_RECORDED = "] [url: "


class BadUrl(ValueError):
    """A URL that cannot be used; the message does not repeat it."""


class Address(NamedTuple):
    """A URL that has been checked, with the parts that a request needs."""

    url: str
    """The URL as it is sent: percent-encoded, without credentials and fragment."""
    path: str
    """Its path with escapes decoded once; begins with `/`."""
    authorization: str = ""
    """The value of an `Authorization` header, from credentials in the URL; empty: none."""

    @property
    def key(self) -> str:
        """The object key that the path gives, empty where it gives none."""
        return _SLASHES.sub("/", self.path)[1:]

    @property
    def is_secure(self) -> bool:
        """Whether it is requested over https."""
        return self.url.startswith("https:")

    @property
    def origin(self) -> str:
        """Scheme, host and port of the address: where credentials may be sent."""
        return self.url[: self.url.index("/", self.url.index("://") + 3)]


def parse_url(text: str, *, gives_key: bool = True) -> Address:
    """Return the address to request for a URL. Raises BadUrl.

    `gives_key`: whether its path must be UTF-8 after its escapes are decoded.
    """
    text = text.strip(BLANKS)
    control = _CONTROL.search(text)
    if control:
        raise BadUrl(f"it holds a control character (U+{ord(control.group()):04X})")
    scheme = _SCHEME.match(text)
    if not scheme:
        raise BadUrl("it is no URL: it does not begin with http:// or https://")
    protocol = scheme[1].lower()
    if protocol not in _PORTS:
        raise BadUrl(f"its scheme {protocol}: is not supported, only http:// and https:// are")
    if not text.startswith("//", scheme.end()):
        raise BadUrl("it is no URL: // is missing behind its scheme")
    rest = text[scheme.end() + 2 :].partition("#")[0]
    end = min((rest.index(mark) for mark in "/?" if mark in rest), default=len(rest))
    credentials, _, place = rest[:end].rpartition("@")
    if "\\" in rest[:end]:
        raise BadUrl(_NO_HOST_NAME)  # browsers and RFC 3986 interpret it differently
    path, mark, query = rest[end:].partition("?")
    path = path or "/"
    decoded = _decoded(path) if "%" in path and gives_key else path
    url = f"{protocol}://{_authority(place, _PORTS[protocol])}{_encode_illegal(path, _PATH_PLAIN)}"
    if mark:
        url += "?" + _encode_illegal(query, _QUERY_PLAIN)
    return Address(url, decoded, _basic(credentials) if credentials else "")


def follow_redirect(address: Address, location: str) -> Address:
    """Return the address that a redirect names. Raises BadUrl.

    Credentials are kept only where scheme, host and port stay the same.
    """
    location = location.strip(BLANKS)
    if _BYTES.search(location):  # not UTF-8 (GBK, perhaps): requested unchanged
        location = quote(location, safe=_ASCII, errors="surrogateescape")
    target = parse_url(urljoin(address.url, location), gives_key=False)
    if target.authorization or target.origin != address.origin:
        return target
    return target._replace(authorization=address.authorization)


def has_credentials(address: Address) -> bool:
    """Return whether a URL contains a password or a signature."""
    return bool(address.authorization) or bool(_SIGNED.search(address.url))


def mask(text: str) -> str:
    """Return a URL, or a record key that ends in one, without credentials and query."""
    if text.startswith("[taskType: "):
        head, mark, url = text.partition(_RECORDED)
        return f"{head}{mark}{_masked(url[:-1])}]" if mark else text
    return _masked(text)


def mask_line(text: str) -> str:
    """Return a line that is not a usable URL, without possible credentials and queries."""
    text = text.strip(BLANKS)
    head = _LINE_HEAD.match(text)
    start = text[: head.end()] if head else ""
    hidden, at, rest = text[len(start) :].rpartition("@")
    shown = re.sub("([?#]).*", rf"\1{_HIDDEN}", rest, flags=re.DOTALL)
    return f"{start}{_HIDDEN if hidden else ''}{at}{shown}"


def _masked(text: str) -> str:
    if re.match(r"/(?!/)", text):
        return text  # the path of a list
    # `user:password@host` is no scheme `user:`, which ends in a slash at least.
    scheme = re.match(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:/|//)?/*", text)
    start = scheme.end() if scheme else 0
    cut = re.search(r"[?#]", text[start:])
    rest = text[start:] if not cut else text[start : start + cut.start()]
    credentials = _CREDENTIALS.match(rest)
    if credentials:
        rest = f"{_HIDDEN if len(credentials[0]) > 1 else ''}@{rest[credentials.end() :]}"
    return text[:start] + rest + (f"{cut.group()}{_HIDDEN}" if cut else "")


def _encode_illegal(text: str, safe: str) -> str:
    """Percent-encode characters that are illegal in a URL; keep valid escapes."""
    if _VALID.fullmatch(text):
        return text
    return quote(_LONE_PERCENT.sub("%25", text), safe=safe)


def _decoded(path: str) -> str:
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise BadUrl("its path is not UTF-8 when its escapes are decoded") from None


@functools.lru_cache(maxsize=1024)
def _authority(place: str, default_port: int) -> str:
    """Return host and port, without the default port of the scheme."""
    host, port_text = place, ""
    if not place.endswith("]"):
        head, colon, tail = place.rpartition(":")
        if colon:
            host, port_text = head, tail
    host = host.lower()
    if not host.isascii():
        host = _international(host)
    if not _HOST.fullmatch(host):
        raise BadUrl("it names no host" if not host else _NO_HOST_NAME)
    if not port_text:
        return host
    if not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text) <= _PORT_MOST):
        raise BadUrl("its port is no number from 1 to 65535")
    port = int(port_text)
    return host if port == default_port else f"{host}:{port}"


def _international(host: str) -> str:
    """Return the ASCII form of a host name in another script."""
    from requests import Request, RequestException  # noqa: PLC0415 - takes 0.1 s

    try:
        prepared = Request("GET", f"http://{host}/").prepare().url or ""
    except (RequestException, ValueError):
        raise BadUrl(_NO_HOST_NAME) from None
    return prepared[len("http://") : -1]


def _basic(credentials: str) -> str:
    user, _, password = credentials.partition(":")
    text = f"{unquote(user)}:{unquote(password)}"
    return "Basic " + base64.b64encode(text.encode()).decode("ascii")
