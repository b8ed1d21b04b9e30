"""Frames between the coordinator and a process that it started: a length, then one pickled value.

A process that has nothing else to send sends None as its heartbeat (`coordinator_pipes`).

Both ends are processes of one run, started by it, over pipes that no other process can open.
"""

from __future__ import annotations

import pickle
import struct
from typing import IO, Generic, TypeVar

T = TypeVar("T")

_LENGTH = struct.Struct("<I")


class FrameWriter(Generic[T]):
    """Sends values of one type over a pipe."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, value: T) -> None:
        """Send a value. Raises OSError when the other end is gone."""
        self._stream.write(packed(value))
        self._stream.flush()


class FrameReader(Generic[T]):
    """Receives values of one type, which the other end has to keep to."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._read = stream.read

    def read(self) -> T:
        """Wait for the next value. Raises EOFError when the other end is gone."""
        head = self._read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise EOFError
        (size,) = _LENGTH.unpack(head)
        data = self._read(size)
        if len(data) < size:
            raise EOFError
        value: T = pickle.loads(data)  # noqa: S301 - from our own process only
        return value


def packed(value: object) -> bytes:
    """Return one frame."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data
