"""Checksums over parts that are read several at a time."""

from __future__ import annotations

import hashlib
import random
import threading

from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.checksums import Check
from cos_migrate.pools.results import AGREES
from cos_migrate.pools.worker.ordered_comparison import OrderedComparison, OrderedComparisons

BODY = random.Random(1).randbytes(20 << 20)
MD5 = (Check("MD5", hashlib.md5(BODY).hexdigest()),)
MIB = 1 << 20


@given(st.integers(0, 2**32), st.integers(1, 1000))
def test_any_order_repeats_and_sizes_give_the_same(seed: int, most: int) -> None:
    chance = random.Random(seed)
    body = BODY[:4_000]
    comparison = OrderedComparison([Check("MD5", hashlib.md5(body).hexdigest())], len(body))
    pieces, at = [], 0
    while at < len(body):
        size = chance.randint(1, most)
        pieces.append((at, body[at : at + size]))
        at += size
    pieces += chance.sample(pieces, len(pieces) // 3)  # a try that broke off is made again
    chance.shuffle(pieces)
    for offset, data in pieces:
        comparison.feed(offset, data)
    assert comparison.result() == AGREES


def test_a_byte_that_differs_is_told_by_kind() -> None:
    comparison = OrderedComparison(MD5, len(BODY))
    comparison.feed(0, BODY[:-1])
    assert comparison.result() == ""
    comparison.feed(len(BODY) - 1, bytes([BODY[-1] ^ 1]))
    assert comparison.result() == "MD5"


def test_what_is_far_ahead_waits_for_its_turn() -> None:
    comparison = OrderedComparison(MD5, len(BODY))
    comparison.feed(MIB, BODY[MIB:])
    passed = threading.Event()

    def wait() -> None:
        comparison.wait(len(BODY))
        passed.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not passed.wait(0.2)
    comparison.feed(0, BODY[:MIB])
    assert passed.wait(30)
    thread.join()
    assert comparison.result() == AGREES


def test_a_part_that_fails_lets_the_others_go() -> None:
    comparisons = OrderedComparisons()
    comparison = comparisons.of("id", MD5, len(BODY))
    assert comparisons.of("id", MD5, len(BODY)) is comparison
    comparison.feed(MIB, BODY[MIB:])
    thread = threading.Thread(target=comparison.wait, args=(len(BODY),))
    thread.start()
    comparisons.end("id")
    thread.join(30)
    assert not thread.is_alive()
    assert comparison.result() == ""
    assert comparisons.of("id", MD5, len(BODY)) is not comparison


def test_objects_that_never_end_are_forgotten_in_time() -> None:
    comparisons = OrderedComparisons()
    first = comparisons.of("0", MD5, len(BODY))
    for number in range(1, 70):
        comparisons.of(str(number), MD5, len(BODY))
    first.feed(0, BODY)
    assert first.result() == ""
