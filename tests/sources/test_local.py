"""The local source over real files of every odd kind."""

from __future__ import annotations

import hashlib
import os
import pickle
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cos_migrate.errors import SourceError
from cos_migrate.filters import Filters
from cos_migrate.model import (
    Fingerprint,
    Found,
    Note,
    Rejected,
    SourceObject,
    Target,
    objects_of,
)
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.source import LocalSource

PROVEN_KEYS = {
    "migrateLocal": {
        "functional/test_local.py::test_new_skip_update": "localPath",
        "functional/test_local.py::test_filters_are_told_and_counted": (
            "excludes ignoreModifiedTimeLessThanSeconds ignoreSuffix includeSuffix ignoreEmptyFile"
        ),
        "functional/test_local.py::test_a_file_list": "fileListMode fileListPath",
        "functional/test_local.py::test_without_records_everything_is_an_update": (
            "checkLocalRecord"
        ),
    }
}

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")
posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")
as_user = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything"
)


def source(root: Path, **options: Any) -> LocalSource:
    return LocalSource(LocalConfig(local_path=str(root), **options), TARGET)


def found(root: Path, **options: Any) -> list[Found]:
    one = source(root, **options)
    filters = Filters(one.config.filter_settings(), one.is_empty)
    return list(objects_of(filters.replace_rejected(one.scan_rows(filters.reason_against_folder))))


def keys(items: list[Found]) -> list[str]:
    return sorted(item.key for item in items if isinstance(item, SourceObject))


def lines(items: list[Found]) -> list[str]:
    return [item.line for item in items if isinstance(item, (Rejected, Note))]


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def only(root: Path) -> tuple[LocalSource, SourceObject]:
    one = source(root)
    [obj] = one.scan()
    assert isinstance(obj, SourceObject)
    return one, obj


@pytest.mark.parametrize(
    ("cos_path", "digest"),
    [("/", "0804c9153e80cb96474ef53cc31fb55a"), ("/aaa/", "3f3b01e32d9fe04259ca686fafe70117")],
)
def test_the_database_is_named_as_in_java(
    cos_path: str, digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "isdir", lambda _: True)
    config = LocalConfig(local_path="/data/log")
    text = LocalSource(config, Target("b-1", "r", cos_path)).job_text()
    assert hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() == digest


def test_a_tree(tmp_path: Path) -> None:
    names = ["a.txt", "b/c.txt", "b/d/e", "with blank/%41+ü 😀.txt", ".hidden", "b/.x/y"]
    make(tmp_path, *names)
    (tmp_path / "empty folder").mkdir()
    items = found(tmp_path)
    assert keys(items) == sorted(names)
    one = next(i for i in items if isinstance(i, SourceObject) and i.key == "b/c.txt")
    status = (tmp_path / "b/c.txt").stat()
    assert one.name == f"{tmp_path.as_posix()}/b/c.txt"
    assert one.fingerprint == (status.st_size, status.st_mtime_ns, "")


def test_records_are_the_java_tools(tmp_path: Path) -> None:
    make(tmp_path, "a")
    os.utime(tmp_path / "a", ns=(0, 1_234_567_890_999_999))
    one = source(tmp_path)
    [obj] = one.scan()
    assert isinstance(obj, SourceObject)
    assert one.record_key(obj, "/x/a") == (
        "[taskType: migrateLocal] [bucket: examplebucket-1250000000], "
        f"[localPath: {tmp_path.as_posix()}/a], [cosPath: /x/a]"
    )
    assert one.record_value(obj) == "[mtime: 1234567890], [fileSize: 1]"
    assert one.is_unchanged(obj, one.record_value(obj))
    assert not one.is_unchanged(obj, "[mtime: 1234567891], [fileSize: 1]")
    assert not one.is_unchanged(obj, "[mtime: 1234567000], [fileSize: 1]")


def test_of_a_taken_over_record_of_whole_seconds_the_second_decides(tmp_path: Path) -> None:
    make(tmp_path, "a")
    os.utime(tmp_path / "a", ns=(0, 1_234_567_890_999_999))
    one = source(tmp_path)
    one.java_records = True
    [obj] = one.scan()
    assert isinstance(obj, SourceObject)
    assert one.is_unchanged(obj, "[mtime: 1234567890], [fileSize: 1]")
    assert one.is_unchanged(obj, "[mtime: 1234567000], [fileSize: 1]")
    assert not one.is_unchanged(obj, "[mtime: 1234567000], [fileSize: 2]")
    assert not one.is_unchanged(obj, "[mtime: 1234568000], [fileSize: 1]")
    assert not one.is_unchanged(obj, "[mtime: 1234567889], [fileSize: 1]")


