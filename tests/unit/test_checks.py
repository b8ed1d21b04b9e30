"""Checksums of sources, compared with known values and with the clouds' own code."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable

import awscrt.checksums
import pytest
import qiniu
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate import checksums as checks
from cos_migrate.checksums import Check, PartCrc, RunningChecks

NINE = b"123456789"
KNOWN = {
    # The check values of the catalogue of CRC algorithms, and RFC 1321's and NIST's digests.
    "CRC-32": str(0xCBF43926),
    "CRC-32C": str(0xE3069283),
    "CRC-64/NVME": str(0xAE8B14860A799888),
    "CRC-64/XZ": str(0x995DC9BBDF1939FA),
    "MD5": "25f9e794323b453885f5181f1b624d0b",
    "SHA-1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA-256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}
MIB = 1 << 20


def qetag(data: bytes) -> str:
    """What Qiniu's own SDK computes."""
    found: str = qiniu.utils.etag_stream(io.BytesIO(data))
    return found


def wrong(check: Check, data: bytes, piece: int = 1 << 18) -> str:
    checking = RunningChecks([check])
    for start in range(0, len(data), piece):
        checking.update(data[start : start + piece])
    return checking.first_difference()


@pytest.mark.parametrize("kind", KNOWN)
def test_known_values(kind: str) -> None:
    assert wrong(Check(kind, KNOWN[kind]), NINE) == ""
    assert wrong(Check(kind, KNOWN[kind].upper()), NINE) == ""
    assert wrong(Check(kind, KNOWN[kind]), NINE, piece=1) == ""
    assert wrong(Check(kind, KNOWN[kind]), NINE + b"0") == kind
    assert wrong(Check(kind, KNOWN[kind]), b"") == kind


def test_every_kind_is_known_here() -> None:
    assert set(checks.KINDS) == {*KNOWN, "qetag"}


@pytest.mark.parametrize("size", [0, 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 8 * MIB, 9 * MIB + 5])
def test_the_qetag_is_that_of_qinius_sdk(size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    expected = qetag(data)
    assert wrong(Check("qetag", expected), data) == ""
    assert wrong(Check("qetag", expected), data, piece=3 * MIB + 7) == ""
    assert wrong(Check("qetag", expected.swapcase()), data) == "qetag"
    if data:
        assert wrong(Check("qetag", expected), data[:-1] + b"!") == "qetag"


@given(st.binary(max_size=500), st.integers(1, 64))
def test_pieces_do_not_matter(data: bytes, piece: int) -> None:
    for check in (
        Check("MD5", hashlib.md5(data).hexdigest()),
        Check("CRC-32", str(zlib.crc32(data))),
        Check("qetag", qetag(data)),
    ):
        assert wrong(check, data, piece) == ""


def test_the_first_that_differs_is_named() -> None:
    good, bad = Check("MD5", KNOWN["MD5"]), Check("SHA-1", "0" * 40)
    checking = RunningChecks([good, bad, Check("CRC-32", "1")])
    checking.update(NINE)
    assert checking.first_difference() == "SHA-1"
    nothing = RunningChecks(())
    nothing.update(NINE)
    assert nothing.first_difference() == ""


def crc_of(kind: str, data: bytes) -> int:
    summing = PartCrc(kind, 0)
    summing.feed(0, data)
    return summing.value


@pytest.mark.parametrize("kind", sorted(checks.COMBINED_KINDS))
@given(parts=st.lists(st.binary(max_size=300), max_size=8))
def test_crcs_of_parts_combine_to_that_of_the_whole(kind: str, parts: list[bytes]) -> None:
    whole = crc_of(kind, b"".join(parts))
    assert checks.combine(kind, ((crc_of(kind, part), len(part)) for part in parts)) == whole


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        ("CRC-32", awscrt.checksums.combine_crc32),
        ("CRC-32C", awscrt.checksums.combine_crc32c),
        ("CRC-64/NVME", awscrt.checksums.combine_crc64nvme),
    ],
)
@given(before=st.integers(0, 2**32 - 1), crc=st.integers(0, 2**32 - 1), size=st.integers(1, 2**45))
def test_they_combine_as_in_the_official_library(
    kind: str, reference: Callable[[int, int, int], int], before: int, crc: int, size: int
) -> None:
    assert checks.combine(kind, [(before, 1), (crc, size)]) == reference(before, crc, size)


def test_a_part_that_is_read_again_begins_anew() -> None:
    summing = PartCrc("CRC-64/NVME", 1000)
    summing.feed(1000, b"broken")
    summing.feed(1006, b" off")
    summing.feed(1000, NINE[:4])
    summing.feed(1004, NINE[4:])
    assert summing.value == int(KNOWN["CRC-64/NVME"])
