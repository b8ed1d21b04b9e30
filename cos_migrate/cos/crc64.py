"""CRC-64/XZ, which COS computes of every object; that of a whole is combined from its parts."""

from __future__ import annotations

from collections.abc import Iterable

import fastcrc

from cos_migrate import checksums


def crc64(data: bytes | bytearray | memoryview, before: int = 0) -> int:
    """Return the CRC-64/XZ of `data`, or of bytes with the CRC `before` and `data` behind them."""
    return fastcrc.crc64.xz(data, before) if before else fastcrc.crc64.xz(data)


def combine(parts: Iterable[tuple[int, int]]) -> int:
    """Return the CRC-64 of concatenated parts, each given as (CRC-64, size in bytes)."""
    return checksums.combine(checksums.CRC64, parts)