def test_of_a_taken_over_folder_the_size_is_the_file_systems_own(tmp_path: Path) -> None:
    one = source(tmp_path)
    one.java_records = True
    folder = SourceObject("/d/a/", "a/", Fingerprint(0, 1_234_567_890_999_999), is_folder=True)
    assert one.is_unchanged(folder, "[mtime: 1234567890], [fileSize: 4096]")
    assert one.is_unchanged(folder, "[mtime: 1234567000], [fileSize: 20480]")
    assert not one.is_unchanged(folder, "[mtime: 1234567891], [fileSize: 4096]")


def test_a_single_file(tmp_path: Path) -> None:
    make(tmp_path, "folder/one.txt")
    items = found(tmp_path / "folder/one.txt")
    assert keys(items) == ["one.txt"]


@posix
def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    make(tmp_path, "real/file", "other/file2")
    (tmp_path / "real/to-other").symlink_to(tmp_path / "other")
    (tmp_path / "real/up").symlink_to("..")
    (tmp_path / "link-to-file").symlink_to("real/file")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "self").symlink_to("self")
    items = found(tmp_path)
    assert keys(items) == [
        "link-to-file",
        "other/file2",
        "real/file",
        "real/to-other/file2",
    ]
    told = "\n".join(lines(items))
    assert f"[reason: broken link]  [local_file: {tmp_path}/broken]" in told
    assert f"[reason: symlink loop]  [local_file: {tmp_path}/self]" in told
    assert f"[reason: symlink loop]  [local_file: {tmp_path}/real/up/]" in told
    assert all(i.failure is None for i in items if isinstance(i, Rejected))


@posix
def test_what_is_no_file_is_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        server.bind("socket")
    finally:
        os.chdir(here)
        server.close()
    told = sorted(lines(found(tmp_path)))
    assert told == [
        f"[condition_not_match] [reason: not a regular file]  [local_file: {tmp_path}/{name}]"
        for name in ("pipe", "socket")
    ]


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="the file system takes UTF-8 only")
def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path)
    Path(os.fsdecode(raw + b"/bad\xff.txt")).write_bytes(b"x")
    Path(os.fsdecode(raw + b"/bad\xfe")).mkdir()
    make(tmp_path, "good")
    items = found(tmp_path)
    assert keys(items) == ["good"]
    rejected = [i for i in items if isinstance(i, Rejected)]
    assert {i.unlisted for i in rejected} == {True, False}
    assert all(i.failure for i in rejected)
    for item in rejected:
        assert item.line.startswith("skip the file for illegal utf-8 letter, [local_file:")
        item.line.encode()
    assert any(r"bad\xff.txt]" in i.line for i in rejected)


