"""Requests and answers of the test clouds, with byte ranges and dates as HTTP defines them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import unquote


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    authority: str
    """Host header, or the authority in the request line of a proxied request."""
    path: str
    """Still percent-encoded, without the query."""
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""
    tls: bool = False
    proxied: bool = False
    fault: str = ""
    """Kind of the fault that hits it."""

    @property
    def target(self) -> str:
        """Path and query as they were sent."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def host(self) -> str:
        """The authority in lower case, without its port."""
        return host_of(self.authority)

    @property
    def params(self) -> list[tuple[str, str]]:
        """Decoded pairs of the query, in its order."""
        pairs = [pair.replace("+", " ").partition("=") for pair in self.query.split("&") if pair]
        return [(_decoded(name), _decoded(value)) for name, _, value in pairs]


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int = -1
    """Content-Length where it is not the body's own (HEAD); -1: the body's."""
    framing: str = "length"
    """`length`, `chunked`, `close` (no length, the body ends with the connection), or `none`."""
    cut: int = -1
    """Bytes of the body after which the connection ends; -1: all are sent."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """For the journal (`Seen.notes`)."""


def host_of(authority: str) -> str:
    """Return an authority in lower case, without its port."""
    end = authority.find("]") + 1 if authority.startswith("[") else authority.find(":")
    return (authority if end < 0 else authority[:end]).lower()


def http_date(seconds: float) -> str:
    """Return a time as HTTP writes it."""
    return formatdate(seconds, usegmt=True)


def byte_range(text: str, size: int) -> tuple[int, int] | None:
    """Return start and end of a Range header over `size` bytes; None: not to be satisfied.

    Raises ValueError when the header has no form that servers must understand.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
    if match is None or match[0] == "bytes=-":
        raise ValueError(text)
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        end = min(size, int(match[2]) + 1) if match[2] else size
    return (start, end) if start < end else None


def part_of(body: bytes, wanted: str, headers: Mapping[str, str]) -> Answer:
    """Return 200 with the whole body, 206 with a part of it, or 416."""
    headers = {**headers, "Accept-Ranges": "bytes"}
    try:
        span = byte_range(wanted, len(body)) if wanted else (0, len(body))
        whole = not wanted
    except ValueError:
        span, whole = (0, len(body)), True
    if whole:
        return Answer(200, headers, body)
    if span is None:
        return Answer(416, {"Content-Range": f"bytes */{len(body)}"})
    content_range = f"bytes {span[0]}-{span[1] - 1}/{len(body)}"
    return Answer(206, {**headers, "Content-Range": content_range}, body[span[0] : span[1]])


def _decoded(text: str) -> str:
    return unquote(text, errors="surrogateescape")
