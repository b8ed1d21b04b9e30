"""The shipped conf/config.ini says what the dataclasses say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config import ini
from cos_migrate.config import loader as config
from cos_migrate.config.common import Common, MigrateType
from cos_migrate.config.given_values import Override
from cos_migrate.config.options import REQUIRED, declared_options
from cos_migrate.config.values import AUTO
from cos_migrate.errors import ConfigError
from cos_migrate.sources import registry
from cos_migrate.sources.local.config import LocalConfig

ROOT = Path(__file__).resolve().parents[2]
SOURCES = dict(registry.SECTIONS)
SECTIONS: dict[str, type[Any]] = {"migrateType": MigrateType, "common": Common, **SOURCES}


FOUND_BY_ITSELF = {"smallFileExecutorNum", "bigFileExecutorNum"}
"""Keys that say `auto`, though without them a number is used, as by the Java tool."""

ENCRYPTED = {
    ("common", "https"),
    *((name, "srcHttps") for name in ("migrateAws", "migrateAli", "migrateUpyun")),
}
"""Keys that are on in the shipped file, though off where they are missing, as in the Java tool."""


@pytest.fixture(autouse=True)
def _in_the_tools_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def shipped() -> ini.IniFile:
    return ini.parse((ROOT / "conf/config.ini").read_bytes(), lambda *_: True)


def test_it_is_well_formed_and_has_every_section(shipped: ini.IniFile) -> None:
    assert not shipped.problems
    assert not shipped.warnings
    assert set(shipped.sections) == set(SECTIONS)


@pytest.mark.parametrize("name", SECTIONS)
def test_it_has_every_key_once_and_no_other(name: str, shipped: ini.IniFile) -> None:
    assert set(shipped.sections[name]) == {
        field.option.key for field in declared_options(SECTIONS[name])
    }
    assert not any(entry.earlier for entry in shipped.sections[name].values())


@pytest.mark.parametrize("name", SECTIONS)
def test_its_values_are_the_defaults(name: str, shipped: ini.IniFile) -> None:
    for field in declared_options(SECTIONS[name]):
        key = field.option.key
        assert key in shipped.sections[name], f"conf/config.ini lacks [{name}] {key}"
        text = shipped.sections[name][key].value
        if field.default is REQUIRED:
            assert text, f"{field.option.key} has no placeholder"
        elif text in field.option.placeholders:
            assert field.option.secret
        elif text:
            default = AUTO if field.option.key in FOUND_BY_ITSELF else field.default
            if (name, field.option.key) in ENCRYPTED:
                default = True
            assert field.option.parse(text) == default, field.option.key
        else:
            # A key whose default can be written down has it written down.
            assert field.default in ("", (), 0, -1, None) or str(field.default) == "***"


@pytest.mark.parametrize("name", SECTIONS)
def test_its_credentials_are_placeholders(name: str, shipped: ini.IniFile) -> None:
    for field in declared_options(SECTIONS[name]):
        text = shipped.sections[name][field.option.key].value
        if field.option.secret and text:
            assert text in field.option.placeholders


def test_every_key_has_a_comment_of_its_own_in_english_and_chinese() -> None:
    lines = (ROOT / "conf/config.ini").read_text(encoding="utf-8").split("\n")
    comment = ""
    for line in lines:
        if line.startswith("#"):
            comment += line
            continue
        if "=" in line:
            assert re.search("[A-Za-z]{3} [a-z]", comment), line
            assert re.search("[\u4e00-\u9fff]", comment), line
        comment = ""


def test_unchanged_it_is_refused_for_its_placeholders_and_nothing_else() -> None:
    with pytest.raises(ConfigError) as caught:
        config.load("conf/config.ini", (), SOURCES, environ={})
    problems = caught.value.problems
    keys = ("secretId", "secretKey", "bucketName", "localPath")
    for problem, key in zip(problems, keys, strict=True):
        assert "is a placeholder that was never changed" in problem
        assert key in problem
        assert "conf/config.ini line " in problem


@pytest.mark.parametrize(
    ("migrate_type", "keys"),
    [
        ("migrateAws", ["accessKeyId", "accessKeySecret"]),
        ("migrateAli", ["accessKeyId", "accessKeySecret"]),
        ("migrateQiniu", ["accessKeyId", "accessKeySecret"]),
        ("migrateUpyun", ["accessKeyId", "accessKeySecret"]),
        ("migrateCsp", ["accessKeyId", "accessKeySecret"]),
        ("migrateUrl", ["urllistPath"]),
        ("migrateBucketCopy", ["srcSecretId", "srcSecretKey"]),
    ],
)
def test_the_placeholders_of_other_sources_are_refused_too(
    migrate_type: str, keys: list[str]
) -> None:
    words = [
        Override("migrateType", "type", migrate_type),
        Override("common", "secretId", "AKIDexample"),
        Override("common", "secretKey", "example"),
        Override("common", "bucketName", "examplebucket-1250000000"),
    ]
    with pytest.raises(ConfigError) as caught:
        config.load("conf/config.ini", words, SOURCES, environ={})
    assert len(caught.value.problems) == len(keys)
    for problem, key in zip(caught.value.problems, keys, strict=True):
        assert "is a placeholder that was never changed" in problem
        assert f"[{migrate_type}] {key}=" in problem


def test_with_its_placeholders_changed_it_loads_without_a_warning(tmp_path: Path) -> None:
    words = [
        Override("common", "secretId", "AKIDexample"),
        Override("common", "secretKey", "example"),
        Override("common", "bucketName", "examplebucket-1250000000"),
        Override("migrateLocal", "localPath", str(tmp_path)),
    ]
    loaded = config.load("conf/config.ini", words, SOURCES, environ={})
    assert loaded.warnings == ()
    assert loaded.config.common.bucket_name == "examplebucket-1250000000"
    assert loaded.config.source == LocalConfig(local_path=str(tmp_path))
