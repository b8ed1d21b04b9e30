"""A take-over of damaged records, and one that broke off."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from cos_migrate.errors import StateError
from cos_migrate.state import database_folder, java_conversion
from cos_migrate.state.opening import open_store
from tests.unit.state.test_take_over import DATA, beside, contents, java_pairs, plyvel


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def the(folder: Path, pattern: str) -> Path:
    [found] = folder.glob(pattern)
    return found


@pytest.mark.parametrize(
    ("harm", "left"),
    [
        (lambda folder: (folder / "CURRENT").unlink(), 77),
        (lambda folder: (folder / "CURRENT").write_bytes(b""), 77),
        (lambda folder: the(folder, "MANIFEST-*").unlink(), 77),
        (lambda folder: flip(the(folder, "MANIFEST-*"), 40), 77),
        (lambda folder: flip(the(folder, "*.sst"), 300), 11),
        (lambda folder: the(folder, "*.sst").unlink(), 11),
        (lambda folder: os.truncate(the(folder, "*.sst"), 1500), 11),
        (lambda folder: flip(the(folder, "*.log"), 40), 66),
        (lambda folder: [p.unlink() for p in folder.iterdir() if p.suffix != ".sst"], 66),
    ],
)
def test_of_a_damaged_one_what_can_be_read_is_taken_over_and_it_is_said(
    folder: Path, harm: object, left: int, tmp_path: Path, engine: str
) -> None:
    whole = java_pairs(folder, tmp_path)
    assert callable(harm)
    harm(folder)
    before = contents(folder)
    with open_store(folder, engine=engine) as state:
        assert len(state.notices) == 2
        assert "was damaged" in state.notices[0]
        assert "sent again" in state.notices[0]
        found = dict(state.scan(b""))
    assert found.items() <= whole.items()
    assert len(found) >= left
    assert contents(folder.with_name("db.java")) == before


def test_a_log_cut_short_by_a_kill_is_no_damage(folder: Path) -> None:
    log = the(folder, "*.log")
    os.truncate(log, log.stat().st_size - 10)
    with open_store(folder) as state:
        assert len(state.notices) == 1
        assert len(list(state.scan(b""))) == 76


def test_one_of_which_nothing_can_be_read_is_refused_and_not_touched(
    folder: Path, engine: str
) -> None:
    for path in folder.iterdir():
        if path.suffix in {".sst", ".log"} or path.name.startswith("MANIFEST"):
            path.write_bytes(b"\xff" * path.stat().st_size)
    before = contents(folder)
    with pytest.raises(StateError, match="nothing could be read from it") as caught:
        open_store(folder, engine=engine)
    assert (caught.value.code, caught.value.fatal) == ("damaged", True)
    assert contents(folder) == before
    assert beside(folder) == {"db", "db.lock"}


def test_a_damaged_one_of_the_first_version(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DATA / "java_db_2018" / "table", tmp_path / "db"))
    flip(the(folder, "MANIFEST-*"), 40)
    with open_store(folder) as state:
        assert "was damaged" in state.notices[0]
        assert len(list(state.scan(b""))) == 33


def test_a_take_over_that_broke_off_begins_again(folder: Path) -> None:
    work = folder.with_name("db.takeover")
    (work / "copy").mkdir(parents=True)
    (work / "copy" / "half.sst").touch()
    with open_store(folder) as state:
        assert len(list(state.scan(b""))) == 77
        assert len(state.notices) == 1
    assert beside(folder) == {"db", "db.java", "db.lock"}


def broken_off_between_the_names(folder: Path) -> dict[bytes, bytes]:
    """Leave what a kill leaves when the old folder has its new name, and the new one not yet."""
    with open_store(folder) as state:
        pairs = dict(state.scan(b""))
    work = folder.with_name("db.takeover")
    work.mkdir()
    folder.rename(work / "new")
    return pairs


@pytest.mark.parametrize("there", [False, True])
def test_a_take_over_is_finished_by_the_next_start(folder: Path, there: bool) -> None:
    pairs = broken_off_between_the_names(folder)
    if there:
        folder.mkdir()
    with open_store(folder) as state:
        assert dict(state.scan(b"")) == pairs
        assert state.taken_over
        assert "38 records" in state.notices[0]
    assert beside(folder) == {"db", "db.java", "db.lock"}


def test_the_java_tool_that_wrote_on_is_read_again(folder: Path) -> None:
    broken_off_between_the_names(folder)
    folder.with_name("db.java").rename(folder)
    (folder.with_name("db.takeover") / "new" / "stale").touch()
    with open_store(folder) as state:
        assert len(list(state.scan(b""))) == 77
    assert not (folder / "stale").exists()
    assert beside(folder) == {"db", "db.java", "db.lock"}


def test_what_was_begun_in_its_place_is_kept_and_so_is_what_was_taken_over(folder: Path) -> None:
    broken_off_between_the_names(folder)
    plyvel.DB(str(folder), create_if_missing=True).close()
    with open_store(folder) as state:
        assert list(state.scan(b"")) == []
        assert not state.taken_over
    assert (folder.with_name("db.takeover") / "new" / "TAKEN_OVER").exists()


def test_a_database_that_begins_anew_has_no_records_of_the_java_tool(folder: Path) -> None:
    with open_store(folder):
        pass
    database_folder.remove_files(folder)
    with open_store(folder) as state:
        assert not state.taken_over


def test_nothing_is_left_when_the_disk_refuses(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(folder)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(java_conversion, "_write_synced", refuse)
    with pytest.raises(StateError, match="disk is full") as caught:
        open_store(folder)
    assert caught.value.code == "unusable"
    assert contents(folder) == before
    assert beside(folder) == {"db", "db.lock"}