@as_user
def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    make(tmp_path, "good", "closed/file")
    (tmp_path / "closed").chmod(0)
    try:
        items = found(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert keys(items) == ["good"]
    [rejected] = [i for i in items if isinstance(i, Rejected)]
    assert rejected.unlisted
    assert rejected.failure
    assert rejected.failure.code == "EACCES"


def test_a_root_that_is_gone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    one = source(root)
    root.rmdir()
    [item] = one.scan()
    assert isinstance(item, Rejected)
    assert item.unlisted
    assert item.failure


def test_excluded_folders_and_files(tmp_path: Path) -> None:
    make(tmp_path, "keep/a", "out/b", "out/deep/c", "keep/no.txt", "outer/d")
    excludes = (str(tmp_path / "out") + "/", str(tmp_path / "keep" / ".." / "keep" / "no.txt"))
    items = found(tmp_path, excludes=excludes)
    assert keys(items) == ["keep/a", "outer/d"]
    root = tmp_path.as_posix()
    assert sorted(lines(items)) == [
        f"[condition_not_match] [reason: excludes]  [local_file: {root}/keep/no.txt]",
        f"exclude folder: {root}/out/",
    ]


def test_suffixes_and_empty_files_in_the_order_of_the_reasons(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "b.tmp", "c.TMP", "d.log")
    (tmp_path / "e.txt").touch()
    (tmp_path / "f.tmp").touch()
    items = found(
        tmp_path, ignore_suffix=(".tmp",), include_suffix=(".txt", ".TMP"), ignore_empty_file=True
    )
    assert keys(items) == ["a.txt", "c.TMP"]
    reasons = {
        line.rpartition("/")[2][:-1]: line.split("reason: ")[1].split("]")[0]
        for line in lines(items)
    }
    assert reasons == {
        "b.tmp": "suffix",
        "f.tmp": "suffix",
        "e.txt": "empty file",
        "d.log": "do not match include suffix",
    }


def test_young_files(tmp_path: Path) -> None:
    make(tmp_path, "old", "young")
    os.utime(tmp_path / "old", (1, 1_000_000))
    [line] = lines(found(tmp_path, ignore_modified_time_less_than_seconds=300))
    mtime = int((tmp_path / "young").stat().st_mtime)
    head, _, tail = line.partition(", [cur_time: ")
    assert head == (
        "[condition_not_match] [reason: ignoreModifiedTimeLessThan]  "
        f"[local_file: {tmp_path.as_posix()}/young]"
    )
    now, _, rest = tail.partition("], ")
    assert abs(int(now) - time.time()) < 100
    assert rest == f"[lastModifed_time: {mtime}]，[ignoreModifiedTimeLessThan: 300]"


def listed(tmp_path: Path, text: str | bytes, **options: Any) -> list[Found]:
    path = tmp_path / "list.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    return found(root, file_list_mode=True, file_list_path=str(path), **options)


def test_a_file_list_and_an_excluded_folder(tmp_path: Path) -> None:
    make(tmp_path / "root", "a/b/c", "a/d", "ab")
    excludes = (str(tmp_path / "root" / "a"),)
    items = listed(tmp_path, "a/b/c\na/d\na\nab\n", excludes=excludes)
    told = [item.line for item in items if isinstance(item, Rejected)]
    assert ["[reason: excludes]" in line for line in told] == [True, True, True]
    assert [item.key for item in items if isinstance(item, SourceObject)] == ["ab"]


def test_a_file_list(tmp_path: Path) -> None:
    make(tmp_path / "root", "a", "b/c", "d e.txt", "not listed")
    items = listed(tmp_path, "\ufeffa\r\n\n./b//c\nd e.txt\nb\nb/\ngone\na\n../list.txt\n")
    assert keys(items) == ["a", "b/", "b/c", "d e.txt"]
    folder = next(i for i in items if isinstance(i, SourceObject) and i.is_folder)
    assert folder.name.endswith("/root/b/")
    assert folder.fingerprint.size == 0
    rejected = [i for i in items if isinstance(i, Rejected)]
    root = (tmp_path / "root").as_posix()
    told = [i.line for i in rejected]
    assert f"[condition_not_match] [reason: not there]  [local_file: {root}/gone]" in told
    assert told.count(f"[condition_not_match] [reason: listed twice]  [local_file: {root}/b]") == 1
    assert told.count(f"[condition_not_match] [reason: listed twice]  [local_file: {root}/a]") == 1
    [outside] = [i for i in rejected if i.failure]
    assert outside.failure
    assert outside.failure.code == "OutsideRoot"


def test_what_a_file_list_names_and_is_not_there(tmp_path: Path) -> None:
    make(tmp_path / "root", "a")
    (tmp_path / "root" / "broken").symlink_to("nowhere")
    items = listed(tmp_path, "gone\na\nbroken\na/below\nnul\0\n")
    root = (tmp_path / "root").as_posix()
    assert keys(items) == ["a"]
    assert [item.line for item in items if isinstance(item, Rejected)] == [
        f"[condition_not_match] [reason: not there]  [local_file: {root}/gone]",
        f"[condition_not_match] [reason: broken link]  [local_file: {root}/broken]",
        f"[condition_not_match] [reason: not there]  [local_file: {root}/a/below]",
        f"[condition_not_match] [reason: not there]  [local_file: {root}/nul\\x00]",
    ]


def test_a_file_list_of_which_nothing_exists(tmp_path: Path) -> None:
    make(tmp_path / "root", "not listed")
    with pytest.raises(SourceError, match=r"nothing that .*list.txt lists exists below"):
        listed(tmp_path, "gone\nalso gone\ngone\n")
    assert listed(tmp_path, "\n \n") == []


def test_a_folder_object_is_empty(tmp_path: Path) -> None:
    make(tmp_path / "root", "b/c")
    [obj] = listed(tmp_path, "b")
    assert isinstance(obj, SourceObject)
    with source(tmp_path / "root").open(obj, 0, 0) as reader:
        assert reader.read(10) == b""
        reader.check_unchanged()
        assert dict(reader.described.headers) == {"content-type": "application/x-directory"}


def test_a_list_that_is_gone(tmp_path: Path) -> None:
    one = source(tmp_path, file_list_mode=True, file_list_path=str(tmp_path / "none"))
    [item] = one.scan()
    assert isinstance(item, Rejected)
    assert item.unlisted


def test_a_deep_tree(tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    depth = 0
    try:
        for _ in range(300):
            os.mkdir("d")
            os.chdir("d")
            depth += 1
        Path("leaf").touch()
    finally:
        os.chdir(here)
    assert keys(found(tmp_path)) == ["d/" * depth + "leaf"]


def test_the_walk_streams(tmp_path: Path) -> None:
    make(tmp_path, *[f"{n}/f" for n in range(20)])
    items: Iterator[Found] = source(tmp_path).scan()
    assert isinstance(next(items), SourceObject)


def test_config_and_objects_travel(tmp_path: Path) -> None:
    make(tmp_path, "f")
    one, obj = only(tmp_path)
    again = pickle.loads(pickle.dumps((one.config, obj)))
    assert again == (one.config, obj)


FILE_NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in {".", ".."} and len(name.encode()) <= 200)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems normalise or refuse names")
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(FILE_NAMES, max_size=10))
def test_every_name_is_found(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    root = tmp_path_factory.mktemp("names")
    for name in names:
        (root / name).write_bytes(b"")
    assert keys(found(root)) == sorted(names)
