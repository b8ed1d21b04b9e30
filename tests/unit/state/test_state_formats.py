"""A folder's format is recognised before a library opens it, and kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cos_migrate.state.opening import open_store
from tests.unit.state.lacking import opened_without

plyvel = pytest.importorskip("plyvel")
rocksdict = pytest.importorskip("rocksdict")
ROOT = Path(__file__).parents[3]


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize(("first", "second"), [("leveldb", "rocksdb"), ("rocksdb", "leveldb")])
def test_a_folder_keeps_its_format(tmp_path: Path, first: str, second: str) -> None:
    with open_store(tmp_path, engine=first) as state:
        state.write([(b"a", b"1")])
    for engine in (second, "auto"):
        with open_store(tmp_path, engine=engine) as state:
            assert state.engine == first
            assert state.get(b"a") == b"1"


def test_a_new_folder_is_leveldb_where_there_is_leveldb(tmp_path: Path) -> None:
    with open_store(tmp_path) as state:
        assert state.engine == "leveldb"


def test_a_new_folder_without_leveldb_is_rocksdb_and_stays_so(tmp_path: Path) -> None:
    assert opened_without(tmp_path, "plyvel").startswith("rocksdb 0")
    with open_store(tmp_path) as state:
        assert state.engine == "rocksdb"
        assert state.notices == ()


def test_without_any_library_the_message_says_what_to_install(tmp_path: Path) -> None:
    said = opened_without(tmp_path, "plyvel", "rocksdict")
    assert said.startswith("wrong-format ")
    assert "install the package rocksdict" in said


@pytest.mark.parametrize(
    ("engine", "package", "way_out"),
    [("leveldb", "plyvel", "Python 3.10, 3.11 or 3.12"), ("rocksdb", "rocksdict", "install")],
)
def test_a_folder_without_its_library_is_refused_and_not_touched(
    tmp_path: Path, engine: str, package: str, way_out: str
) -> None:
    folder = tmp_path / "db"
    with open_store(folder, engine=engine) as state:
        state.write([(b"a", b"1")])
    before = contents(folder)
    said = opened_without(folder, package)
    assert said.startswith("wrong-format ")
    assert way_out in said
    assert contents(folder) == before
    with open_store(folder) as state:
        assert state.get(b"a") == b"1"


def test_a_folder_that_was_only_begun_is_new(tmp_path: Path) -> None:
    (tmp_path / "COSMIGRATE").touch()
    with open_store(tmp_path, engine="leveldb") as state:
        assert (state.engine, state.notices) == ("rocksdb", ())


def test_a_creation_that_broke_off_is_begun_again(tmp_path: Path) -> None:
    with open_store(tmp_path, engine="leveldb"):
        pass
    (tmp_path / "CURRENT").unlink()
    with open_store(tmp_path) as state:
        assert (state.engine, state.notices) == ("leveldb", ())
        state.write([(b"a", b"1")])
