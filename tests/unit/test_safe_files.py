"""Names that another user of the machine may have put something in the place of."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from cos_migrate.errors import StateError
from cos_migrate.lock import FileLock
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.append_file import AppendFile
from cos_migrate.safe_files import (
    PrivateFolder,
    UnsafePathError,
    has_no_links,
    make_private_folder,
    make_private_folders,
    open_safely,
    private_parent,
    write_safely,
)
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import note_run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither modes nor owners")
superuser = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser gives files away"
)
STRANGER = 54321
WRITE = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that all users may write to, as /tmp."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    folder = tmp_path / "victim"
    folder.mkdir()
    for name in ("1", "worker-abc", "precious"):
        (folder / name).write_bytes(b"precious")
    return folder


def untouched(victim: Path) -> bool:
    return {path.name: path.read_bytes() for path in victim.iterdir()} == dict.fromkeys(
        ("1", "worker-abc", "precious"), b"precious"
    )


def append(path: Path) -> None:
    os.close(open_safely(path, WRITE))


def test_a_new_file_has_the_mode_that_was_asked_for(shared: Path) -> None:
    before = os.umask(0o077)
    try:
        os.close(open_safely(shared / "a", WRITE, 0o644))
        os.close(open_safely(shared / "b", WRITE))
    finally:
        os.umask(before)
    assert (mode(shared / "a"), mode(shared / "b")) == (0o644, 0o600)
    (shared / "a").chmod(0o640)
    os.close(open_safely(shared / "a", WRITE, 0o644))
    assert mode(shared / "a") == 0o640


@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_a_shared_folder_is_refused(shared: Path, victim: Path, *, there: bool) -> None:
    (shared / "x").symlink_to(victim / ("precious" if there else "new"))
    for flags in (WRITE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_RDONLY):
        with pytest.raises(UnsafePathError, match="symbolic link") as caught:
            open_safely(shared / "x", flags)
        assert caught.value.filename == str(shared / "x")
        assert str(shared) in str(caught.value)
    assert untouched(victim)


def test_a_link_in_a_folder_of_this_user_alone_is_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (tmp_path / "x").symlink_to(target)
    tmp_path.chmod(0o755)
    write_safely(tmp_path / "x", b"content")
    assert target.read_bytes() == b"content"
    tmp_path.chmod(0o775)
    with pytest.raises(UnsafePathError):
        write_safely(tmp_path / "x", b"other")
    assert target.read_bytes() == b"content"


def test_other_things_in_a_files_place_are_refused(shared: Path, victim: Path) -> None:
    os.link(victim / "precious", shared / "hard")
    os.mkfifo(shared / "pipe")
    with pytest.raises(UnsafePathError, match="hard link"):
        open_safely(shared / "hard", os.O_WRONLY | os.O_TRUNC)
    with pytest.raises(UnsafePathError, match="no regular file"):
        open_safely(shared / "pipe", os.O_RDWR | os.O_CREAT)
    with pytest.raises(OSError, match=r".") as caught:
        open_safely(shared / "pipe", WRITE)  # it does not wait for a reader
    assert caught.value.errno
    assert untouched(victim)


@superuser
def test_files_of_strangers_are_refused(shared: Path) -> None:
    (shared / "x").touch()
    os.chown(shared / "x", STRANGER, -1)
    with pytest.raises(UnsafePathError, match=f"uid {STRANGER}"):
        open_safely(shared / "x", os.O_WRONLY)
    os.chown(shared, STRANGER, -1)
    os.close(open_safely(shared / "x", os.O_WRONLY))  # the folder is theirs too: all of it is


def test_locks_lists_and_databases_follow_no_link(
    shared: Path, victim: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = victim / "precious"

    def lock(path: Path) -> None:
        FileLock(path).acquire()

    def database(path: Path) -> None:
        open_store(path).close()

    def beside(path: Path) -> None:
        open_store(path.with_name("database")).close()

    def note(path: Path) -> None:
        note_run(path.parent, "job")

    cases: dict[str, tuple[Callable[[Path], None], Path]] = {
        "lock": (lock, precious),
        "folder": (database, victim),
        "database.lock": (beside, precious),
        "README": (note, precious),
    }
    for name, (act, target) in cases.items():
        (shared / name).symlink_to(target)
        with pytest.raises((OSError, StateError), match="symbolic link"):
            act(shared / name)
    (shared / "list.jsonl").symlink_to(precious)
    assert not AppendFile(shared / "list.jsonl").append(b"line\n")
    assert "symbolic link" in capsys.readouterr().err
    assert untouched(victim)


@pytest.mark.parametrize("name", ["000009.log", "README", "MANIFEST-000002"])
def test_no_library_writes_through_a_link(tmp_path: Path, victim: Path, name: str) -> None:
    folder = tmp_path / "a" / "b" / "database"
    open_store(folder).close()
    folder.chmod(0o1777)
    link = folder / name
    link.unlink(missing_ok=True)
    link.symlink_to(victim / "precious")
    for _ in range(2):
        with pytest.raises(StateError, match=rf"{name}\): it is a symbolic link"):
            open_store(folder)
    assert mode(folder) & 0o777 == 0o755
    assert untouched(victim)
    link.unlink()
    open_store(folder).close()


def test_folders_are_made_for_this_user_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        make_private_folders(tmp_path / "db" / "kind" / "bucket", 2)
    finally:
        os.umask(before)
    for path in ("db", "db/kind", "db/kind/bucket"):
        assert mode(tmp_path / path) == 0o700
    (tmp_path / "db").chmod(0o755)
    make_private_folder(tmp_path / "db")
    assert mode(tmp_path / "db") == 0o755
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "file")


def test_links_to_folders_are_legal_where_only_this_user_writes(
    tmp_path: Path, shared: Path, victim: Path
) -> None:
    tmp_path.chmod(0o755)
    for folder, refused in ((tmp_path, False), (shared, True)):
        (folder / "link").symlink_to(victim)
        if refused:
            with pytest.raises(UnsafePathError, match="symbolic link"):
                make_private_folder(folder / "link")
        else:
            make_private_folder(folder / "link")


@superuser
def test_folders_of_strangers_are_refused(shared: Path) -> None:
    (shared / "x").mkdir()
    os.chown(shared / "x", STRANGER, -1)
    with pytest.raises(UnsafePathError, match=f"uid {STRANGER}"):
        make_private_folder(shared / "x")
    with pytest.raises(UnsafePathError, match=f"uid {STRANGER}"):
        PrivateFolder.make_or_open(shared / "x")
    assert list((shared / "x").iterdir()) == []


def test_a_path_with_a_link_in_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to("b")
    root = str(tmp_path)
    assert has_no_links(root, "a/b/new")
    assert has_no_links(root, "none/new")
    assert not has_no_links(root, "a/link/new")
    assert not has_no_links(root, "a/link")


# The temporary folder


def test_a_link_in_the_place_of_the_temporary_folder(shared: Path, victim: Path) -> None:
    (shared / "spool-job").symlink_to(victim)
    with pytest.raises(StateError) as caught:
        TempFiles(shared, "job").open()
    assert str(shared / "spool-job") in str(caught.value)
    assert "symbolic link: remove it, or set another tmpFolder" in str(caught.value)
    assert untouched(victim)


def test_the_temporary_folder_is_for_this_user_alone(shared: Path) -> None:
    left = shared / "spool-job"
    left.mkdir()
    left.chmod(0o777)
    for name in ("1", "worker-00ff", "worker-00ff.big", "precious", "worker-xyz"):
        (left / name).touch()
    (left / "sub").mkdir()
    made = TempFiles(shared, "job")
    made.open()
    assert mode(left) == 0o700
    assert {path.name for path in left.iterdir()} == {".lock", "precious", "worker-xyz", "sub"}
    path = Path(made.reserve("/a", 5))
    assert mode(path) == 0o600
    made.close()
    assert {path.name for path in left.iterdir()} == {"precious", "worker-xyz", "sub"}


def test_a_link_that_is_raced_in_is_not_written_through(shared: Path, victim: Path) -> None:
    made = TempFiles(shared, "job")
    made.open()
    (made.folder / "1").symlink_to(victim / "precious")
    path = Path(made.reserve("/a", 5))
    assert not path.is_symlink()
    assert untouched(victim)
    with private_parent(path) as (folder, name):
        folder.remove(name)
        path.symlink_to(victim / "precious")
        for flags in (os.O_RDONLY, os.O_RDWR):
            with pytest.raises(OSError, match=r"."):
                folder.open(name, flags)
    made.close()
    assert untouched(victim)


def test_a_folder_that_is_swapped_under_a_run(shared: Path, victim: Path) -> None:
    made = TempFiles(shared, "job")
    made.open()
    first = Path(made.reserve("/a", 5))
    made.folder.rename(shared / "moved")
    made.folder.symlink_to(victim)
    second = Path(made.reserve("/b", 5))
    with pytest.raises(UnsafePathError), private_parent(first):
        pass
    made.release("/a")
    assert (shared / "moved" / second.name).exists()
    made.close()
    assert untouched(victim)
    assert not list((shared / "moved").iterdir())


def test_a_start_behind_a_refusal_works_when_the_link_is_gone(shared: Path, victim: Path) -> None:
    (shared / "spool-job").symlink_to(victim)
    made = TempFiles(shared, "job")
    with pytest.raises(StateError):
        made.open()
    (shared / "spool-job").unlink()
    made.open()
    assert made.reserve("/a", 1)
    made.close()
