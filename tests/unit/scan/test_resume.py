"""A listing by several threads that is killed anywhere goes on where it was, in any layout."""

from __future__ import annotations

import queue
from collections import Counter

import pytest

from cos_migrate.model import ListRange, SourceObject
from cos_migrate.scan import positions
from cos_migrate.scan.base import ScanEnded, Scanned
from cos_migrate.scan.listing import Lister
from cos_migrate.scan.positions import Positions
from tests.unit.keys_source import KeysSource
from tests.unit.pairs_in_memory import PairsInMemory
from tests.unit.scan.key_layouts import keys_in

MARK = "mark"
PAGE = 20


def list_some(source: KeysSource, database: PairsInMemory, pages: int) -> list[str]:
    """List up to so many pages, all settled at once, and be killed; return the names."""
    saved = positions.load(database, MARK)
    starts = [(ListRange(), "")] if saved is None else saved
    kept = Positions(starts, MARK, resumed=saved is not None)
    inbox: queue.SimpleQueue[Scanned | ScanEnded] = queue.SimpleQueue()
    lister = Lister(source, starts, 8, 3, inbox.put)
    lister.start()
    names: list[str] = []
    for number in range(pages):
        event = inbox.get(timeout=60)
        if isinstance(event, ScanEnded):
            assert event.failure is None
            database.write(*kept.take_changes())
            return names
        assert event.position is not None
        found = [item.name for item in event.found if isinstance(item, SourceObject)]
        kept.add_page(event.position, len(found))
        names += found
        for _ in found:
            kept.count_outcome(event.position.page)
        if number % 3:  # the last pages before a kill may not be committed
            database.write(*kept.take_changes())
        lister.allow_more()
    lister.stop()
    while not isinstance(inbox.get(timeout=60), ScanEnded):
        pass
    return names


@pytest.mark.parametrize("layout", ["uuids", "counters", "crowded", "pictographs", "partitions"])
def test_nothing_is_lost_and_little_listed_twice(layout: str) -> None:
    keys = keys_in(layout, 6000)
    source, database = KeysSource(keys, PAGE), PairsInMemory()
    listed = Counter[str]()
    kills = ranges = 0
    while (saved := positions.load(database, MARK)) is None or saved:
        listed.update(list_some(source, database, 70))
        kills += 1
        ranges += len(positions.load(database, MARK) or ())
        assert kills < 50
    assert sorted(listed) == keys
    assert kills > 3
    repeated = sum(listed.values()) - len(keys)
    assert repeated <= PAGE * (ranges + kills)
