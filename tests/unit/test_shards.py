"""Shards: every key belongs to exactly one."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.shards import Shard


@given(st.text(max_size=60), st.integers(1, 40))
def test_shards_partition_the_keys(key: str, shards: int) -> None:
    owners = [n for n in range(1, shards + 1) if Shard(n, shards).owns(f"/{key}")]
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    assert owners == [int(digest[:16], 16) % shards + 1]


def test_they_are_of_about_equal_size() -> None:
    mine = sum(Shard(3, 4).owns(f"/photos/{number}.jpg") for number in range(4_000))
    assert 900 < mine < 1_100


def test_bytes_of_names_that_are_not_utf8_have_a_shard() -> None:
    assert Shard(1, 1).owns("/\udcff")


@pytest.mark.parametrize("text", ["1/1", "3/16", " 3 / 16".strip(), "16/16"])
def test_legal(text: str) -> None:
    assert str(Shard.parse(text)) == text.replace(" ", "")


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "/", "1/0", "-1/4", "a/b", "1/4/5", "1.0/4"])
def test_not_legal(text: str) -> None:
    with pytest.raises(ValueError, match="no shard"):
        Shard.parse(text)
