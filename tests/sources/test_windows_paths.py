"""Paths of Windows: drives, shares, long paths, reserved names, case and line ends."""

from __future__ import annotations

import ntpath
import posixpath
from pathlib import Path

import pytest

from cos_migrate.model import SourceObject, Target, objects_of
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.paths import (
    absolute_path,
    as_folder,
    normal_path,
    spelled_as_found,
)
from cos_migrate.sources.local.reader import windows_path
from cos_migrate.sources.local.source import LocalSource

LONG = "\\".join(["a" * 100] * 4)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("C:\\data", "C:/data"),
        ("C:\\", "C:/"),
        ("c:/data\\x/", "c:/data/x"),
        ("D:\\a\\..\\b\\.\\c", "D:/b/c"),
        ("\\\\server\\share\\x", "//server/share/x"),
        ("\\\\?\\C:\\data\\x", "//?/C:/data/x"),
        ("\\\\?\\UNC\\server\\share\\x", "//?/UNC/server/share/x"),
        (f"C:\\{LONG}", f"C:/{LONG}".replace("\\", "/")),
        ("C:\\데이터\\é", "C:/데이터/é"),
    ],
)
def test_a_folder_is_named_with_slashes(given: str, name: str) -> None:
    assert absolute_path(given, ntpath) == name
    assert as_folder(name).count("//") == name.count("//")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("C:/data/a", "\\\\?\\C:\\data\\a"),
        (f"C:/{'x' * 300}", f"\\\\?\\C:\\{'x' * 300}"),
        ("//server/share/x", "\\\\?\\UNC\\server\\share\\x"),
        ("//?/C:/data/x", "\\\\?\\C:\\data\\x"),
        ("//?/UNC/server/share/x", "\\\\?\\UNC\\server\\share\\x"),
        ("//./pipe/x", "\\\\.\\pipe\\x"),
        # Without the prefix Windows opens devices for these, and drops dots and blanks.
        ("C:/data/aux.txt", "\\\\?\\C:\\data\\aux.txt"),
        ("C:/data/CON", "\\\\?\\C:\\data\\CON"),
        ("C:/data/ends in dot.", "\\\\?\\C:\\data\\ends in dot."),
        ("C:/data/ends in blank ", "\\\\?\\C:\\data\\ends in blank "),
    ],
)
def test_a_file_is_opened_as_it_is_named(name: str, path: str) -> None:
    assert windows_path(name) == path


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("a\\b.txt", "a/b.txt"),
        ("a/b\\c", "a/b/c"),
        (".\\a\\\\b\\", "a/b"),
        ("..\\outside", "../outside"),
        ("a\\..\\..\\outside", "../outside"),
        ("\\", "."),
    ],
)
def test_a_listed_path_may_have_either_slash(line: str, path: str) -> None:
    assert normal_path(line, ntpath.sep) == path


def test_elsewhere_a_backslash_is_a_character() -> None:
    assert normal_path("a\\b", posixpath.sep) == "a\\b"
    assert absolute_path("/data/a\\b", posixpath) == "/data/a\\b"


def test_an_excluded_path_is_found_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "Data" / "Log Files").mkdir(parents=True)
    (tmp_path / "Data" / "Log Files" / "Ä.txt").touch()
    root = f"{tmp_path.as_posix()}/Data/"
    loud = f"{tmp_path.as_posix()}/DATA/log files/ä.TXT"
    assert spelled_as_found(loud, root, str.lower) == f"{root}Log Files/Ä.txt"
    assert spelled_as_found(f"{root}GONE/x", root, str.lower) == f"{root}GONE/x"
    assert spelled_as_found("/elsewhere/X", root, str.lower) == "/elsewhere/X"
    assert spelled_as_found(loud, root, posixpath.normcase) == loud


def test_a_list_with_the_line_ends_of_windows(tmp_path: Path) -> None:
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "a" / "b.txt").write_bytes(b"x")
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbfa/b.txt\r\n\r\nnot there\r\n")
    config = LocalConfig(
        local_path=str(tmp_path / "data"),
        file_list_mode=True,
        file_list_path=str(tmp_path / "list"),
    )
    source = LocalSource(config, Target("b-1", "r", "/"))
    found = [*objects_of([*source.scan_rows()])]
    assert [item.key for item in found if isinstance(item, SourceObject)] == ["a/b.txt"]
    assert len(found) == 2
