"""What is missing, misspelt or unreadable in a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.config.given_values import Override
from tests.unit.config.test_bad_configs import GOOD, HIDDEN, SOURCES, good, problems_of

pytestmark = pytest.mark.usefixtures("work_folder")


@pytest.mark.parametrize(
    ("migrate_type", "section", "key"),
    [
        (migrate_type, section, key)
        for migrate_type in SOURCES
        for section in ("common", migrate_type)
        for key in GOOD[section]
        if migrate_type in (section, "migrateLocal")
        if (section, key) != ("migrateUpyun", "endPoint")
    ],
)
def test_required_key(migrate_type: str, section: str, key: str) -> None:
    said = f"config key miss. section: {section}, key: {key} (c.ini: "
    missing = problems_of(good(migrate_type, **{section: {key: None}}))
    blank = problems_of(good(migrate_type, **{section: {key: "  "}}))
    cleared = problems_of(good(migrate_type), Override(section, key, ""))
    assert missing == blank == cleared[:1]
    assert cleared[1].startswith(f"warning: -D{section}.{key} is blank and hides")
    assert len(missing) == 1
    assert missing[0].startswith(said)


@pytest.mark.parametrize(
    ("section", "key", "parts"),
    [
        ("common", "cospath", ["-Dcommon.cospath", "the nearest known key is cosPath"]),
        ("common", "secretKye", ["the nearest known key is secretKey"]),
        ("common", "smallFileTreshold", ["the nearest known key is smallFileThreshold"]),
        ("common", "localPath", ["localPath is a key of [migrateLocal]"]),
        ("common", "zzz", ["unknown key -Dcommon.zzz", "conf/config.ini explains every key"]),
        ("common", "", ["unknown key -Dcommon."]),
        ("common", "cosPath.x", ["unknown key -Dcommon.cosPath.x"]),
        ("migrateType", "typ", ["the nearest known key is type"]),
        ("migrateLocal", "exclude", ["the nearest known key is excludes"]),
        ("migrateAws", "endpoint", ["the nearest known key is endPoint"]),
        ("migrateUpyun", "ascendingOrder", ["the nearest known key is acsendingOrder"]),
        ("comon", "cosPath", ["unknown section -Dcomon.cosPath", "-Dcommon.cosPath"]),
        ("Common", "cosPath", ["the nearest is -Dcommon.cosPath"]),
        ("commons", "zzz", ["the nearest is -Dcommon.zzz"]),
        ("migrateloacl", "localPath", ["the nearest is -DmigrateLocal.localPath"]),
        ("local", "localPath", ["the nearest is -DmigrateLocal.localPath"]),
        ("bucketCopy", "srcRegion", ["the nearest is -DmigrateBucketCopy.srcRegion"]),
        ("", "cosPath", ["-DcosPath names no section", "-Dcommon.cosPath=value"]),
        ("", "secretKey", ["-DsecretKey names no section", "-Dcommon.secretKey=value"]),
    ],
)
def test_word_for_an_unknown_key(section: str, key: str, parts: list[str]) -> None:
    problems = problems_of(good(), Override(section, key, HIDDEN))
    assert len(problems) == 1
    for part in parts:
        assert part in problems[0]


def test_everything_wrong_is_said_at_once() -> None:
    text = good(
        common={"region": None, "https": "yes", "cosPath": "x", "proxyHost": "h"},
        migrateLocal={"localPath": "nowhere", "fileListMode": "on"},
    )
    problems = problems_of(text + "\nbroken\n", Override("common", "regoin", "x"))
    assert len(problems) == 8


@pytest.mark.parametrize("size", [0, 1, 15, 17, 33])
def test_an_aes_key_of_the_wrong_size(size: int) -> None:
    Path("key").write_bytes(b"k" * size)
    text = good(common={"clientEncryption": "on", "keyPath": "key"})
    (problem,) = problems_of(text)
    assert "keyPath key does not hold an AES key" in problem
    assert "legal: the absolute path of a file of 16, 24 or 32 bytes" in problem


@pytest.mark.parametrize(
    ("path", "part"), [("nowhere", "nowhere not exist!"), ("data", "data is a folder")]
)
def test_a_file_list_or_key_that_is_no_file(path: str, part: str) -> None:
    listed = good(migrateLocal={"fileListMode": "on", "fileListPath": path})
    keyed = good(common={"clientEncryption": "on", "keyPath": path})
    for text, key in ((listed, "fileListPath"), (keyed, "keyPath")):
        (problem,) = problems_of(text)
        assert part in problem
        assert f"{key}={path}" in problem


def test_a_password_in_an_address_is_masked() -> None:
    text = good(common={"proxyHost": f"http://me:{HIDDEN}@proxy", "proxyPort": "1"})
    (problem,) = problems_of(text)
    assert "http://***@proxy is not a host name" in problem


@pytest.mark.parametrize("value", ["a\udcffb", "a\0b"])
def test_a_word_that_is_no_text(value: str) -> None:
    (problem,) = problems_of(
        good(),
        Override("migrateAws", "prefix", "x"),
        Override("common", "proxyUser", value),
        Override("common", "proxyHost", "h"),
        Override("common", "proxyPort", "1"),
    )
    assert "the value of proxyUser is not UTF-8 text" in problem


def test_a_secret_from_the_environment_is_not_shown() -> None:
    text = good(common={"secretKey": "${MINE}"})
    (problem,) = problems_of(text, environ={"MINE": HIDDEN + " x"})
    assert "[common] secretKey=***" in problem
    text = good(common={"secretKey": None})
    (problem,) = problems_of(text, environ={"COS_SECRETKEY": HIDDEN + " x"})
    assert "environment variable COS_SECRETKEY: [common] secretKey=***" in problem
