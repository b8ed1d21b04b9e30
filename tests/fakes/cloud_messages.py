"""Requests and answers of the tests' clouds, and what HTTP says of ranges and dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    authority: str
    """Host header, or what the request line of a proxied request names."""
    path: str
    """Still percent-encoded, without the query."""
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""
    tls: bool = False

    @property
    def target(self) -> str:
        """Path and query as they were sent."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int = -1
    """What Content-Length says when it is not the body's own (HEAD); -1: the body's."""


def http_date(seconds: float) -> str:
    """Return a time as HTTP writes it."""
    return formatdate(seconds, usegmt=True)


def byte_range(text: str, size: int) -> tuple[int, int] | None:
    """Return start and end of a Range header over `size` bytes; None: not to be satisfied.

    Raises ValueError when it is none that a server must understand.
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
    told = f"bytes {span[0]}-{span[1] - 1}/{len(body)}"
    return Answer(206, {**headers, "Content-Range": told}, body[span[0] : span[1]])
