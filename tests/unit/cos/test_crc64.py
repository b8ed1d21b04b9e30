"""The checksum COS keeps, against its catalogued check value and against itself in parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.cos.crc64 import combine, crc64


def test_check_value_of_the_catalogue() -> None:
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA


def test_nothing_is_zero() -> None:
    assert crc64(b"") == 0
    assert combine([]) == 0


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_parts_combine_to_the_whole(parts: list[bytes]) -> None:
    assert combine((crc64(part), len(part)) for part in parts) == crc64(b"".join(parts))


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_it_goes_on_where_it_was(first: bytes, second: bytes) -> None:
    assert crc64(second, crc64(first)) == crc64(first + second)


def test_huge_parts_combine() -> None:
    # 5 GiB of zeros by doubling, then once more as one part with what precedes it.
    crc, size = crc64(b"\0" * 1024), 1024
    while size < 5 << 30:
        crc, size = combine([(crc, size), (crc, size)]), size * 2
    assert combine([(crc64(b"head"), 4), (crc, size)]) == combine(
        [(crc64(b"head"), 4), (crc64(b"\0" * 1024), 1024)]
        + [(combine([(crc64(b"\0" * 1024), 1024)] * 1023), 1023 * 1024)]
        + [(crc64(b"\0" * (1 << 20)), 1 << 20)] * ((size >> 20) - 1)
    )
