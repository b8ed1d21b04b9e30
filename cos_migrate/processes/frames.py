"""Frames between the coordinator and a process that it started: a length, then one pickled value.

A process that has nothing else to send sends None as its heartbeat (`coordinator_pipes`).

Both ends are processes of one run, started by it, over pipes that no other process can open.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<I")


def send(stream: BinaryIO, value: Any) -> None:
    """Write one frame. Raises OSError when the other end is gone."""
    stream.write(packed(value))
    stream.flush()


def packed(value: Any) -> bytes:
    """Return one frame."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


def receive(stream: BinaryIO) -> Any:
    """Read one frame. Raises EOFError when the other end is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (size,) = _LENGTH.unpack(head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - from our own process only
