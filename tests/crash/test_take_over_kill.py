"""A process that is killed while it takes over the Java tool's database."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cos_migrate.state.opening import open_store

rocksdict = pytest.importorskip("rocksdict")
pytest.importorskip("plyvel")
ROOT = Path(__file__).parents[2]
[JAVA_DB] = (ROOT / "tests" / "data").glob("java_db/db/*/*/*")
OPENER = """
import sys
from pathlib import Path
from cos_migrate.state.opening import open_store
print("begin", flush=True)
with open_store(Path(sys.argv[1]), engine=sys.argv[2]) as state:
    print(len(list(state.scan(b""))))
"""
# Every call of what changes files beside the database counts; before the call of the given
# number the process is killed, as kill -9 does it.
STEPPER = """
import os, shutil, signal, sys
from pathlib import Path
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore
from cos_migrate.state import database_folder, java_conversion
left = int(sys.argv[3])
def step(module, name):
    real = getattr(module, name)
    def stepped(*words, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **named)
    setattr(module, name, stepped)
for module, name in [
    (os, "link"), (os, "mkdir"), (os, "rename"), (os, "replace"), (os, "unlink"), (os, "rmdir"),
    (shutil, "rmtree"), (shutil, "copyfile"),
    (database_folder, "sync_folder"), (database_folder, "sync_names"),
    (RecordStore, "write"), (RecordStore, "close"),
]:
    step(module, name)
open_store(Path(sys.argv[1]), engine=sys.argv[2]).close()
print("survived", flush=True)
"""


def python(code: str, *words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check(folder: Path, original: dict[str, bytes], pairs: dict[bytes, bytes]) -> None:
    """Check that nothing is lost and nothing left over, and that the original is whole."""
    with open_store(folder) as state:
        assert dict(state.scan(b"")) == pairs
        assert state.taken_over
        assert all("damaged" not in notice for notice in state.notices)
    assert contents(folder.with_name("db.java")) == original
    assert {path.name for path in folder.parent.iterdir()} == {"db", "db.java", "db.lock"}


def test_a_kill_at_every_step(engine: str, tmp_path: Path) -> None:
    original = contents(JAVA_DB)
    whole = tmp_path / "whole" / "db"
    shutil.copytree(JAVA_DB, whole)
    with open_store(whole) as state:
        pairs = dict(state.scan(b""))
    for steps in itertools.count(step=1 if engine == "leveldb" else 5):
        folder = tmp_path / str(steps) / "db"
        shutil.copytree(JAVA_DB, folder)
        with python(STEPPER, folder, engine, steps) as process:
            said = process.communicate()[0]
        check(folder, original, pairs)
        if said:
            break
        assert process.returncode == -9
    assert steps > 15


def test_kills_at_any_time_and_the_next_start_is_killed_too(engine: str, tmp_path: Path) -> None:
    dice = random.Random(11)
    folder = tmp_path / "db"
    pairs = {b"record %06d" % n: b"[mtime: %d], [fileSize: %d]" % (n, n) for n in range(60_000)}
    database = rocksdict.Rdict(str(folder), rocksdict.Options(raw_mode=True))
    batch = rocksdict.WriteBatch(raw_mode=True)
    for key, value in pairs.items():
        batch.put(key, value)
    database.write(batch)
    database.close()
    (folder / "rocksdict-config.json").unlink()
    original = contents(folder)
    for _ in range(8):
        with python(OPENER, folder, engine) as process:
            assert process.stdout
            assert process.stdout.readline()
            time.sleep(dice.random() * 0.3)
            process.kill()
    check(folder, original, pairs)
