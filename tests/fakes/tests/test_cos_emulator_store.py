"""What the embedded COS keeps in its folder: odd keys apart, and whole after any crash."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cos_migrate.emulator import EmbeddedCos, Refusal
from cos_migrate.emulator.objects import Stored
from cos_migrate.emulator.store import Store
from tests.fakes.cos_server import serve
from tests.fakes.cos_wire import BUCKET, SECRET_ID, SECRET_KEY, Call, Wire, call

KEYS = [
    "a",
    "a/b",
    "a/b/c",
    "a/",
    "a//b",
    "A",
    "A/B",
    "..",
    "../..",
    "../escape",
    "x/../../y",
    ".",
    "./a",
    ".keys/x",
    ".keys",
    "con",
    "NUL.txt",
    "com1",
    "trailing.",
    "trailing ",
    "with blank and +",
    "100%",
    "%41",
    "100%41",
    "q?u#e&r=y",
    "quotes\"'<>|:*",
    "back\\slash",
    "tab\tnew\nline",
    "é",
    "e\u0301",
    "İstanbul",
    "🚚",
    "z" * 850,
    "d/" * 425,
    ".meta/x",
    "~",
]


def put(store: Store, key: str, data: bytes) -> Stored:
    return store.put(BUCKET, key, store.receive([data]), {"content-type": key[:9]})


def bytes_of(store: Store, key: str) -> bytes:
    _, file = store.open(BUCKET, key)
    with file:
        return file.read()


@pytest.mark.parametrize("keys", [KEYS, KEYS[::-1]], ids=["files first", "folders first"])
def test_odd_keys_are_kept_apart_and_outlive_a_restart(tmp_path: Path, keys: list[str]) -> None:
    folder = tmp_path / "in" / "cos"
    store = Store(folder)
    for round_ in (b"1", b"2"):
        for key in keys:
            put(store, key, key.encode() + round_)
    for opened in (store, Store(folder)):
        assert opened.keys(BUCKET) == sorted(KEYS, key=str.encode)
        for key in KEYS:
            assert bytes_of(opened, key) == key.encode() + b"2", key
            assert opened.get(BUCKET, key).headers == {"content-type": key[:9]}
        store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["cos"]
    assert {path.name for path in folder.iterdir()} == {".meta", ".tmp", ".uploads", BUCKET}
    last = Store(folder)
    for number, key in enumerate(KEYS):
        last.delete(BUCKET, key)
        last.delete(BUCKET, key)
        assert last.keys(BUCKET) == sorted(KEYS[number + 1 :], key=str.encode)
        for other in KEYS[number + 1 :]:
            assert bytes_of(last, other) == other.encode() + b"2"
    last.close()
    assert Store(folder).keys(BUCKET) == []


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.text(
            st.one_of(st.sampled_from("aA./ %~é\\"), st.characters(codec="utf-8")),
            min_size=1,
            max_size=12,
        ),
        unique=True,
        max_size=8,
    )
)
def test_any_keys_are_kept_apart(tmp_path_factory: pytest.TempPathFactory, keys: list[str]) -> None:
    folder = tmp_path_factory.mktemp("any")
    store = Store(folder)
    for key in keys:
        put(store, key, key.encode())
    for key in keys:
        assert bytes_of(store, key) == key.encode()
    assert store.keys(BUCKET) == sorted(keys, key=str.encode)
    store.close()
    again = Store(folder)
    assert {key: bytes_of(again, key) for key in keys} == {key: key.encode() for key in keys}


def test_names_are_readable_where_they_can_be(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for key in ("docs/with blank + 100%.txt", "이전/파일.txt", "plain"):
        put(store, key, b"x")
        assert (tmp_path / BUCKET / key).read_bytes() == b"x"
    hidden = put(store, "plain/below a file", b"y").path
    assert hidden.startswith(f"{BUCKET}/.keys/plain_below_a_file~")
    assert (tmp_path / hidden).read_bytes() == b"y"
    store.delete(BUCKET, "docs/with blank + 100%.txt")
    assert not (tmp_path / BUCKET / "docs").exists(), "no empty folders are left"
    assert put(store, "docs", b"z").path == f"{BUCKET}/docs"
    store.close()


def journal(folder: Path) -> Path:
    return folder / ".meta" / f"{BUCKET}.jsonl"


def test_bytes_that_cannot_be_put_in_their_place(tmp_path: Path) -> None:
    store = Store(tmp_path)
    before = put(store, "k", b"old")
    place = tmp_path / BUCKET / "k"
    place.rename(tmp_path / "kept")
    place.mkdir()
    with pytest.raises(OSError, match="k"):
        put(store, "k", b"new")
    assert not list((tmp_path / ".tmp").iterdir())
    place.rmdir()
    (tmp_path / "kept").rename(place)
    assert store.get(BUCKET, "k") == before
    put(store, "l", b"x")
    store.close()
    again = Store(tmp_path)
    assert (again.get(BUCKET, "k"), bytes_of(again, "k")) == (before, b"old")


def test_a_folder_that_was_taken_away_comes_back(tmp_path: Path) -> None:
    with serve(tmp_path) as cos, Wire(cos.port) as wire:
        assert wire.call(Call("PUT", "d/old", body=b"1")).status == 200
        shutil.rmtree(tmp_path / BUCKET)
        assert wire.call(Call("GET", "d/old")).code == "InternalError"
        for key in ("d/old", "d/new", "top"):
            assert wire.call(Call("PUT", key, body=b"2")).status == 200
            assert wire.call(Call("GET", key)).body == b"2"


def test_what_cannot_be_stored_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The client gets an answer, keeps its connection, and nothing is left behind."""
    with serve(tmp_path) as cos, Wire(cos.port) as wire:
        begun = wire.call(Call("POST", "big", params=(("uploads", ""),))).body.decode()
        upload = (("uploadId", begun.partition("<UploadId>")[2].partition("</")[0]),)
        assert wire.call(Call("PUT", "d/k", body=b"old")).status == 200
        shutil.rmtree(tmp_path / BUCKET)
        shutil.rmtree(tmp_path / ".uploads")
        (tmp_path / BUCKET).write_bytes(b"in the way")
        for key, params in (("d/k", ()), ("new", ()), ("big", (("partNumber", "1"), *upload))):
            got = wire.call(Call("PUT", key, params=params, body=b"x" * 99))
            assert (got.status, got.code) == (500, "InternalError")
        assert not list((tmp_path / ".tmp").iterdir())
        (tmp_path / BUCKET).unlink()
        assert wire.call(Call("PUT", "d/k", body=b"new")).status == 200
        assert cos.connections == 1
    said = capsys.readouterr().err
    assert said.count("cannot carry out a request: ") == 3
    assert "Traceback" not in said


