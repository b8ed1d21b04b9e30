"""Each object's record is looked up once, and what it calls for is done at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cos_migrate.engine.commit import Committer
from cos_migrate.engine.rules import SEND_CHANGED, SEND_NEW, cos_path_of
from cos_migrate.engine.unchanged import ComparedObject, RecordComparer
from cos_migrate.model import Fingerprint, Row, SourceObject, object_of
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore
from tests.unit.keys_source import KeysSource

REPORT: Any = SimpleNamespace(add=lambda _: None)


class Counting:
    """A database that counts the look-ups of each key."""

    was_empty = False

    def __init__(self, state: RecordStore) -> None:
        self._state = state
        self.looked_up: Counter[bytes] = Counter()

    def get(self, key: bytes) -> bytes | None:
        self.looked_up[key] += 1
        return self._state.get(key)

    @contextmanager
    def ascending_reads(self) -> Iterator[Any]:
        yield self.get

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)


@pytest.fixture(name="state")
def _state(tmp_path: Path) -> Iterator[Counting]:
    with open_store(tmp_path / "db") as state:
        yield Counting(state)


def listed(key: str, etag: str) -> SourceObject:
    return SourceObject(key, key, Fingerprint(5, -1, etag))


def comparer_of(state: Any) -> tuple[RecordComparer, Committer, KeysSource]:
    source = KeysSource(["key"])
    committer = Committer(source, state, REPORT)
    return RecordComparer(source, state, committer, use_records=True), committer, source


def record(source: KeysSource, state: Any, obj: SourceObject) -> bytes:
    key = source.record_key(obj, cos_path_of(source.target, obj)).encode()
    state.write([(key, source.record_value(obj).encode())])
    return key


def test_a_record_is_looked_up_once(state: Counting) -> None:
    comparer, committer, source = comparer_of(state)
    keys = [record(source, state, listed(key, "old")) for key in ("same", "changed")]
    found = [listed("same", "old"), listed("changed", "new"), listed("unknown", "new")]
    others = comparer.skip_unchanged(found, ())
    assert others == [ComparedObject(found[1], SEND_CHANGED), ComparedObject(found[2], SEND_NEW)]
    assert committer.settled == 1
    assert [state.looked_up[key] for key in keys] == [1, 1]
    assert sum(state.looked_up.values()) == 3


def test_a_new_database_is_not_asked(state: Counting) -> None:
    state.was_empty = True
    comparer, _, source = comparer_of(state)
    rows: list[Row] = [("a", "a", 5, -1)]
    assert comparer.skip_unchanged(rows, ()) == [ComparedObject(object_of(rows[0]), SEND_NEW)]
    unknown = listed("b", "")._replace(fingerprint=Fingerprint(-1))
    assert comparer.skip_unchanged([unknown], ()) == [unknown]
    assert comparer.skip_if_unchanged(object_of(rows[0]), "/a", "key") == SEND_NEW
    assert not state.looked_up
    assert not source.may_repeat


def test_an_object_that_was_tried_before_it_was_listed_is_not_compared(state: Counting) -> None:
    comparer, committer, source = comparer_of(state)
    for key, recorded in (("same", True), ("unknown", False)):
        obj = listed(key, "old")._replace(page=1)
        if recorded:
            record(source, state, obj)
        assert comparer.skip_unchanged([obj], {key}) == [obj]
    assert not state.looked_up
    assert not committer.settled
