"""HTTP/1.1 on the server's side: requests with their bodies, and answers.

Text is UTF-8 with surrogates for other bytes, so that any header or path is preserved byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from cos_migrate.emulator.errors import Refusal

PIECE = 256 << 10
_LINE = 65536
_HEADERS = 200
_LINE_ENDS = frozenset({b"\r\n", b"\n"})
_ONCE = frozenset({"host", "content-length", "transfer-encoding", "authorization"})
"""Headers that may occur once, since a second one would be ambiguous."""
_WORTH_READING = 64 << 20
"""Bytes of an unused body to read in order to keep the connection."""
_WORTH_READING_UNSIGNED = 64 << 10
"""The same for a request whose signature was refused."""


class Closed(Exception):
    """The client has closed the connection."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head, decoded."""

    method: str
    host: str
    """The Host header, or the host of a target in absolute form."""
    path: str
    """Decoded, with its leading `/`."""
    params: tuple[tuple[str, str], ...]
    """Decoded, in their order."""
    query: str
    """As received."""
    headers: dict[str, str]
    """Names in lower case."""
    body: Body = field(repr=False)
    keep_alive: bool = True
    absolute: bool = False
    """Whether the target is in absolute form: the client uses this server as its proxy."""

    def param(self, name: str, default: str = "") -> str:
        """Return the value of the first parameter of that name."""
        return next((value for known, value in self.params if known == name), default)

    def has(self, name: str) -> bool:
        """Return whether there is a parameter of that name."""
        return any(known == name for known, _ in self.params)

    def number(self, name: str, default: int, most: int) -> int:
        """Return a parameter that is a number from 0, at most `most`. Raises Refusal."""
        text = self.param(name)
        if text and not re.fullmatch("[0-9]{1,10}", text):
            raise Refusal("InvalidArgument", f"{name} must be a number from 0.")
        return min(int(text), most) if text else default

    @property
    def encoding_tag(self) -> str:
        """The element for the encoding of names; empty without encoding."""
        return "<EncodingType>url</EncodingType>" if self._encodes else ""

    def key_element(self, element: str, text: str) -> str:
        """Return an element with a key, encoded when the request asks for it."""
        shown = quote(text, safe="/", errors="surrogateescape") if self._encodes else escape(text)
        return f"<{element}>{shown}</{element}>"

    @property
    def _encodes(self) -> bool:
        return self.param("encoding-type") == "url"


@dataclass(slots=True)
class Answer:
    """An answer: bytes in memory, or a range of a file."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: BinaryIO | None = None
    """Open file, closed by the sender of the answer."""
    start: int = 0
    length: int = 0
    """Of the file's range, bytes."""


