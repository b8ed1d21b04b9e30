"""Damaged databases are kept aside and repaired or begun anew; nothing is taken for absent."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cos_migrate.errors import StateError
from cos_migrate.state.database_folder import Damaged
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore

PAIRS = [(b"key %06d" % number, b"%d " % number * 40) for number in range(2000)]


@pytest.fixture
def folder(engine: str, tmp_path: Path) -> Path:
    """Make a database with several tables and a log."""
    made = tmp_path / "db"
    for start in range(0, 2000, 500):  # opening turns what the log holds into a table
        with open_store(made, engine=engine) as state:
            state.write(PAIRS[start : start + 500])
    open_store(made).close()
    assert len(tables(made)) > 1
    (made / "README").write_text("job\n", encoding="utf-8")
    return made


def tables(folder: Path) -> list[Path]:
    found = (path for path in folder.iterdir() if path.suffix in {".ldb", ".sst"})
    return sorted(found, key=lambda path: path.stat().st_size)


def manifest(folder: Path) -> Path:
    return next(folder.glob("MANIFEST-*"))


def spoil(path: Path, at: float, junk: bytes = b"\xa5" * 64) -> None:
    """Overwrite bytes in the midst of a file."""
    with path.open("r+b") as file:
        file.seek(int(path.stat().st_size * at))
        file.write(junk)


def copies(folder: Path) -> list[Path]:
    return sorted(folder.parent.glob("db.damaged-*"))


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a database less its diary, in which each opening is noted."""
    files = (path for path in folder.iterdir() if path.is_file() and path.name[:3] != "LOG")
    return {path.name: path.read_bytes() for path in files}


def garble_manifest(folder: Path) -> None:
    manifest(folder).write_bytes(os.urandom(500))


def point_nowhere(folder: Path) -> None:
    (folder / "CURRENT").write_text("MANIFEST-999999\n", encoding="ascii")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "CURRENT is gone": lambda folder: (folder / "CURRENT").unlink(),
    "CURRENT is empty": lambda folder: (folder / "CURRENT").write_bytes(b""),
    "CURRENT is garbage": lambda folder: (folder / "CURRENT").write_bytes(b"\xa5" * 100),
    "CURRENT points nowhere": point_nowhere,
    "the manifest is gone": lambda folder: manifest(folder).unlink(),
    "the manifest is empty": lambda folder: manifest(folder).write_bytes(b""),
    "the manifest is cut": lambda folder: os.truncate(manifest(folder), 60),
    "the manifest is garbage": garble_manifest,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_records_survive_the_loss_of_what_names_them(folder: Path, damage: str) -> None:
    DAMAGES[damage](folder)
    before = contents(folder)
    with open_store(folder) as state:
        assert list(state.scan(b"")) == PAIRS
        state.write([(b"more", b"1")], sync=True)
        [copy] = copies(folder)
        assert "damaged" in state.notices[0]
        assert str(copy) in state.notices[0]
        assert "repaired" in state.notices[1]
    assert contents(copy) == before
    with open_store(folder) as state:
        assert state.notices == ()
        assert state.get(b"more") == b"1"
    assert (folder / "README").read_text(encoding="utf-8") == "job\n"
    assert not (folder / "lost").exists()


def test_the_loss_of_a_table_costs_its_records_only(folder: Path) -> None:
    tables(folder)[0].unlink()
    with open_store(folder) as state:
        left = list(state.scan(b""))
        assert "repaired" in state.notices[1]
    assert 0 < len(left) < len(PAIRS)
    assert set(left) < set(PAIRS)


def read_all(state: RecordStore) -> list[bytes | None]:
    return [state.get(key) for key, _ in PAIRS]


def scan_all(state: RecordStore) -> list[tuple[bytes, bytes]]:
    return list(state.scan(b""))


@pytest.mark.parametrize("read", [read_all, scan_all])
def test_a_spoilt_block_is_never_a_missing_record(
    folder: Path, read: Callable[[RecordStore], object]
) -> None:
    spoil(tables(folder)[-1], 0.4)
    with open_store(folder) as state, pytest.raises(StateError, match="run again") as caught:
        read(state)
    assert (caught.value.code, caught.value.fatal) == ("damaged", True)
    assert copies(folder) == []
    with open_store(folder) as state:
        assert len(state.notices) == 2
        left = list(state.scan(b""))
        assert 0 < len(left) < len(PAIRS)
        assert set(left) < set(PAIRS)
        assert [state.get(key) for key, _ in left] == [value for _, value in left]
    assert len(copies(folder)) == 1
    with open_store(folder) as state:
        assert state.notices == ()


def test_every_look_up_in_a_spoilt_database_is_right_or_refused(folder: Path) -> None:
    spoil(tables(folder)[-1], 0.4)
    refused = []
    with open_store(folder) as state:
        for key, value in PAIRS:
            try:
                assert state.get(key) == value
            except StateError as error:
                refused.append(error.code)
    assert set(refused) == {"damaged"}


