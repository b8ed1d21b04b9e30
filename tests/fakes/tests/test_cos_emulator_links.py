"""Links that another user has put into the folder of the embedded COS lead nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator.store import Store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="few may make links on Windows")
BUCKET = "b-1250000000"


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A folder that must stay as it is."""
    folder = tmp_path / "victim"
    (folder / "sub").mkdir(parents=True)
    (folder / "precious").write_bytes(b"precious")
    (folder / "1-1").write_bytes(b"precious")
    yield folder
    assert {path.name for path in folder.iterdir()} == {"precious", "1-1", "sub"}
    assert (folder / "precious").read_bytes() == (folder / "1-1").read_bytes() == b"precious"
    assert list((folder / "sub").iterdir()) == []


@pytest.fixture
def cos(tmp_path: Path) -> Path:
    folder = tmp_path / "cos"
    folder.mkdir()
    return folder


def put(store: Store, key: str, data: bytes = b"new") -> None:
    store.put(BUCKET, key, store.receive([data]), {})


def content(store: Store, key: str) -> bytes:
    _, file = store.open(BUCKET, key)
    with file:
        return file.read()


@pytest.mark.parametrize("name", [".tmp", ".meta", ".uploads"])
def test_its_own_folders(cos: Path, victim: Path, name: str) -> None:
    (cos / name).symlink_to(victim)
    with pytest.raises(OSError, match="it is a link"):
        Store(cos)


def test_an_upload(cos: Path, victim: Path) -> None:
    (cos / ".uploads").mkdir()
    (cos / ".uploads" / "id").symlink_to(victim)
    store = Store(cos)
    upload = store.begin_upload(BUCKET, "k", {})
    folder = cos / ".uploads" / upload.upload_id
    folder.rename(cos / "moved")
    folder.symlink_to(victim)
    with pytest.raises(OSError, match="link"):
        store.put_part(upload, 1, store.receive([b"part"]))
    store.abort(upload)


def test_folders_of_keys(cos: Path, victim: Path) -> None:
    store = Store(cos)
    put(store, "a/b")
    (cos / BUCKET / "link").symlink_to(victim)
    put(store, "link/precious")
    put(store, "link/sub/x")
    assert content(store, "link/precious") == b"new"
    (cos / BUCKET / "a").rename(cos / BUCKET / "moved")
    (cos / BUCKET / "a").symlink_to(victim)
    with pytest.raises(OSError, match="link"):
        store.open(BUCKET, "a/b")
    (victim / "b").write_bytes(b"precious")
    store.delete(BUCKET, "a/b")
    assert (victim / "b").read_bytes() == b"precious"
    (victim / "b").unlink()
    put(store, "c")
    store.close()


def test_the_bucket(cos: Path, victim: Path) -> None:
    (cos / BUCKET).symlink_to(victim)
    store = Store(cos)
    with pytest.raises(OSError, match="link"):
        put(store, "precious")


def test_single_files(cos: Path, victim: Path) -> None:
    store = Store(cos)
    put(store, "a")
    (cos / BUCKET / "a").unlink()
    (cos / BUCKET / "a").symlink_to(victim / "precious")
    with pytest.raises(OSError, match=r"."):
        store.open(BUCKET, "a")
    put(store, "a", b"again")
    assert not (cos / BUCKET / "a").is_symlink()
    store.close()
    journal = cos / ".meta" / f"{BUCKET}.jsonl"
    journal.rename(cos / "moved")
    journal.symlink_to(victim / "precious")
    with pytest.raises(OSError, match=r"."):
        put(store, "b")
    with pytest.raises(OSError, match=r"."):
        Store(cos)


def test_only_files_of_its_own_are_removed(cos: Path, victim: Path) -> None:
    store = Store(cos)
    store.close()
    (cos / ".tmp" / "notes").write_bytes(b"mine")
    (cos / ".tmp" / "12-3").symlink_to(victim / "precious")
    Store(cos)
    assert [path.name for path in (cos / ".tmp").iterdir()] == ["notes"]
