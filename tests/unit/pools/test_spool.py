"""Temporary files: bounded by what the disk has, alone in their folder, gone at the end."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from cos_migrate.errors import StateError
from cos_migrate.pools import temp_files as spool
from cos_migrate.pools.temp_files import RESERVE, TempFiles, has_room
from cos_migrate.safe_files import PrivateFolder


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A disk whose free bytes a test says."""
    free = [RESERVE + 1000]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free[0]))
    return free


@pytest.fixture
def opened(tmp_path: Path) -> TempFiles:
    made = TempFiles(tmp_path, "job")
    made.open()
    return made


def test_a_file_of_the_wanted_size_which_goes_at_release(opened: TempFiles) -> None:
    path = Path(opened.reserve("/a", 1234))
    assert path.parent == opened.folder
    assert path.stat().st_size == 1234
    other = Path(opened.reserve("/b", 0))
    assert other != path
    opened.release("/a")
    opened.release("/a")
    opened.release("/none")
    assert not path.exists()
    assert other.exists()
    opened.close()
    assert not opened.folder.exists()


def test_a_second_reservation_replaces_the_first(opened: TempFiles) -> None:
    first = Path(opened.reserve("/a", 10))
    second = Path(opened.reserve("/a", 20))
    assert not first.exists()
    assert second.stat().st_size == 20
    opened.close()


def test_what_was_promised_counts_as_taken(opened: TempFiles, disk: list[int]) -> None:
    assert opened.reserve("/a", 600)
    # Nothing has been written to it: the disk does not know of it yet.
    assert opened.reserve("/b", 500) == ""
    assert opened.reserve("/c", 400)
    opened.release("/a")
    assert opened.reserve("/b", 600)
    assert opened.reserve("/d", 1) == ""
    disk[0] += 1
    assert opened.reserve("/d", 1)
    opened.close()


def test_what_was_written_is_not_counted_twice(
    opened: TempFiles, disk: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = opened.reserve("/a", 600)
    monkeypatch.setattr(spool, "_allocated", lambda _, name: 600 if path.endswith(name) else 0)
    disk[0] -= 600
    assert opened.reserve("/b", 400)
    assert opened.reserve("/c", 1) == ""
    opened.close()


def test_a_file_that_a_worker_has_made_is_ours(opened: TempFiles) -> None:
    path = opened.folder / "worker-1.big"
    path.write_bytes(b"x")
    opened.adopt("/a", str(path), 1)
    opened.release("/a")
    assert not path.exists()
    opened.close()


def test_leftovers_of_a_dead_run_go_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "spool-job"
    folder.mkdir()
    for name in ("1", "worker-abc", "worker-abc.big", ".lock"):
        (folder / name).write_bytes(b"left")
    beside = tmp_path / "spool-other"
    beside.mkdir()
    (beside / "1").write_bytes(b"left")
    made = TempFiles(tmp_path, "job")
    made.open()
    assert [path.name for path in folder.iterdir()] == [".lock"]
    assert (beside / "1").exists()
    made.close()
    assert not folder.exists()


def test_two_of_one_job_are_refused_and_nothing_is_taken_away(tmp_path: Path) -> None:
    first, second = TempFiles(tmp_path, "job"), TempFiles(tmp_path, "job")
    first.open()
    path = Path(first.reserve("/a", 5))
    with pytest.raises(StateError, match="in use by another process"):
        second.open()
    second.close()
    assert path.exists()
    first.close()
    second.open()
    second.close()


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "spool-job").write_bytes(b"a file in its place")
    with pytest.raises(StateError, match="cannot use"):
        TempFiles(tmp_path, "job").open()


def test_an_unopened_one_can_be_closed(tmp_path: Path) -> None:
    TempFiles(tmp_path, "job").close()
    assert list(tmp_path.iterdir()) == []


def test_room_beside_what_must_stay_free(tmp_path: Path, disk: list[int]) -> None:
    assert has_room(str(tmp_path), 1000)
    assert not has_room(str(tmp_path), 1001)
    disk[0] = 0
    assert not has_room(str(tmp_path), 0)


def test_a_folder_that_is_gone_has_no_room(tmp_path: Path) -> None:
    assert not has_room(str(tmp_path / "none"), 1)


def test_a_file_that_cannot_go_yet_goes_at_the_end(
    opened: TempFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: PrivateFolder, name: str) -> None:
        raise PermissionError(13, "in use", name)

    path = Path(opened.reserve("/a", 1))
    with monkeypatch.context() as patched:
        patched.setattr(PrivateFolder, "remove", refuse)
        opened.release("/a")
    assert path.exists()
    opened.close()
    assert not opened.folder.exists()


def test_those_that_come_while_one_ends_never_share_the_folder(
    tmp_path: Path, disk: list[int]
) -> None:
    disk[0] = 2 * RESERVE
    inside = taken = 0
    wrong: list[object] = []
    ending = time.monotonic() + 0.5

    def come_and_go() -> None:
        nonlocal inside, taken
        while time.monotonic() < ending and not wrong:
            mine = TempFiles(tmp_path, "job")
            try:
                mine.open()
            except StateError as error:
                if "in use" not in str(error):
                    wrong.append(error)
                continue
            inside += 1
            taken += 1
            if inside != 1 or not mine.reserve("/a", 1):
                wrong.append("two are in it")
            inside -= 1
            mine.close()

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert taken
