"""Which pending restores are looked at again, and which objects are sent without a look."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest

from cos_migrate.engine.restore_looks import Restore, RestoreLooks
from cos_migrate.engine.transfer import Transfer
from cos_migrate.model import Fingerprint, SourceObject

HOUR = 3600.0
AT_ONCE = 8


class Looker:
    """Looks at objects as a run does, several at once; counts looks and vain tries to read."""

    def __init__(self, count: int, size: int = 1) -> None:
        """Add restores that were requested one after the other, the first an hour ago."""
        self.now = HOUR
        self.looks = RestoreLooks(clock=lambda: self.now, timer=lambda: self.now)
        self.looked = self.vain = 0
        self.sent: list[Restore] = []
        self.made: list[Restore] = []
        self.is_readable: Callable[[Restore], bool] = lambda _: True
        for number in range(count):
            key = str(number)
            obj = SourceObject(key, key, Fingerprint(size))
            restore = Restore(Transfer(obj, f"/{key}", key, is_update=False), needs_look=False)
            restore.asked = number / 100
            self.looks.put_next(restore)
            self.made.append(restore)

    def run(self, seconds: float) -> None:
        """Look for some time, at what is due in each second."""
        end = self.now + seconds
        while self.now < end:
            while self._read() or self._look():
                pass
            self.now += 1.0

    def _read(self) -> bool:
        """Read what needs no look; return whether there was anything."""
        unlooked = self.looks.take_unlooked(0)
        for restore in unlooked:
            if self.is_readable(restore):
                self.sent.append(restore)
                self.looks.confirm()
            else:
                self.vain += 1
                self.looks.distrust()
                restore.needs_look = True
                self.looks.put_next(restore)
        return bool(unlooked)

    def _look(self) -> bool:
        due: list[Restore] = []
        while len(due) < AT_ONCE and (one := self.looks.pop_due()):
            one.under_way = True
            due.append(one)
        for number, restore in enumerate(due, 1):
            restore.under_way = False
            self.looked += 1
            if self.is_readable(restore):
                self.sent.append(restore)
                self.looks.note_readable(restore, len(due) - number)
            else:
                self.looks.note_pending(restore)
                self.looks.put_next(restore)
        return bool(due)


def test_few_looks_find_all_that_is_readable() -> None:
    looker = Looker(10_000)
    looker.run(400.0)
    assert (len(looker.looks), len(looker.sent), len(set(looker.sent))) == (0, 10_000, 10_000)
    assert looker.looked < 400


def test_objects_behind_those_that_are_readable_are_not_taken_for_it() -> None:
    looker = Looker(5000)
    first = set(looker.made[:2000])
    looker.is_readable = first.__contains__
    looker.run(2 * HOUR)
    assert looker.vain <= 100
    assert set(looker.sent) == first


def test_objects_are_read_when_they_have_been_pending_for_as_long_as_others() -> None:
    """One a second becomes readable, each an hour and a minute after its request."""
    looker = Looker(1000)
    for number, restore in enumerate(looker.made):
        restore.asked = float(number)
    looker.is_readable = lambda restore: looker.now - restore.asked >= HOUR + 60
    looker.run(1000.0 + 400.0)
    assert (len(looker.sent), looker.vain) == (1000, 0)
    assert looker.looked < 400


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_restores_that_end_in_any_order_are_seldom_read_in_vain(share: float) -> None:
    looker = Looker(3000)
    ready = set(random.Random(7).sample(looker.made, int(3000 * share)))
    looker.is_readable = ready.__contains__
    looker.run(2 * HOUR)
    assert set(looker.sent) == ready
    assert looker.vain <= 250


@pytest.mark.parametrize("size", [-1, 2 << 20])
def test_large_objects_and_those_of_unknown_size_are_looked_at(size: int) -> None:
    looker = Looker(300, size)
    looker.run(400.0)
    assert looker.looked == len(looker.sent) == 300


def test_one_is_looked_at_after_the_other() -> None:
    looker = Looker(100)
    due = sorted(restore.next_look - looker.now for restore in looker.looks)
    # An hour old: each of 16 every three minutes, the others in half an hour.
    assert due[0] < 15
    assert all(after - before < 15 for before, after in itertools.pairwise(due[:16]))
    assert due[16] > 1000


def test_looks_that_are_due_when_restores_end_are_left_out_once_these_are_punctual() -> None:
    looker = Looker(2_000)
    ends_after = HOUR + 1_775  # shortly before the next look at each
    looker.is_readable = lambda restore: looker.now - restore.asked >= ends_after
    looker.run(2_400)
    assert len(looker.sent) == 2_000
    assert looker.vain == 0
    assert looker.looked < 500
