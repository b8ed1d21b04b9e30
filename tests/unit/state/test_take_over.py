"""The Java tool's record databases become ours, and lose nothing by it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cos_migrate.errors import StateError
from cos_migrate.state import database_folder, formats, java_conversion
from cos_migrate.state.opening import open_store
from tests.unit.state.lacking import opened_without

plyvel = pytest.importorskip("plyvel")
rocksdict = pytest.importorskip("rocksdict")
ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
[JAVA_DB] = DATA.glob("java_db/db/*/*/*")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def java_pairs(folder: Path, scratch: Path) -> dict[bytes, bytes]:
    """Read a database of the Java tool with nothing of ours."""
    copy = shutil.copytree(folder, scratch / "read")
    options = rocksdict.Options(raw_mode=True)
    database = rocksdict.Rdict(str(copy), options, access_type=rocksdict.AccessType.read_only())
    pairs = dict(database.items())
    database.close()
    shutil.rmtree(copy)
    return pairs


def a_java_database(folder: Path, pairs: dict[bytes, bytes], *, flushed: bool = True) -> Path:
    """Make a RocksDB database that is not ours."""
    database = rocksdict.Rdict(str(folder), rocksdict.Options(raw_mode=True))
    batch = rocksdict.WriteBatch(raw_mode=True)
    for key, value in pairs.items():
        batch.put(key, value)
    database.write(batch)
    if flushed:
        database.flush()
    database.close()
    (folder / "rocksdict-config.json").unlink()
    return folder


def some_pairs(count: int) -> dict[bytes, bytes]:
    return {
        b"[taskType: migrateLocal] [bucket: b-1], [localPath: /d/%06d], [cosPath: /%06d]"
        % (number, number): b"[mtime: 1700000000%03d], [fileSize: %d]" % (number % 1000, number)
        for number in range(count)
    }


def beside(folder: Path) -> set[str]:
    return {path.name for path in folder.parent.iterdir()}


def test_what_the_java_tool_wrote_is_there_key_by_key(
    folder: Path, engine: str, tmp_path: Path
) -> None:
    expected = java_pairs(folder, tmp_path)
    before = contents(folder)
    with open_store(folder, engine=engine) as state:
        assert (state.engine, state.taken_over) == (engine, True)
        assert dict(state.scan(b"")) == expected
        [notice] = state.notices
        state.write([(b"new", b"1")])
    assert "38 records, 38 request ids, 1 save points" in notice
    assert str(folder) + ".java" in notice
    assert contents(folder.with_name("db.java")) == before
    assert beside(folder) == {"db", "db.java", "db.lock"}
    with open_store(folder) as state:
        assert (state.engine, state.taken_over, state.notices) == (engine, True, ())
        assert dict(state.scan(b"")) == {**expected, b"new": b"1"}
    readme = (folder / "README").read_text(encoding="utf-8")
    assert "[localFolder: /proc/self/cwd/data/]" in readme


def test_the_save_point_and_the_request_ids_are_found(folder: Path) -> None:
    with open_store(folder) as state:
        assert formats.query_request_id(state, "/to here/first/ünï cödé 日本.txt")
        key = formats.save_point_key(
            "examplebucket-1250000000",
            "/to here/second/big.bin",
            "/proc/self/cwd/data/second/big.bin",
            1700000006185,
            5 << 20,
            5 << 20,
        )
        [upload] = DATA.glob("java_db/uploads/*.json")
        assert formats.parse_upload_id(state.get(key) or b"") == upload.stem


@pytest.mark.parametrize("kind", ["log", "table"])
def test_the_database_of_the_first_version_of_the_java_tool(
    kind: str, tmp_path: Path, engine: str
) -> None:
    folder = Path(shutil.copytree(DATA / "java_db_2018" / kind, tmp_path / "db"))
    before = contents(folder)
    with open_store(folder, engine=engine) as state:
        assert (state.engine, state.taken_over) == (engine, True)
        found = {key.decode(): value.decode() for key, value in state.scan(b"")}
        assert "33 records, 0 request ids" in state.notices[0]
    key = (
        "[taskType: migrateLocal] [bucket: examplebucket-1250000000], "
        "[localPath: /proc/self/cwd/data/first/ünï cödé 日本.txt], "
        "[cosPath: /to here/first/ünï cödé 日本.txt]"
    )
    assert len(found) == 33
    assert found[key].startswith("[mtime: 17000000")
    assert contents(folder.with_name("db.java")) == before


def test_list_positions_are_left_behind(tmp_path: Path, engine: str) -> None:
    pairs = some_pairs(10)
    folder = a_java_database(tmp_path / "db", {**pairs, b"listProgress": b"a|b"})
    (folder / "PROGRESS").write_text("\n/\n", encoding="utf-8")
    (folder / "README").write_text("[srcPrefix: ]", encoding="utf-8")  # with no end
    with open_store(folder, engine=engine) as state:
        assert dict(state.scan(b"")) == pairs
        assert "10 records, 0 request ids, 0 save points" in state.notices[0]
    assert not (folder / "PROGRESS").exists()
    assert (tmp_path / "db.java" / "PROGRESS").exists()
    assert (folder / "README").read_text(encoding="utf-8") == "[srcPrefix: ]\n"


def test_an_empty_database_is_taken_over_too(tmp_path: Path, engine: str) -> None:
    folder = a_java_database(tmp_path / "db", {})
    with open_store(folder, engine=engine) as state:
        assert "0 records" in state.notices[0]
        assert list(state.scan(b"")) == []


def test_ten_thousand_records_take_less_than_two_seconds_of_work(
    tmp_path: Path, engine: str
) -> None:
    pairs = some_pairs(10_000)
    folder = a_java_database(tmp_path / "db", pairs, flushed=False)
    begun = time.process_time()
    with open_store(folder, engine=engine) as state:
        assert time.process_time() - begun < 2
        assert dict(state.scan(b"")) == pairs


def test_a_long_take_over_tells_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_java_database(tmp_path / "db", some_pairs(2500))
    monkeypatch.setattr(java_conversion, "_NOTIFY_SECONDS", 0.0)
    told: list[str] = []
    open_store(folder, notify=told.append).close()
    line = "taking over the Java tool's records: {} so far"
    assert told == [line.format(1000), line.format(2000), line.format(2500)]


def test_an_older_copy_is_not_overwritten(folder: Path) -> None:
    older = folder.with_name("db.java")
    older.mkdir()
    with open_store(folder) as state:
        assert str(folder) + ".java-2" in state.notices[0]
    assert list(older.iterdir()) == []
    assert (folder.with_name("db.java-2") / "IDENTITY").exists()


def test_where_files_cannot_be_linked_they_are_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with open_store(folder) as state:
        assert len(list(state.scan(b""))) == 77


def test_the_java_tool_that_still_runs_is_in_use(tmp_path: Path) -> None:
    folder = a_java_database(tmp_path / "db", some_pairs(10))
    program = (
        "import rocksdict, sys\n"
        "opened = rocksdict.Rdict(sys.argv[1], rocksdict.Options(raw_mode=True))\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout
        assert other.stdout.readline().strip() == b"open"
        with pytest.raises(StateError) as caught:
            open_store(folder)
        other.communicate()
    assert caught.value.code == "in-use"
    assert beside(folder) == {"db", "db.lock"}


def test_the_java_tool_that_starts_meanwhile_is_in_use(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(folder)
    answers = iter([False, True])
    monkeypatch.setattr(database_folder, "is_open_elsewhere", lambda _: next(answers))
    with pytest.raises(StateError) as caught:
        open_store(folder)
    assert caught.value.code == "in-use"
    assert contents(folder) == before
    assert beside(folder) == {"db", "db.lock"}


@pytest.mark.parametrize(
    ("source", "package"), [(JAVA_DB, "rocksdict"), (DATA / "java_db_2018" / "log", "plyvel")]
)
def test_without_the_library_that_reads_it_it_is_not_touched(
    source: Path, package: str, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(source, tmp_path / "db"))
    before = contents(folder)
    said = opened_without(folder, package)
    assert said.startswith("wrong-format ")
    assert f"install the package {package}" in said
    assert contents(folder) == before
    assert beside(folder) == {"db", "db.lock"}
    assert "taken over" in opened_without(folder)


def test_without_leveldb_ours_is_rocksdb(folder: Path) -> None:
    assert opened_without(folder, "plyvel").startswith("rocksdb 77 taken over")
    with open_store(folder) as state:
        assert (state.engine, state.notices) == ("rocksdb", ())
