"""Answers of a server: complete, or streamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cos_migrate.http.parser import AnswerParser


class Response:
    """A complete answer; header names are in lower case."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name: bytes) -> str:
        """Return the value of a header, empty where it is missing."""
        return self.headers.get(name, b"").decode("utf-8", "replace")


class StreamedResponse:
    """An answer whose body is read while it arrives; header names are in lower case."""

    __slots__ = ("_answer", "_receive", "_rest", "ended", "headers", "status")

    def __init__(
        self, answer: AnswerParser, receive: Callable[[AnswerParser], bytes], *, ended: bool
    ) -> None:
        """`receive` returns the next bytes of the body, none at its end."""
        self.status = answer.status
        self.headers = answer.headers
        self._receive = receive
        self._answer = answer
        self._rest = b""
        self.ended = ended
        """Whether the whole body has been read."""

    def header(self, name: bytes) -> str:
        """Return the value of a header, empty where it is missing."""
        return self.headers.get(name, b"").decode("utf-8", "replace")

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes of the body, none at its end. Raises TransportError."""
        if not self._rest:
            if self.ended:
                return b""
            self._rest = self._receive(self._answer)
            self.ended = not self._rest
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def read_all(self, most: int) -> bytes:
        """Return the body, cut behind `most` bytes. Raises TransportError."""
        pieces, left = [], most
        while left and (piece := self.read(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)