@pytest.mark.parametrize("read", [read_all, scan_all])
@pytest.mark.parametrize("keep", [0, 0.5])
def test_a_table_without_its_end_is_never_a_missing_record(
    folder: Path, read: Callable[[RecordStore], object], keep: float
) -> None:
    """Without the end no part of it can be read."""
    table = tables(folder)[-1]
    size = table.stat().st_size
    whole = int(size * keep)
    table.write_bytes(table.read_bytes()[:whole] + bytes((size - whole) if keep else 0))
    with open_store(folder) as state:
        if not state.notices:  # one library looks at a table only when it is needed
            with pytest.raises(StateError) as caught:
                read(state)
            assert caught.value.code == "damaged"
    with open_store(folder) as state:
        left = list(state.scan(b""))
        assert 0 < len(left) < len(PAIRS)
        assert set(left) < set(PAIRS)
    assert len(copies(folder)) == 1


def test_no_garbage_makes_it_unusable(engine: str, tmp_path: Path) -> None:
    """Whatever is left of a database, opening gives one that works, and says so."""
    folder = tmp_path / "db"
    with open_store(folder, engine=engine) as state:
        state.write(PAIRS)
    for path in folder.iterdir():
        if path.name not in {"COSMIGRATE", "LOCK"}:
            path.write_bytes(os.urandom(3000))
    (folder / "README").write_text("job\n", encoding="utf-8")
    with open_store(folder) as state:
        assert state.engine == engine
        assert len(state.notices) == 2
        state.write([(b"a", b"1")])
    with open_store(folder) as state:
        assert (state.engine, state.notices) == (engine, ())
        assert state.get(b"a") == b"1"
    assert (folder / "README").read_text(encoding="utf-8") == "job\n"


def test_what_cannot_be_repaired_begins_anew(
    folder: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = {"leveldb": "LevelDb", "rocksdb": "RocksDb"}[engine]
    library = getattr(importlib.import_module(f"cos_migrate.state.{engine}"), kind)

    def in_vain(_folder: Path) -> None:
        raise Damaged("nothing is left")

    monkeypatch.setattr(library, "repair", in_vain)
    (folder / "CURRENT").unlink()
    (folder / "lost").mkdir()
    before = contents(folder)
    with open_store(folder) as state:
        assert list(state.scan(b"")) == []
        assert "replaced by an empty one" in state.notices[1]
        state.write(PAIRS)
    [copy] = copies(folder)
    assert contents(copy) == before
    with open_store(folder) as state:
        assert (state.engine, state.notices) == (engine, ())
        assert list(state.scan(b"")) == PAIRS
    assert (folder / "README").read_text(encoding="utf-8") == "job\n"


def test_copies_of_one_second_have_different_names(folder: Path) -> None:
    for number in range(1, 4):
        (folder / "CURRENT").unlink()
        open_store(folder).close()
        assert len(copies(folder)) == number


def test_a_log_with_a_hole_is_damage_and_a_log_cut_short_is_not(
    engine: str, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    cut, holed = tmp_path / "cut", tmp_path / "db"
    with open_store(source, engine=engine) as state:
        for pair in PAIRS:
            state.write([pair])
        for copy in (cut, holed):  # as kill -9 leaves them
            copy.mkdir()
            for path in source.iterdir():
                if path.name != "LOCK":
                    (copy / path.name).write_bytes(path.read_bytes())
    [log] = [path for path in cut.glob("*.log") if path.stat().st_size]
    os.truncate(log, log.stat().st_size - 5)
    with open_store(cut) as state:
        assert state.notices == ()
        assert list(state.scan(b"")) == PAIRS[:-1]
    spoil(holed / log.name, 0.5)
    with open_store(holed) as state:
        assert len(state.notices) == 2
        left = list(state.scan(b""))
    assert set(left) < set(PAIRS)
    for first, second in itertools.pairwise(left):
        assert first < second


def test_wherever_a_log_was_cut_batches_are_whole(engine: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    batches = [[(b"%d-%d" % (n, part), b"x" * 50) for part in range(10)] for n in range(3)]
    with open_store(source, engine=engine) as state:
        state.write([(b"doomed", b"")])
        for batch in batches:
            state.write(batch, [b"doomed"])
        kept = {path.name: path.read_bytes() for path in source.iterdir() if path.name != "LOCK"}
    [log] = [name for name, data in kept.items() if name.endswith(".log") and data]
    seen = set()
    for size in range(0, len(kept[log]) + 1, 97):
        copy = tmp_path / str(size)
        copy.mkdir()
        for name, data in kept.items():
            (copy / name).write_bytes(data[:size] if name == log else data)
        with open_store(copy) as state:
            assert state.notices == ()
            found = dict(state.scan(b""))
        doomed = found.pop(b"doomed", None)
        whole = len(found) // 10
        seen.add(whole)
        assert found == {key: value for batch in batches[:whole] for key, value in batch}
        assert doomed is None or whole == 0
    assert seen >= {0, 1, 2}
