"""What a record database promises, over both libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cos_migrate.errors import StateError
from cos_migrate.model import Fingerprint, PartRecord, SavePoint
from cos_migrate.state import formats
from cos_migrate.state.opening import open_store
from cos_migrate.state.save_points import SavePoints
from cos_migrate.state.store import RecordStore, note_run

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


@pytest.fixture
def state(engine: str, tmp_path: Path) -> Iterator[RecordStore]:
    with open_store(tmp_path / "db", engine=engine) as opened:
        yield opened


def test_a_new_database_is_empty_and_says_nothing(state: RecordStore, engine: str) -> None:
    assert state.engine == engine
    assert state.notices == ()
    assert state.get(b"a") is None
    assert list(state.scan(b"")) == []


def test_what_was_written_is_there_after_closing(engine: str, tmp_path: Path) -> None:
    with open_store(tmp_path / "a" / "b" / "db", engine=engine) as state:
        state.write([(b"a", b"1"), (b"b", b""), (b"c", b"3")])
        state.write([(b"a", b"2")], [b"c", b"never there"])
    with open_store(tmp_path / "a" / "b" / "db") as state:
        assert state.engine == engine
        assert state.notices == ()
        assert list(state.scan(b"")) == [(b"a", b"2"), (b"b", b"")]
        assert state.get(b"b") == b""
        assert state.get(b"c") is None


def test_in_one_batch_deletes_come_last(state: RecordStore) -> None:
    state.write([(b"a", b"1")], [b"a"])
    assert state.get(b"a") is None


def test_syncing_adds_nothing(state: RecordStore) -> None:
    state.sync()
    state.write([(b"a", b"1")], sync=True)
    state.sync()
    state.write([])
    assert list(state.scan(b"")) == [(b"a", b"1")]


def test_a_scan_ends_with_its_prefix(state: RecordStore) -> None:
    keys = [b"a", b"ab", b"ab\x00", b"ab\xff", b"ab\xff\xff", b"ac", b"\xff", b"\xff\xff"]
    state.write([(key, key) for key in reversed(keys)])
    assert [key for key, _ in state.scan(b"ab")] == keys[1:5]
    assert [key for key, _ in state.scan(b"\xff")] == keys[6:]
    assert [key for key, _ in state.scan(b"")] == keys
    assert list(state.scan(b"b")) == []


def test_a_scan_sees_what_was_there_when_it_was_asked_for(state: RecordStore) -> None:
    before = [(b"%03d" % number, b"old") for number in range(300)]
    state.write(before)
    pairs = state.scan(b"")
    state.write([(key, b"new") for key, _ in before] + [(b"zzz", b"new")], [b"005"])
    assert list(pairs) == before


def test_scans_that_are_not_finished_leave_nothing_open(engine: str, tmp_path: Path) -> None:
    with open_store(tmp_path, engine=engine) as state:
        state.write([(b"a", b"1"), (b"b", b"2")])
        begun, unused = state.scan(b""), state.scan(b"a")
        assert next(begun) == (b"a", b"1")
    open_store(tmp_path).close()
    del begun, unused


def test_closing_twice_is_closing(engine: str, tmp_path: Path) -> None:
    state = open_store(tmp_path, engine=engine)
    state.close()
    state.close()
    with open_store(tmp_path) as again:
        again.write([(b"a", b"1")])
        again.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.binary(min_size=1, max_size=3), st.binary(), max_size=5),
            st.lists(st.binary(min_size=1, max_size=3), max_size=3),
        ),
        max_size=5,
    )
)
def test_it_behaves_as_a_dictionary(
    state: RecordStore, batches: list[tuple[dict[bytes, bytes], list[bytes]]]
) -> None:
    state.write([], [key for key, _ in state.scan(b"")])
    model: dict[bytes, bytes] = {}
    for puts, deletes in batches:
        state.write(list(puts.items()), deletes)
        model.update(puts)
        for key in deletes:
            model.pop(key, None)
    assert list(state.scan(b"")) == sorted(model.items())
    assert all(state.get(key) == value for key, value in model.items())


def test_more_than_fits_in_memory_is_kept_in_order(engine: str, tmp_path: Path) -> None:
    with open_store(tmp_path, engine=engine, max_open_files=80) as state:
        for start in range(0, 6000, 500):
            state.write([(b"%06d" % n, os.urandom(2000)) for n in range(start, start + 500)])
        assert [key for key, _ in state.scan(b"00")] == [b"%06d" % n for n in range(6000)]
    with open_store(tmp_path) as state:
        assert sum(1 for _ in state.scan(b"")) == 6000
        assert len(state.get(b"005999") or b"") == 2000


def test_a_second_opening_is_refused_in_the_words_of_the_java_tool(
    engine: str, tmp_path: Path
) -> None:
    with open_store(tmp_path / "db", engine=engine) as state:
        state.write([(b"a", b"1")])
        with pytest.raises(StateError) as caught:
            open_store(tmp_path / "db")
        assert caught.value.code == "in-use"
        words = "init db error, may be another process with same config is running "
        assert str(caught.value) == words
        state.write([(b"b", b"2")])
    with open_store(tmp_path / "db") as state:
        assert len(list(state.scan(b""))) == 2


def test_a_file_in_its_place_is_not_usable(engine: str, tmp_path: Path) -> None:
    (tmp_path / "db").write_text("hello", encoding="utf-8")
    for folder in (tmp_path / "db", tmp_path / "db" / "below"):
        with pytest.raises(StateError, match="not a folder") as caught:
            open_store(folder, engine=engine)
        assert caught.value.code == "unusable"
    assert (tmp_path / "db").read_text(encoding="utf-8") == "hello"


def test_save_points_and_request_ids_live_in_a_database(state: RecordStore) -> None:
    point = SavePoint("id1", "/big", "/data/big", Fingerprint(20, 3_000_000), 10, 5)
    part = PartRecord(1, 0, 10, "etag", 77)
    points = SavePoints(state, "b-1")
    assert points.find("/big") is None
    state.write([*points.upload_pairs(point), (formats.request_id_key("/a"), b"NjRh")])
    state.write(points.part_pairs(point, part))
    [found] = points.all()
    assert found == points.find("/big")
    assert found.parts == (part,)
    assert points.find_java_upload_id("/big", "/data/big", 3, 10, 5) == "id1"
    state.write([], points.upload_keys(found))
    assert formats.query_request_id(state, "/a") == "NjRh"
    assert list(formats.dump_request_ids(state)) == [("/a", "NjRh")]
    assert len(list(state.scan(b""))) == 1


def test_a_line_for_each_run_is_appended_to_the_readme(engine: str, tmp_path: Path) -> None:
    for job in ("[local: /a/], [cosFolder: /]", "[local: /\n\udcff/], [cosFolder: /]"):
        with open_store(tmp_path, engine=engine) as state:
            note_run(tmp_path, job)
            assert state.notices == ()
    lines = (tmp_path / "README").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[time: ")
    assert lines[0].endswith("], [local: /a/], [cosFolder: /]")
    assert lines[1].endswith("], [local: /\\n\\udcff/], [cosFolder: /]")


def test_a_readme_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "README").mkdir()
    with pytest.raises(StateError) as caught:
        note_run(tmp_path, "job")
    assert caught.value.code == "unusable"


def test_only_a_new_database_is_empty(tmp_path: Path, engine: str) -> None:
    with open_store(tmp_path / "db", engine=engine) as state:
        assert state.was_empty
        state.write([(b"a", b"1")])
    with open_store(tmp_path / "db") as state:
        assert not state.was_empty
