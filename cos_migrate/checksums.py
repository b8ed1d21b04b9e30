"""Checksums of whole objects: the values that a source states, compared with the bytes read.

The kinds are those of the clouds: digests, CRCs, and Qiniu's qetag (its documentation, "qetag
algorithm": SHA-1 over blocks of 4 MiB).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import zlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import fastcrc

CRC64 = "CRC-64/XZ"
"""The kind that COS computes."""
CRC64_NVME = "CRC-64/NVME"
"""The kind that S3 computes, of another polynomial."""
_CRC32, _CRC32C = "CRC-32", "CRC-32C"
_QETAG_BLOCK = 4 << 20
"""Bytes."""


class Check(NamedTuple):
    """A checksum that a source states for a whole object: its kind and expected value."""

    kind: str
    """One of `KINDS`."""
    expected: str
    """Hex for digests, a decimal number for CRCs, the hash itself for a qetag."""


class _Digest:
    def __init__(self, name: str) -> None:
        self._hash = hashlib.new(name, usedforsecurity=False)
        self.update = self._hash.update

    def text(self) -> str:
        return self._hash.hexdigest()


class _Crc:
    def __init__(self, step: Callable[[bytes, int], int]) -> None:
        self._step = step
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = self._step(data, self._value)

    def text(self) -> str:
        return str(self._value)


def _crc64_nvme() -> _Crc:
    from awscrt.checksums import crc64nvme  # noqa: PLC0415 - takes 40 ms, and few objects need it

    return _Crc(crc64nvme)


class _Qetag:
    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._block = hashlib.sha1(usedforsecurity=False)
        self._left = _QETAG_BLOCK

    def update(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            part = view[: self._left]
            self._block.update(part)
            self._left -= len(part)
            view = view[len(part) :]
            if not self._left:
                self._end_block()

    def _end_block(self) -> None:
        self._blocks.append(self._block.digest())
        self._block = hashlib.sha1(usedforsecurity=False)
        self._left = _QETAG_BLOCK

    def text(self) -> str:
        blocks = list(self._blocks)
        if self._left < _QETAG_BLOCK or not blocks:
            blocks.append(self._block.digest())
        if len(blocks) == 1:
            return _qetag_text(b"\x16", blocks[0])
        joined = hashlib.sha1(b"".join(blocks), usedforsecurity=False)
        return _qetag_text(b"\x96", joined.digest())


def _qetag_text(mark: bytes, digest: bytes) -> str:
    return base64.urlsafe_b64encode(mark + digest).decode("ascii")


Summing = _Digest | _Crc | _Qetag

_MAKERS: dict[str, Callable[[], Summing]] = {
    "MD5": lambda: _Digest("md5"),
    "SHA-1": lambda: _Digest("sha1"),
    "SHA-256": lambda: _Digest("sha256"),
    _CRC32: lambda: _Crc(zlib.crc32),
    _CRC32C: lambda: _Crc(fastcrc.crc32.iscsi),
    CRC64_NVME: _crc64_nvme,
    CRC64: lambda: _Crc(fastcrc.crc64.xz),
    "qetag": _Qetag,
}
KINDS = tuple(_MAKERS)
"""Values of `Check.kind`."""


class _Polynomial(NamedTuple):
    """The generator polynomial of a CRC, in reflected form."""

    bits: int
    number: int

    def multiply(self, left: int, right: int) -> int:
        """Return a product modulo the polynomial."""
        top, mask, product = 1 << (self.bits - 1), (1 << self.bits) - 1, 0
        while left:
            if left & top:
                product ^= right
            left = (left << 1) & mask
            right = (right >> 1) ^ self.number if right & 1 else right >> 1
        return product


_POLYNOMIALS = {
    _CRC32: _Polynomial(32, 0xEDB88320),
    _CRC32C: _Polynomial(32, 0x82F63B78),
    CRC64_NVME: _Polynomial(64, 0x9A6C9329AC4BC9B5),
    CRC64: _Polynomial(64, 0xC96C5795D7870F42),
}
COMBINED_KINDS = frozenset(_POLYNOMIALS)
"""Kinds whose value for a whole is combined from those of its parts."""


def combine(kind: str, parts: Iterable[tuple[int, int]]) -> int:
    """Return the CRC of concatenated parts, each given as (CRC, size in bytes).

    Multiplies by a power of x modulo the generator polynomial, as zlib does for CRC-32.
    """
    polynomial, total = _POLYNOMIALS[kind], 0
    for crc, size in parts:
        total = polynomial.multiply(_shift(polynomial, size), total) ^ crc
    return total


@functools.lru_cache(maxsize=64)
def _shift(polynomial: _Polynomial, size: int) -> int:
    """Return x^(8 * size) modulo the polynomial."""
    result = 1 << (polynomial.bits - 1)  # x^0
    square, exponent = result >> 1, 8 * size
    while exponent:
        if exponent & 1:
            result = polynomial.multiply(square, result)
        square = polynomial.multiply(square, square)
        exponent >>= 1
    return result


class PartCrc:
    """Computes the CRC of one part while it is read; a part that is read again begins anew."""

    def __init__(self, kind: str, start: int) -> None:
        """`start`: where the part begins, in bytes from the start of the object."""
        self._kind = kind
        self._start = start
        self._sum = _MAKERS[kind]()

    def feed(self, offset: int, data: bytes) -> None:
        """Add bytes, which stand at `offset` of the object."""
        if offset == self._start:
            self._sum = _MAKERS[self._kind]()
        self._sum.update(data)

    @property
    def value(self) -> int:
        """The CRC of the bytes so far."""
        return int(self._sum.text())


class RunningChecks:
    """Computes the checksums of an object while it is read, and compares them with `checks`."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._sums = [(check, _MAKERS[check.kind]()) for check in checks]

    def update(self, data: bytes) -> None:
        """Add the next bytes."""
        for _, each in self._sums:
            each.update(data)

    def checksum(self, kind: str) -> str:
        """Return the checksum of the bytes so far, as in `Check.expected`; empty: none."""
        return next((each.text() for check, each in self._sums if check.kind == kind), "")

    def first_difference(self) -> str:
        """Return the kind of a checksum that differs at the end; empty: all agree."""
        for check, each in self._sums:
            expected = check.expected if check.kind == "qetag" else check.expected.lower()
            if each.text() != expected:
                return check.kind
        return ""