def test_a_line_that_was_cut_off(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "a", b"1")
    put(store, "b", b"2")
    store.close()
    data = journal(tmp_path).read_bytes()
    for cut in range(len(data)):
        journal(tmp_path).write_bytes(data[:cut])
        again = Store(tmp_path)
        assert again.keys(BUCKET) in ([], ["a"], ["a", "b"])
        put(again, "c", b"3")
        again.close()
        assert "c" in Store(tmp_path).keys(BUCKET)


def test_an_upload_ends_with_its_completion_or_the_next_start(tmp_path: Path) -> None:
    store = Store(tmp_path)
    upload = store.begin_upload(BUCKET, "k/é", {"x-cos-meta-a": "b"}, "private")
    for number, data in ((1, b"one"), (2, b"wrong"), (2, b"two")):
        store.put_part(upload, number, store.receive([data]))
    stored = store.complete(upload, [upload.parts[1], upload.parts[2]])
    assert (bytes_of(store, "k/é"), stored.headers) == (b"onetwo", {"x-cos-meta-a": "b"})
    assert not list((tmp_path / ".uploads").iterdir())
    with pytest.raises(Refusal) as caught:
        store.put_part(upload, 3, store.receive([b"late"]))
    assert caught.value.code == "NoSuchUpload"
    with pytest.raises(Refusal):
        store.complete(upload, list(upload.parts.values()))
    assert bytes_of(store, "k/é") == b"onetwo"
    store.begin_upload(BUCKET, "left", {}, "")
    (tmp_path / ".tmp" / "12-34").write_bytes(b"x")
    store.close()
    assert Store(tmp_path).uploads(BUCKET) == []
    assert not list((tmp_path / ".uploads").iterdir())
    assert not list((tmp_path / ".tmp").iterdir())


def test_a_reader_sees_one_version(tmp_path: Path) -> None:
    """Objects are replaced while they are read: what comes agrees with what was promised."""
    versions = [bytes([65 + n]) * (400_000 + n * 1000) for n in range(4)]
    with EmbeddedCos(tmp_path, secret_id=SECRET_ID, secret_key=SECRET_KEY) as cos:
        call(cos.port, "PUT", "k", body=versions[0])
        over = threading.Event()

        def write() -> None:
            with Wire(cos.port) as wire:
                while not over.is_set():
                    for version in versions:
                        assert wire.call(Call("PUT", "k", body=version)).status == 200

        thread = threading.Thread(target=write)
        thread.start()
        try:
            with Wire(cos.port) as wire:
                for _ in range(60):
                    got = wire.call(Call("GET", "k"))
                    assert got.body in versions
        finally:
            over.set()
            thread.join()
