"""The record database over both engines: durability, locks, formats, damage."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import rocksdict
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate import records, state
from cos_migrate.errors import StateError
from cos_migrate.model import Fingerprint, PartRecord, SavePoint
from cos_migrate.save_points import SavePoints
from cos_migrate.state import IN_USE, State

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ["leveldb", "rocksdb"]
if sys.version_info >= (3, 13):
    ENGINES.remove("leveldb")
engines = pytest.mark.parametrize("engine", ENGINES)


@engines
def test_what_is_written_is_there_again(tmp_path: Path, engine: str) -> None:
    folder = tmp_path / "db"
    with State.open(folder, engine=engine) as one:
        assert one.get(b"a") is None
        one.write([(b"a", b"1"), (b"ab", b"2"), (b"b", b"\0\xff")])
        one.write([(b"a", b"3")], [b"b"], sync=True)
        assert list(one.scan(b"a")) == [(b"a", b"3"), (b"ab", b"2")]
        one.sync()
    with State.open(folder) as again:
        assert (again.get(b"a"), again.get(b"b")) == (b"3", None)
        assert again.notices == ()


@engines
def test_a_scan_sees_only_its_prefix(tmp_path: Path, engine: str) -> None:
    with State.open(tmp_path / "db", engine=engine) as one:
        one.write([(bytes([n]), b"") for n in range(256)])
        assert list(one.scan(b"\xff")) == [(b"\xff", b"")]
        assert len(list(one.scan(b""))) == 256


@engines
def test_a_second_opening_is_refused(tmp_path: Path, engine: str) -> None:
    folder = tmp_path / "db"
    with State.open(folder, engine=engine):
        with pytest.raises(StateError) as caught:
            State.open(folder)
        assert (str(caught.value), caught.value.code) == (IN_USE, "in-use")
        code = (
            "import sys\nfrom pathlib import Path\nfrom cos_migrate.state import State\n"
            "State.open(Path(sys.argv[1]))"
        )
        other = subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert IN_USE in other.stderr
    State.open(folder).close()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_java_tools_format_is_recognised_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    database = rocksdict.Rdict(str(folder), rocksdict.Options(raw_mode=True))
    database[b"key"] = b"value"
    database.close()
    before = snapshot(folder)
    with pytest.raises(StateError, match="Java tool") as caught:
        State.open(folder)
    assert caught.value.code == "wrong-format"
    assert snapshot(folder) == before


@engines
def test_a_folder_keeps_its_format(tmp_path: Path, engine: str) -> None:
    folder = tmp_path / "db"
    with State.open(folder, engine=engine) as one:
        one.write([(b"k", b"v")])
    other = "rocksdb" if engine == "leveldb" else "leveldb"
    with State.open(folder, engine=other) as again:
        assert again.get(b"k") == b"v"


@pytest.mark.skipif("leveldb" not in ENGINES, reason="needs LevelDB")
def test_without_its_library_a_database_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "db"
    with State.open(folder, engine="leveldb") as one:
        one.write([(b"k", b"v")])
    before = snapshot(folder)
    monkeypatch.setattr(state, "_importable", lambda module: module != "plyvel")
    with pytest.raises(StateError, match=r"3\.10 to 3\.12") as caught:
        State.open(folder)
    assert caught.value.code == "wrong-format"
    assert snapshot(folder) == before


def truncate(pattern: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        for path in folder.glob(pattern):
            path.write_bytes(path.read_bytes()[:7])

    return damage


def garbage(pattern: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        for path in folder.glob(pattern):
            path.write_bytes(b"\xa5" * max(100, path.stat().st_size))

    return damage


def remove(pattern: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        for path in folder.glob(pattern):
            path.unlink()

    return damage


@engines
@pytest.mark.parametrize(
    "damage",
    [truncate("MANIFEST-*"), garbage("MANIFEST-*"), garbage("CURRENT"), remove("MANIFEST-*")],
    ids=["short manifest", "garbage manifest", "garbage current", "no manifest"],
)
def test_a_damaged_database_is_kept_aside_and_mended(
    tmp_path: Path, engine: str, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "db"
    with State.open(folder, engine=engine) as one:
        one.write([(b"%d" % n, b"v" * 100) for n in range(1000)], sync=True)
    damage(folder)
    with State.open(folder) as mended:
        assert any("was damaged" in notice for notice in mended.notices)
        mended.write([(b"new", b"1")])
        assert mended.get(b"new") == b"1"
    [aside] = tmp_path.glob("db.damaged-*")
    assert aside.is_dir()
    with State.open(folder) as again:
        assert again.notices == ()


@pytest.mark.skipif("leveldb" not in ENGINES, reason="needs LevelDB")
def test_a_damaged_record_is_no_missing_record(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    with State.open(folder, engine="leveldb") as one:
        for first in range(0, 20_000, 200):
            one.write([(b"key%05d" % n, os.urandom(500)) for n in range(first, first + 200)])
    for path in folder.glob("*.ldb"):
        data = bytearray(path.read_bytes())
        data[1000:2000] = b"\0" * 1000
        path.write_bytes(bytes(data))
    problems = []
    with State.open(folder) as one:
        assert one.notices == ()
        for n in range(20_000):
            try:
                assert one.get(b"key%05d" % n) is not None
            except StateError as error:
                problems.append(error.code)
    assert set(problems) == {"damaged"}


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("x")
    with pytest.raises(StateError) as caught:
        State.open(tmp_path / "db")
    assert caught.value.code == "unusable"


def test_the_readme_says_which_job_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "kind" / "abc"
    folder.mkdir(parents=True)
    state.note_run(folder, "[local: /a/], [cosFolder: /]")
    state.note_run(folder, "[local: /a/], [cosFolder: /]")
    text = (tmp_path / "kind" / "README").read_text(encoding="utf-8")
    assert text.count("[abc] [local: /a/], [cosFolder: /]\n") == 2


# -- records and save points ------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(NAMES, NAMES, st.integers(0, 2**50), st.integers(-1, 2**63), st.integers(1, 2**40))
def test_save_points_round_trip(
    upload_id: str, path: str, size: int, mtime_ns: int, part_size: int
) -> None:
    one = SavePoint(upload_id, path, path[::-1], Fingerprint(size, mtime_ns, "e"), part_size, 5)
    assert records.parse_upload(records.upload_value(one)) == one


@given(st.integers(1, 10_000), st.integers(0, 2**50), st.integers(0, 2**64 - 1))
def test_parts_round_trip(number: int, offset: int, crc64: int) -> None:
    part = PartRecord(number, offset, 5 << 20, "0123abc", crc64)
    assert records.parse_part(records.part_value(part)) == part


@given(st.binary(max_size=60))
def test_malformed_values_count_as_absent(value: bytes) -> None:
    part = records.parse_part(value)
    assert part is None or isinstance(part, PartRecord)
    upload = records.parse_upload(value)
    assert upload is None or isinstance(upload, SavePoint)


def test_the_java_tools_keys() -> None:
    assert records.request_id_key("/a b/ü") == "x-cos-requestId-/a b/ü".encode()
    assert records.save_point_key("b-1", "/k", "/data/k", 12, 5, 6) == (
        b"[task_kind: upload_savepoint] [bucket: b-1], [key: /k], [localPath: /data/k], "
        b"[mtime: 12], [partSize: 5], [mutlipartUploadThreshold: 6]"
    )


@engines
def test_save_points_in_a_database(tmp_path: Path, engine: str) -> None:
    one = SavePoint("id1", "/big", "/data/big", Fingerprint(20, 3_000_000), 10, 5)
    part = PartRecord(1, 0, 10, "etag", 77)
    with State.open(tmp_path / "db", engine=engine) as database:
        points = SavePoints(database, "b-1")
        assert points.find("/big") is None
        database.write(points.begun(one))
        database.write([(records.part_key("id1", 1), records.part_value(part))])
        found = points.find("/big")
        assert found
        assert found.parts == (part,)
        assert points.find_java("/big", "/data/big", 3, 10, 5) == "id1"
        assert [saved.upload_id for saved in points.all()] == ["id1"]
        database.write([], points.forget(one))
        assert list(database.scan(b"")) == []


def test_request_ids(tmp_path: Path) -> None:
    with State.open(tmp_path / "db") as database:
        database.write([(records.request_id_key("/a"), b"id"), (b"other", b"x")])
        assert records.query_request_id(database, "/a") == "id"
        assert records.query_request_id(database, "/b") is None
        assert list(records.dump_request_ids(database)) == [("/a", "id")]


# -- killed -----------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from cos_migrate.state import State
with State.open(Path(sys.argv[1]), engine=sys.argv[2]) as state:
    for number in range(10**9):
        pairs = [(b"%d-%d" % (number, part), b"x" * 200) for part in range(20)]
        state.write(pairs, sync=number % 50 == 0)
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


@engines
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_kill_9_keeps_what_was_acknowledged(tmp_path: Path, engine: str) -> None:
    folder = tmp_path / "db"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), engine],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    while int(process.stdout.readline() or -1) < 300:
        pass
    process.kill()
    last = int((process.stdout.read().splitlines() or ["300"])[-1])
    process.wait()
    process.stdout.close()
    with State.open(folder) as database:
        for number in range(last + 1):
            assert database.get(b"%d-19" % number) is not None
        # A batch that was not acknowledged is there whole, or not at all.
        after = [database.get(b"%d-%d" % (last + 1, part)) for part in range(20)]
        assert len(set(after)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE")
@engines
def test_a_full_disk_is_told_plainly(tmp_path: Path, engine: str) -> None:
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from cos_migrate.errors import StateError\nfrom cos_migrate.state import State\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "with State.open(Path(sys.argv[1]), engine=sys.argv[2]) as state:\n"
        "    try:\n"
        "        for n in range(10_000):\n"
        "            state.write([(b'%d' % n, b'x' * 1000)], sync=True)\n"
        "    except StateError as error:\n"
        "        print(error.fatal, error)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "db"), engine],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.stdout.startswith("True the record database"), answer.stdout + answer.stderr
