"""Locks: one that is held, and file systems that keep none."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cos_migrate import lock as file_lock
from cos_migrate.errors import StateError
from cos_migrate.lock import FileLock, NoFileLocks
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.logs import Logs
from cos_migrate.state.opening import open_store

if sys.platform == "win32":
    pytest.skip("every file system keeps locks there", allow_module_level=True)

import fcntl

ROOT = Path(__file__).resolve().parents[2]
NO_LOCKS = [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL]
_SHIM = """
#include <errno.h>
#include <sys/file.h>
int flock(int descriptor, int operation) { errno = ENOLCK; return -1; }
"""


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, name, refused)


def test_a_lock_that_is_held(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()


def test_a_lock_whose_file_was_removed_by_its_holder_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    holder, second, third = FileLock(path), FileLock(path), FileLock(path)
    assert holder.acquire()
    real = file_lock._lock

    def lock(descriptor: int) -> None:
        holder.remove()  # it ends when the second has opened the file already
        real(descriptor)

    monkeypatch.setattr(file_lock, "_lock", lock)
    assert second.acquire()
    assert not third.acquire()


@pytest.mark.parametrize("number", NO_LOCKS)
def test_a_file_system_without_locks(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "flock", number)
    with pytest.raises(NoFileLocks, match="keeps no file locks"):
        FileLock(tmp_path / "lock").acquire()


@pytest.mark.parametrize("number", NO_LOCKS)
@pytest.mark.parametrize("name", ["flock", "lockf"])
def test_a_database_without_locks_is_not_in_use(
    name: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(tmp_path / "db") as state:
        state.write([(b"a", b"1")])
    with monkeypatch.context() as patched:
        refuse(patched, name, number)
        with pytest.raises(StateError) as caught:
            open_store(tmp_path / "db")
    assert caught.value.code == "unusable"
    assert "another process" not in str(caught.value)
    if name == "flock" or number in {errno.ENOLCK, errno.EOPNOTSUPP}:
        assert "local disk" in str(caught.value)
    with open_store(tmp_path / "db") as state:
        assert state.get(b"a") == b"1"


def test_a_temporary_folder_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "flock", errno.ENOLCK)
    with pytest.raises(StateError, match=r"keeps no file locks .* use a folder on a local disk"):
        TempFiles(tmp_path, "job").open()


def test_logs_are_written_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "flock", errno.ENOLCK)
    logs = Logs(tmp_path / "log")
    logs.info("a line")
    logs.close()
    assert "a line" in (tmp_path / "log" / "info.log").read_text(encoding="utf-8")


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs a C compiler on Linux"
)
def test_a_start_in_a_folder_without_locks(tmp_path: Path) -> None:
    shim = tmp_path / "shim"
    (tmp_path / "shim.c").write_text(_SHIM, encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, tmp_path / "shim.c"], check=True)
    for name in ("data", "tmp"):
        (tmp_path / name).mkdir()
    config = tmp_path / "c.ini"
    config.write_text(
        "[migrateType]\ntype=migrateLocal\n[common]\nsecretId=a\nsecretKey=b\n"
        "bucketName=examplebucket-1250000000\nregion=ap-guangzhou\n"
        f"endPointSuffix=localhost:1\n[migrateLocal]\nlocalPath={tmp_path / 'data'}\n",
        encoding="utf-8",
    )
    ended = subprocess.run(
        [sys.executable, "-m", "cos_migrate", config],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": str(shim)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    assert "move the tool's folder to a local disk" in ended.stderr
    assert "another process" not in ended.stderr
