"""Request bodies, which can be sent again and compute their CRC-64 while they are sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from cos_migrate.cos.crc64 import crc64
from cos_migrate.errors import Code, SourceChanged

PIECE = 256 << 10
"""Bytes handed to the socket at once."""


class ByteReader(Protocol):
    """The part of a source's reader that payloads use."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""

    def check_unchanged(self) -> None:
        """Raise SourceChanged when the object is not the listed one any more."""


class NextBody(Protocol):
    """The next body of a thread, requested while the answer to the present one is awaited."""

    def begin(self) -> None:
        """Request the next body: the present one is sent."""

    def drop(self) -> None:
        """Leave the next body to other threads: the present one is sent again."""


class Payload(Protocol):
    """A request body that can be sent more than once."""

    size: int
    """Bytes."""
    crc64: int
    """CRC-64/XZ of the bytes of the last complete `start`."""

    def start(self) -> bytes | Iterator[bytes]:
        """Return the body, or an iterator over its pieces. Raises SourceError."""

    def md5(self) -> str:
        """Return the MD5 of the body as hex; this may read the body again."""


class BytesPayload:
    """A body that is in memory."""

    __slots__ = ("crc64", "data", "size")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.crc64 = crc64(data)

    def start(self) -> bytes:
        """Return the data."""
        return self.data

    def md5(self) -> str:
        """Return the MD5 of the data as hex."""
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


class StreamPayload:
    """A body read from its source in pieces, again for each try."""

    __slots__ = ("_moved", "_next_body", "_open", "crc64", "size")

    def __init__(
        self,
        size: int,
        opener: Callable[[], AbstractContextManager[ByteReader]],
        moved: Callable[[int], None],
        next_body: NextBody | None = None,
    ) -> None:
        """`moved` is called with the number of bytes that the present try has sent so far.

        `next_body`: what to begin with once this one is sent; None: nothing.
        """
        self._next_body = next_body
        self.size = size
        self.crc64 = 0
        self._open = opener
        self._moved = moved

    def start(self) -> Iterator[bytes]:
        """Yield the body. Raises SourceChanged for a source that ends early or has changed."""
        if self._next_body:
            self._next_body.drop()
        crc, moved = 0, 0
        for piece in self._pieces():
            crc = crc64(piece, crc)
            yield piece
            moved += len(piece)
            self._moved(moved)
        self.crc64 = crc
        if self._next_body:
            self._next_body.begin()

    def md5(self) -> str:
        """Read the body once more and return its MD5 as hex."""
        digest = hashlib.md5(usedforsecurity=False)
        for piece in self._pieces():
            digest.update(piece)
        return digest.hexdigest()

    def _pieces(self) -> Iterator[bytes]:
        left = self.size
        with self._open() as reader:
            while left:
                piece = reader.read(min(PIECE, left))
                if not piece:
                    raise early_end_error()
                left -= len(piece)
                if not left:
                    reader.check_unchanged()
                yield piece
            if not self.size:
                reader.check_unchanged()


def early_end_error() -> SourceChanged:
    """Return the error of an object that has fewer bytes than were listed."""
    return SourceChanged("it became shorter while it was read", operation="read", code=Code.CHANGED)
