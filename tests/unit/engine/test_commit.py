"""What is kept of objects that fail, so that a later run tries them again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cos_migrate.engine.commit import Committer
from cos_migrate.model import Failure, Fingerprint, ListRange, SourceObject
from cos_migrate.scan.base import PagePosition
from cos_migrate.scan.positions import Positions
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore
from tests.unit.keys_source import KeysSource

GONE = Failure("GetObject", "it does not exist any more", status=404, code="NoSuchKey")
REPORT: Any = SimpleNamespace(add=lambda _: None)
PAGE = 1


def committer_of(state: RecordStore) -> Committer:
    positions = Positions([(ListRange(), "")], "", resumed=False)
    return Committer(KeysSource(["key"]), state, REPORT, positions)


@pytest.mark.parametrize("listed_first", [True, False])
@pytest.mark.parametrize("committed", [True, False])
def test_what_was_gone_when_it_was_tried_and_is_listed_yet_is_tried_again(
    tmp_path: Path, *, listed_first: bool, committed: bool
) -> None:
    obj = SourceObject("key", "key", Fingerprint(1), PAGE)
    with open_store(tmp_path / "db") as state:
        first = committer_of(state)
        first.note_page(PagePosition(PAGE, 1, ListRange(), "key", ()), 1)
        first.settle_failed(obj, "/key", "key", Failure("GetObject", "it broke", code="Timeout"))
        first.commit(final=True)
        second = committer_of(state)
        (again,) = second.failures.load()
        second.note_page(PagePosition(PAGE, 1, ListRange(), "key", ()), 1)
        for listing in (listed_first, not listed_first):
            if listing:
                second.note_listed_again(obj)
            else:
                second.settle_failed(again, "/key", "key", GONE)
            if committed:
                second.commit()
        second.commit(final=True)
        assert [kept.name for kept in committer_of(state).failures.load()] == ["key"]


def test_what_is_gone_and_not_listed_is_forgotten(tmp_path: Path) -> None:
    with open_store(tmp_path / "db") as state:
        first = committer_of(state)
        first.note_page(PagePosition(PAGE, 1, ListRange(), "key", ()), 1)
        first.settle_failed(SourceObject("key", "key", Fingerprint(1), PAGE), "/key", "key", GONE)
        first.commit(final=True)
        second = committer_of(state)
        (again,) = second.failures.load()
        second.settle_failed(again, "/key", "key", GONE)
        second.commit(final=True)
        assert not list(committer_of(state).failures.load())
