"""How local files are read: ranges, changes meanwhile, sizes that are wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cos_migrate.cos.payload import StreamPayload
from cos_migrate.errors import SourceChanged, SourceError
from cos_migrate.model import (
    SourceObject,
)
from cos_migrate.sources.local.source import LocalSource
from tests.sources.test_local import make, only, posix


def read_whole(one: LocalSource, obj: SourceObject) -> tuple[bytes, str]:
    return one.read_whole(obj.name, obj.fingerprint.size, obj.fingerprint.mtime_ns)


def test_reading_ranges(tmp_path: Path) -> None:
    (tmp_path / "f.JPG").write_bytes(bytes(range(200)))
    one, obj = only(tmp_path)
    with one.open(obj, 50, 100) as reader:
        assert reader.read(30) == bytes(range(50, 80))
        assert reader.read(1000) == bytes(range(80, 150))
        assert reader.read(1) == b""
        reader.check_unchanged()
        assert dict(reader.described.headers) == {"content-type": "image/jpeg"}


def test_a_file_that_changed_since_it_was_listed(tmp_path: Path) -> None:
    make(tmp_path, "f")
    one, obj = only(tmp_path)
    (tmp_path / "f").write_bytes(b"longer")
    with pytest.raises(SourceChanged):
        one.open(obj, 0, 1)
    with pytest.raises(SourceChanged, match="since it was listed"):
        read_whole(one, obj)
    fresh = one.stat(obj)
    assert fresh.fingerprint.size == 6


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    make(tmp_path, "f")
    one, obj = only(tmp_path)
    with one.open(obj, 0, 1) as reader:
        reader.read(1)
        with (tmp_path / "f").open("ab") as file:
            file.write(b"more")
        with pytest.raises(SourceChanged) as caught:
            reader.check_unchanged()
    assert caught.value.code == "Changed"


@posix
@pytest.mark.parametrize("after", [b"m", b"more", b""])
def test_a_file_that_changes_while_it_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bytes
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"f")
    one, obj = only(tmp_path)
    read = os.read

    def read_and_write(descriptor: int, size: int) -> bytes:
        data = read(descriptor, size)
        with path.open("wb") as file:
            file.write(after)
        before = path.stat().st_ctime_ns
        while path.stat().st_ctime_ns == before:  # the system's clock for files ticks slowly
            os.utime(path, ns=(0, obj.fingerprint.mtime_ns))
        return data

    monkeypatch.setattr("cos_migrate.sources.local.reader.os.read", read_and_write)
    with pytest.raises(SourceChanged, match="while it was read"):
        read_whole(one, obj)


def test_a_file_that_became_shorter_while_it_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(b"content")
    one, obj = only(tmp_path)
    assert read_whole(one, obj) == (b"content", "application/octet-stream")
    pieces = [b"con", b"tent", b"", b"con", b""]
    monkeypatch.setattr(
        "cos_migrate.sources.local.reader.os.read", lambda _descriptor, _size: pieces.pop(0)
    )
    assert read_whole(one, obj)[0] == b"content"
    with pytest.raises(SourceChanged):
        read_whole(one, obj)


proc = pytest.mark.skipif(not Path("/proc/version").is_file(), reason="needs /proc")


@proc
def test_a_file_that_tells_no_size_and_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "f").symlink_to("/proc/version")
    one, obj = only(tmp_path)
    assert obj.fingerprint.size == 0
    for read in (read_whole, lambda one, obj: one.describe(obj), stream, parts):
        with pytest.raises(SourceError) as caught:
            read(one, obj)
        assert (caught.value.code, caught.value.retryable) == ("SizeTooSmall", False)
        assert not isinstance(caught.value, SourceChanged)


def stream(one: LocalSource, obj: SourceObject) -> object:
    """Read an object as a checksum or a body that is streamed does."""
    size = obj.fingerprint.size
    return list(StreamPayload(size, lambda: one.open(obj, 0, size), lambda _: None).start())


def parts(one: LocalSource, obj: SourceObject) -> object:
    """Read an object in two parts."""
    half = obj.fingerprint.size // 2
    for start, size in ((0, half), (half, obj.fingerprint.size - half)):
        with one.open(obj, start, size) as reader:
            assert len(reader.read(size)) == size
            reader.check_unchanged()
    return None


@posix
@pytest.mark.parametrize("told", [1, 8, 2 << 20])
def test_a_file_that_tells_too_small_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: int
) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(told))
    one, obj = only(tmp_path)
    for read in (read_whole, stream, parts):
        read(one, obj)
    one.describe(obj)
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        """Tell of the size that a drive without knowledge of sizes would."""
        found = list(real(descriptor))
        found[6] = told
        keep = {"st_mtime_ns": obj.fingerprint.mtime_ns, "st_ctime_ns": 1}
        return os.stat_result(found, keep)

    path.write_bytes(bytes(told + 1))
    monkeypatch.setattr("cos_migrate.sources.local.reader.os.fstat", fstat)
    for read in (read_whole, lambda one, obj: one.describe(obj), stream, parts):
        with pytest.raises(SourceError, match=f"a size of {told} bytes") as caught:
            read(one, obj)
        assert (caught.value.code, caught.value.retryable) == ("SizeTooSmall", False)


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    make(tmp_path, "f")
    one, obj = only(tmp_path)
    (tmp_path / "f").unlink()
    with pytest.raises(SourceError) as caught:
        one.open(obj, 0, 1)
    assert (caught.value.code, caught.value.retryable) == ("ENOENT", False)
    with pytest.raises(SourceError) as caught:
        read_whole(one, obj)
    assert (caught.value.code, caught.value.retryable) == ("ENOENT", False)


@posix
def test_a_pipe_in_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    make(tmp_path, "f")
    one, obj = only(tmp_path)
    (tmp_path / "f").unlink()
    os.mkfifo(tmp_path / "f")
    with pytest.raises(SourceError):
        one.open(obj, 0, 1)
    with pytest.raises(SourceError):
        read_whole(one, obj)
