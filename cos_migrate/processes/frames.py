"""Frames between the coordinator and a process that it started: a length, then one pickled value.

A process that has nothing else to send sends None as its heartbeat (`coordinator_pipes`).

Both ends are processes of one run, started by it, over pipes that no other process can open. Where
a frame goes on to another machine, its value is packed in another way (`pools.plain_results`).
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import IO, Generic, TypeVar

T = TypeVar("T")

_LENGTH = struct.Struct("<I")


class FrameWriter(Generic[T]):
    """Sends values of one type over a pipe."""

    def __init__(self, stream: IO[bytes], pack: Callable[[T], bytes] | None = None) -> None:
        """`pack` returns a value as bytes; None: pickled."""
        self._stream = stream
        self._pack: Callable[[T], bytes] = pack or pickled

    def write(self, value: T) -> None:
        """Send a value. Raises OSError when the other end is gone."""
        self._stream.write(framed(self._pack(value)))
        self._stream.flush()


class FrameReader(Generic[T]):
    """Receives values of one type, which the other end has to keep to."""

    def __init__(self, stream: IO[bytes], unpack: Callable[[bytes], T] = pickle.loads) -> None:
        """`unpack` returns the value of bytes; by default those pickled by our own process."""
        self._read = stream.read
        self._unpack = unpack

    def read(self) -> T:
        """Wait for the next value. Raises EOFError when the other end is gone."""
        head = self._read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise EOFError
        (size,) = _LENGTH.unpack(head)
        data = self._read(size)
        if len(data) < size:
            raise EOFError
        return self._unpack(data)


def packed(value: object) -> bytes:
    """Return one frame of a value, pickled."""
    return framed(pickled(value))


def framed(data: bytes) -> bytes:
    """Return one frame of a value that is packed already."""
    return _LENGTH.pack(len(data)) + data


def pickled(value: object) -> bytes:
    """Return a value as the bytes of a frame, pickled."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
