"""What is committed: records, what stands beside them, and what is kept of objects that fail."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cos_migrate.engine.commit import Committer
from cos_migrate.engine.transfer import Transfer
from cos_migrate.model import Failure, Fingerprint, ListRange, SourceObject
from cos_migrate.scan.base import PagePosition
from cos_migrate.scan.positions import Positions
from cos_migrate.state import formats
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore
from tests.unit.keys_source import KeysSource

GONE = Failure("GetObject", "it does not exist any more", status=404, code="NoSuchKey")
REPORT: Any = SimpleNamespace(add=lambda _: None)
PAGE = 1
NANO = 10**9


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


def test_what_an_update_of_a_weak_object_records(tmp_path: Path) -> None:
    """The listed time, which the next listing shows again; no CRC-64 of the old content."""
    key = "[taskType: x] key"
    obj = SourceObject("key", "key", Fingerprint(1, 7 * NANO, "constant"), weak=True)
    with open_store(tmp_path / "db") as state:
        state.write([(formats.crc64_key(key), b"17")], [])
        committer = committer_of(state)
        transfer = Transfer(obj, "/key", key, is_update=True)
        transfer.listed_mtime_ns = 5 * NANO
        committer.settle_sent(transfer, "id", "", 23, "cos-etag")
        committer.commit(final=True)
        assert state.get(formats.crc64_key(key)) is None
        found = committer.companions.find("/key", key)
        assert found is not None
        assert (found.crc64, found.etag, found.modified) == (23, "cos-etag", 5)
        assert state.get(formats.request_id_key("/key")) == b"id"


def test_a_skipped_object_completes_its_records(tmp_path: Path) -> None:
    obj = SourceObject("key", "key", Fingerprint(1))
    with open_store(tmp_path / "db") as state:
        state.write([(b"old", b"1")], [])
        committer = committer_of(state)
        committer.settle_skipped(obj, "/key", "key", "value", ((b"new", b"2"), b"old"))
        committer.commit(final=True)
        found = [state.get(name) for name in (b"old", b"new", b"key")]
        assert found == [None, b"2", b"value"]


def test_how_many_objects_there_used_to_be(tmp_path: Path) -> None:
    with open_store(tmp_path / "db") as state:
        committer = committer_of(state)
        assert committer.note_scan_complete(0) == 0
        state.write([(b"[taskType: x] key", b"")], [])
        assert committer.note_scan_complete(0) == -1
        assert committer.note_scan_complete(7) == 0
        assert committer.note_scan_complete(0) == 7


def test_a_complete_listing_leaves_records_and_no_position(tmp_path: Path) -> None:
    obj = SourceObject("key", "key", Fingerprint(1), PAGE)
    with open_store(tmp_path / "db") as state:
        committer = committer_of(state)
        committer.note_page(PagePosition(PAGE, 1, ListRange(), "", ()), 1)
        committer.settle_skipped(obj, "/key", "key", "value", None)
        committer.note_listing_complete()
        assert state.get(b"key") == b"value"
        assert not list(state.scan(b"[cosmigrate list"))
