"""CRC-64/XZ, which COS computes of every object; that of a whole is combined from its parts.

Combining multiplies by a power of x modulo the generator polynomial, as zlib does for CRC-32.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import fastcrc

_POLYNOMIAL = 0xC96C5795D7870F42  # reflected form of ECMA-182's
_TOP = 1 << 63  # x^0 in reflected form


def crc64(data: bytes | bytearray | memoryview, before: int = 0) -> int:
    """Return the CRC-64/XZ of `data`, or of bytes with the CRC `before` and `data` behind them."""
    return fastcrc.crc64.xz(data, before) if before else fastcrc.crc64.xz(data)


def combine(parts: Iterable[tuple[int, int]]) -> int:
    """Return the CRC-64 of concatenated parts, each given as (CRC-64, size in bytes)."""
    total = 0
    for crc, size in parts:
        total = _multiply(_shift(size), total) ^ crc
    return total


@functools.lru_cache(maxsize=64)
def _shift(size: int) -> int:
    """Return x^(8 * size) modulo the polynomial."""
    result, square, exponent = _TOP, _TOP >> 1, 8 * size
    while exponent:
        if exponent & 1:
            result = _multiply(square, result)
        square = _multiply(square, square)
        exponent >>= 1
    return result


def _multiply(left: int, right: int) -> int:
    product = 0
    while left:
        if left & _TOP:
            product ^= right
        left = (left << 1) & 0xFFFFFFFFFFFFFFFF
        right = (right >> 1) ^ _POLYNOMIAL if right & 1 else right >> 1
    return product
