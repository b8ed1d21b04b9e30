"""HTTP/1.1 on the server's side: requests with their bodies, and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from cos_migrate.emulator.errors import Refusal

PIECE = 256 << 10
_LINE = 65536
_HEADERS = 200


class Closed(Exception):
    """The client has closed the connection."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head, decoded."""

    method: str
    host: str
    """The Host header as received."""
    path: str
    """Decoded, with its leading `/`."""
    params: tuple[tuple[str, str], ...]
    """Decoded, in their order."""
    headers: dict[str, str]
    """Names in lower case."""
    body: Body = field(repr=False)
    keep_alive: bool = True

    def param(self, name: str, default: str = "") -> str:
        """Return the value of the first parameter of that name."""
        return next((value for known, value in self.params if known == name), default)

    def has(self, name: str) -> bool:
        """Return whether there is a parameter of that name."""
        return any(known == name for known, _ in self.params)


@dataclass(slots=True)
class Answer:
    """An answer: bytes in memory, or a range of a file."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: Path | None = None
    start: int = 0
    length: int = 0
    """Of the file's range, bytes."""


class Body:
    """A request's body, read once, plain or chunked."""

    def __init__(self, stream: BinaryIO, size: int | None, *, chunked: bool) -> None:
        self._stream = stream
        self._left = 0 if size is None else size
        self._chunked = chunked
        self._ended = not chunked and not size
        self.on_first_read: Callable[[], object] = _nothing
        """Called before the first byte is asked for (100-continue)."""

    def pieces(self) -> Iterator[bytes]:
        """Yield the body. Raises Refusal when it is cut short."""
        ask, self.on_first_read = self.on_first_read, _nothing
        ask()
        while not self._ended:
            yield self._chunk() if self._chunked else self._plain()

    def read(self, most: int = 32 << 20) -> bytes:
        """Return the whole body. Raises Refusal when it is larger than `most` bytes."""
        data = b""
        for piece in self.pieces():
            data += piece
            if len(data) > most:
                raise Refusal("EntityTooLarge")
        return data

    def drain(self) -> bool:
        """Read what is left; return False when it is cut short or too long to be worth it."""
        try:
            return sum(len(piece) for piece in self.pieces()) < 64 << 20
        except (Refusal, OSError):
            return False

    def _plain(self) -> bytes:
        piece = self._stream.read(min(PIECE, self._left))
        if not piece:
            self._ended = True
            raise Refusal("IncompleteBody", "the body is shorter than its Content-Length")
        self._left -= len(piece)
        self._ended = self._left == 0
        return piece

    def _chunk(self) -> bytes:
        line = self._stream.readline(_LINE)
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            self._ended = True
            raise Refusal("IncompleteBody", "a chunk has no length") from None
        data = self._stream.read(size)
        self._stream.readline(_LINE)
        if len(data) < size:
            self._ended = True
            raise Refusal("IncompleteBody", "a chunk is cut short")
        self._ended = size == 0
        return data


def _nothing() -> None:
    """What most bodies do before their first byte is read."""


def read_request(stream: BinaryIO) -> Request:
    """Read a request's head. Raises Closed at the end, Refusal when it is malformed."""
    line = stream.readline(_LINE)
    while line in {b"\r\n", b"\n"}:
        line = stream.readline(_LINE)
    if not line.endswith(b"\n"):
        raise Closed
    try:
        method, target, version = line.decode("latin-1").split()
    except ValueError:
        raise Refusal("InvalidURI", "the request line is malformed") from None
    headers = _read_headers(stream)
    host = headers.get("host", "")
    if target.startswith(("http://", "https://")):
        parts = urlsplit(target)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
    raw_path, _, query = target.partition("?")
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    length = headers.get("content-length")
    body = Body(stream, int(length) if length else None, chunked=chunked)
    connection = headers.get("connection", "").lower()
    keep = "close" not in connection if version == "HTTP/1.1" else "keep-alive" in connection
    return Request(method, host, _decoded(raw_path), _params(query), headers, body, keep)


def _read_headers(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_HEADERS):
        line = stream.readline(_LINE)
        if line in {b"\r\n", b"\n"}:
            return headers
        if not line:
            raise Closed
        name, _, value = line.decode("utf-8", "surrogateescape").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise Refusal("InvalidURI", "there are too many headers")


def _decoded(text: str) -> str:
    return unquote(text, "utf-8", "surrogateescape")


def _params(query: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in query.split("&"):
        if item:
            name, _, value = item.partition("=")
            pairs.append((_decoded(name.replace("+", " ")), _decoded(value.replace("+", " "))))
    return tuple(pairs)
