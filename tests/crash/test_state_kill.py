"""Record databases whose process is killed, or whose disk refuses, in the midst of writing."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.errors import StateError
from cos_migrate.state.opening import IN_USE, open_store
from cos_migrate.state.store import RecordStore

ROOT = Path(__file__).parents[2]
PER_BATCH = 20
# Each batch writes its number under twenty keys of its own and under one common key, and takes
# away what the batch before has left to be deleted. Only then it is acknowledged.
WRITER = """
import sys
from pathlib import Path
from cos_migrate.state.opening import open_store
folder, engine, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with open_store(folder, engine=engine) as state:
    assert state.notices == (), state.notices
    for number in range(first, 10**9):
        pairs = [(b"%d-%d" % (number, part), b"x" * 300) for part in range(20)]
        pairs += [(b"last", b"%d" % number), (b"doomed-%d" % number, b"")]
        state.write(pairs, [b"doomed-%d" % (number - 1)], sync=number % 50 == 0)
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""
HOLDER = """
import sys
from pathlib import Path
from cos_migrate.state.opening import open_store
with open_store(Path(sys.argv[1]), engine=sys.argv[2]) as state:
    state.write([(b"a", b"1")])
    print("open", flush=True)
    sys.stdin.read()
"""
LIBRARY_HOLDER = """
import plyvel, sys
opened = plyvel.DB(sys.argv[1], create_if_missing=True)
print("open", flush=True)
sys.stdin.read()
"""
LIMITED = """
import resource, signal, sys
from pathlib import Path
from cos_migrate.errors import StateError
from cos_migrate.state.opening import open_store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open_store(Path(sys.argv[1]), engine=sys.argv[2]) as state:
    number = 0
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
    try:
        while True:
            state.write([(b"%06d" % number, b"x" * 1000)])
            number += 1
    except StateError as error:
        print(number, error.code, error.fatal, error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        state.write([(b"later", b"")])
    except StateError as error:
        print(error.code)
    assert state.get(b"000000") == b"x" * 1000
"""


def python(code: str, *words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def check(folder: Path, acknowledged: int) -> int:
    """Check a database after a kill; return the number of the batch to go on with."""
    with open_store(folder) as state:
        assert state.notices == ()
        last = int(state.get(b"last") or -1)
        assert last in {acknowledged, acknowledged + 1}
        expected = {b"%d-%d" % (n, part) for n in range(last + 1) for part in range(PER_BATCH)}
        expected |= {b"last", b"doomed-%d" % last}
        assert {key for key, _ in state.scan(b"")} == expected
    return last + 1


def test_kill_9_keeps_every_acknowledged_batch_and_no_half_one(engine: str, tmp_path: Path) -> None:
    folder = tmp_path / "db"
    dice = random.Random(7)
    first = 0
    for _ in range(4):
        with python(WRITER, folder, engine, first) as process:
            assert process.stdout
            enough = first + dice.randrange(1, 400)
            while (line := process.stdout.readline()) and int(line) < enough:
                pass
            process.kill()
            acknowledged = int((process.stdout.read().split() or [line])[-1])
        assert process.returncode != 0
        assert acknowledged >= enough
        first = check(folder, acknowledged)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGSTOP")
def test_a_process_that_is_stopped_is_in_use_and_a_killed_one_is_not(
    engine: str, tmp_path: Path
) -> None:
    with python(HOLDER, tmp_path, engine) as process:
        assert process.stdout
        assert process.stdout.readline() == b"open\n"
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(StateError) as caught:
            open_store(tmp_path)
        assert (caught.value.code, str(caught.value)) == ("in-use", IN_USE)
        process.kill()
    with open_store(tmp_path) as state:
        assert state.notices == ()
        assert state.get(b"a") == b"1"


def test_a_database_that_another_program_has_open_is_in_use(tmp_path: Path) -> None:
    pytest.importorskip("plyvel")
    folder = tmp_path / "db"
    with python(LIBRARY_HOLDER, folder) as process:
        assert process.stdout
        assert process.stdout.readline().strip() == b"open"
        with pytest.raises(StateError) as caught:
            open_store(folder)
        assert caught.value.code == "in-use"
        process.communicate()
    assert list(tmp_path.glob("db.damaged-*")) == []
    with open_store(folder) as state:
        assert (state.engine, state.notices) == ("leveldb", ())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no RLIMIT_FSIZE")
def test_a_refused_write_is_fatal_and_spoils_nothing(engine: str, tmp_path: Path) -> None:
    folder = tmp_path / "db"
    with python(LIMITED, folder, engine) as process:
        out = process.communicate()[0].decode()
    assert process.returncode == 0, out
    first, later = out.splitlines()
    number, code, fatal, message = first.split(" ", 3)
    assert (code, fatal, later) == ("unusable", "True", "unusable")
    assert message.startswith("cannot write the record database")
    with open_store(folder) as state:
        assert state.notices == ()
        keys = [key for key, _ in state.scan(b"")]
    # The refused write itself may be there or not: nobody was told that it is.
    assert keys[: int(number)] == [b"%06d" % n for n in range(int(number))]
    assert len(keys) - int(number) in {0, 1}


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of a few megabytes, where this user may."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this root may not mount")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(file: Path) -> None:
    """Leave no room at all."""
    with file.open("wb", buffering=0) as opened, contextlib.suppress(OSError):
        while opened.write(bytes(4096)):
            pass


def write_until_refused(state: RecordStore) -> tuple[int, StateError]:
    for number in itertools.count():
        try:
            state.write([(b"%06d" % number, os.urandom(20_000))])
        except StateError as error:
            return number, error
    raise AssertionError


def test_a_full_disk_is_said_and_overcome(engine: str, tiny_disk: Path) -> None:
    folder = tiny_disk / "db"
    with open_store(folder, engine=engine) as state:
        written, error = write_until_refused(state)
    assert "disk is full" in str(error)
    assert (error.code, error.fatal) == ("unusable", True)
    fill(tiny_disk / "rest")
    with pytest.raises(StateError) as caught:  # no room even to open
        open_store(folder)
    assert caught.value.code == "unusable"
    subprocess.run(["mount", "-o", "remount,size=64m", str(tiny_disk)], check=True)
    with open_store(folder) as state:
        assert state.notices == ()
        assert sum(1 for _ in state.scan(b"")) - written in {0, 1}
        state.write([(b"more", b"")], sync=True)
    assert list(tiny_disk.glob("db.damaged-*")) == []


def test_without_room_for_a_copy_a_damaged_database_is_not_touched(
    engine: str, tiny_disk: Path
) -> None:
    folder = tiny_disk / "db"
    pairs = [(b"%06d" % number, os.urandom(20_000)) for number in range(200)]
    with open_store(folder, engine=engine) as state:
        state.write(pairs)
    (folder / "CURRENT").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    fill(tiny_disk / "rest")
    with pytest.raises(StateError, match="disk is full") as caught:
        open_store(folder)
    assert caught.value.code == "unusable"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert list(tiny_disk.glob("db.damaged-*")) == []
    (tiny_disk / "rest").unlink()
    with open_store(folder) as state:
        assert len(state.notices) == 2
        assert list(state.scan(b"")) == pairs
