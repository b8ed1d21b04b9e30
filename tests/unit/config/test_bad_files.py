"""Files that are no configuration at all: one clear message, and no secret in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cos_migrate.config import loader as config
from cos_migrate.errors import ConfigError
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.s3.aws import AwsConfig

SOURCES = {"migrateLocal": LocalConfig, "migrateAws": AwsConfig}
HIDDEN = "hushAKID0123456789"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").touch()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "section migrateType miss! you mustn't delete it"),
        ("[common]\nregion=x\n", "section migrateType miss! you mustn't delete it"),
        ("[migrateType]\n", "config key miss. section: migrateType, key: type"),
        ("[migrateType]\ntype=\n", "config key miss. section: migrateType, key: type"),
        ("[migrateType]\nTYPE=x\n", "config key miss. section: migrateType, key: type"),
        ("[migrateType]\ntype=local\n", "invalid config. section:migrateType, key:type"),
        ("[migrateType]\ntype=migrateS3\n", "legal: migrateLocal, migrateAws"),
        ("type=migrateLocal\n", "line 1 stands before the first [section]"),
        (f"[common]\nsecretKey {HIDDEN}\n", "invalid config format. config c.ini: line 2"),
        (b"[common]\nbucketName=\xd6\xd0\n", "line 2 is not UTF-8 (byte 0xD6)"),
        ("[migrateType]\ntype=migrateLocal\n".encode("utf-16"), "save it as UTF-8"),
        (b"PK\3\4\0\0\0\0", "is not UTF-8 text"),
    ],
)
def test_broken_file(text: str | bytes, part: str) -> None:
    Path("c.ini").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        config.load("c.ini", (), SOURCES, environ={})
    assert any(part in problem for problem in caught.value.problems)
    assert all(problem.isprintable() for problem in caught.value.problems)
    assert HIDDEN not in str(caught.value)


@pytest.mark.parametrize("path", ["missing.ini", "data", "data/file/x", ""])
def test_a_path_that_is_no_readable_file(path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(path, (), SOURCES, environ={})
    assert f"config {path} not exist or readable!" in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_file_without_permission() -> None:
    Path("c.ini").write_text("[migrateType]\n", encoding="utf-8")
    Path("c.ini").chmod(0)
    if os.access("c.ini", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(ConfigError, match=r"config c\.ini not exist or readable!"):
        config.load("c.ini", (), SOURCES, environ={})