class Body:
    """A request's body, read once, plain or chunked."""

    def __init__(self, stream: BinaryIO, size: int, *, chunked: bool) -> None:
        self._stream = stream
        self._left = size
        self._chunked = chunked
        self._ended = not chunked and not size
        self.ask: Callable[[], None] | None = None
        """Sends `100 Continue`; called before the first byte is read."""
        self.flip = False
        """A fault: flip a bit of the first byte that is read."""
        self.unsigned = False
        """Whether the signature was refused: little of the body is then read."""

    def pieces(self) -> Iterator[bytes]:
        """Yield the body. Raises Refusal when it is cut short, Closed when the connection ends."""
        while not self._ended:
            piece = self._next()
            if self.flip and piece:
                self.flip = False
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            yield piece

    def read(self, most: int = 32 << 20) -> bytes:
        """Return the whole body. Raises Refusal when it is larger than `most` bytes."""
        pieces, size = [], 0
        for piece in self.pieces():
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise Refusal("EntityTooLarge", "The body is too large.")
        return b"".join(pieces)

    def skip(self) -> None:
        """Read and discard the body, after `100 Continue` if needed."""
        try:
            for _ in self.pieces():
                pass
        except Refusal:
            pass

    def drain(self) -> bool:
        """Read the rest of the body; return whether the next request can follow."""
        if self._ended:
            return True
        if self.ask is not None:
            return False
        most = _WORTH_READING_UNSIGNED if self.unsigned else _WORTH_READING
        size = 0
        try:
            for piece in self.pieces():
                size += len(piece)
                if size > most:
                    return False
        except (Refusal, Closed):
            return False
        return True

    def _next(self) -> bytes:
        try:
            if self.ask is not None:
                ask, self.ask = self.ask, None
                ask()
            return self._chunk() if self._chunked else self._plain()
        except OSError as error:
            raise Closed from error

    def _plain(self) -> bytes:
        piece = self._stream.read(min(PIECE, self._left))
        if not piece:
            raise self._cut()
        self._left -= len(piece)
        self._ended = self._left == 0
        return piece

    def _chunk(self) -> bytes:
        if not self._left:
            line = self._stream.readline(_LINE)
            found = re.match(rb"([0-9A-Fa-f]{1,15})\s*(;|\r?\n)", line)
            if not found:
                raise self._cut()
            self._left = int(found.group(1), 16)
            if self._left == 0:
                self._trailers()
                return b""
        data = self._stream.read(min(PIECE, self._left))
        self._left -= len(data)
        if not data or (not self._left and self._stream.readline(_LINE) not in _LINE_ENDS):
            raise self._cut()
        return data

    def _trailers(self) -> None:
        for _ in range(_HEADERS):
            if self._stream.readline(_LINE) in {b"\r\n", b"\n", b""}:
                break
        self._ended = True

    def _cut(self) -> Refusal:
        self._ended = True
        self._left = 0
        return Refusal("IncompleteBody", "The body is not what its headers say.")


def read_request(stream: BinaryIO) -> Request:
    """Read a request's head. Raises Closed at the end, Refusal when it is malformed."""
    line = stream.readline(_LINE)
    while line in {b"\r\n", b"\n"}:
        line = stream.readline(_LINE)
    if not line:
        raise Closed
    words = line.decode("utf-8", "surrogateescape").rstrip("\r\n").split(" ")
    if len(words) != 3 or not line.endswith(b"\n"):  # noqa: PLR2004 - method, target, version
        raise Refusal("BadRequest", "The request line is malformed.")
    method, target, version = words
    headers = _read_headers(stream)
    host, absolute = headers.get("host", ""), False
    if target[:8].lower().startswith(("http://", "https://")):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise Refusal("BadRequest", "The target is no URL.") from None
        host, absolute = parts.netloc, True
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path, _, query = target.partition("?")
    connection = headers.get("connection", "").lower()
    keep = "close" not in connection if version == "HTTP/1.1" else "keep-alive" in connection
    return Request(
        method,
        host.lower(),
        unquote(path, errors="surrogateescape"),
        tuple(parse_qsl(query, keep_blank_values=True, errors="surrogateescape")),
        query,
        headers,
        _body(stream, headers),
        keep,
        absolute,
    )


def _body(stream: BinaryIO, headers: dict[str, str]) -> Body:
    length = headers.get("content-length", "0")
    encoding = headers.get("transfer-encoding", "").lower()
    if encoding not in {"", "identity", "chunked"}:
        raise Refusal("NotImplemented", "This transfer encoding is not known.")
    if not re.fullmatch("[0-9]{1,18}", length):
        raise Refusal("BadRequest", "Content-Length must be a number.")
    chunked = encoding == "chunked"
    return Body(stream, 0 if chunked else int(length), chunked=chunked)


def _read_headers(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_HEADERS):
        line = stream.readline(_LINE)
        if line in {b"\r\n", b"\n"}:
            return headers
        if not line.endswith(b"\n"):
            raise Closed
        name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        if not colon:
            raise Refusal("BadRequest", "A header has no colon.")
        name = name.strip().lower()
        if name in headers and name in _ONCE:
            raise Refusal("BadRequest", f"There are two headers {name}.")
        headers[name] = value.strip()
    raise Refusal("BadRequest", "There are too many headers.")
