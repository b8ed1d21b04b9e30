"""Values from the command line and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.config.given_values import Override
from cos_migrate.config.values import Secret
from tests.unit.config.test_config import common, load, section_of


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "file").write_bytes(b"x")


def test_a_word_beats_the_file() -> None:
    loaded = load("cosPath=/a/", Override("common", "cosPath", "/b"))
    assert loaded.config.common.cos_path == "/b/"


def test_the_last_word_wins() -> None:
    words = [Override("common", "cosPath", "/b"), Override("common", "cosPath", "/c")]
    assert load("", *words).config.common.cos_path == "/c/"


def test_a_word_is_taken_as_it_is() -> None:
    word = Override("common", "proxyUser", r"DOMAIN\\t")
    loaded = load("proxyHost=h\nproxyPort=1", word)
    assert loaded.config.common.proxy_user == r"DOMAIN\\t"


def test_the_misspelt_excludes_is_read_first() -> None:
    here = Path.cwd()
    text = f"[migrateLocal]\nexcludes={here / 'data'}\nexeludes={here / 'file'}".replace(
        "\\", "\\\\"
    )
    assert section_of(load(text)).excludes == (str(here / "file"),)
    blank = f"[migrateLocal]\nexcludes={here / 'data'}\nexeludes=".replace("\\", "\\\\")
    assert section_of(load(blank)).excludes == (str(here / "data"),)
    word = Override("migrateLocal", "excludes", str(here / "c.ini"))
    assert section_of(load(text, word)).excludes == (str(here / "c.ini"),)


def test_lists_drop_empty_items() -> None:
    loaded = load("[migrateLocal]\nignoreSuffix=.txt;;.tmp; \nincludeSuffix=.a;")
    assert section_of(loaded).ignore_suffix == (".txt", ".tmp")
    assert section_of(loaded).include_suffix == (".a",)


def test_a_file_list_is_looked_at_only_when_wanted() -> None:
    off = load("[migrateLocal]\nfileListPath=/nowhere/list")
    assert section_of(off).file_list_path == "/nowhere/list"
    on = load("[migrateLocal]\nfileListPath=file\nfileListMode=on")
    assert section_of(on).file_list_mode


# The environment


@pytest.mark.parametrize("in_file", ["secretKey=", "secretKey=COS_SECRETKEY"])
def test_credentials_from_the_environment(in_file: str) -> None:
    assert common(in_file, COS_SECRETKEY="fromEnv").secret_key == Secret("fromEnv")


def test_the_file_beats_the_environment() -> None:
    assert common("secretKey=mine", COS_SECRETKEY="fromEnv").secret_key == Secret("mine")


def test_a_reference_to_the_environment() -> None:
    found = common("secretKey=${MY_KEY}\ntoken=${MINE}", MY_KEY="k1", MINE="t1")
    assert found.secret_key == Secret("k1")
    assert found.token == Secret("t1")
    word = Override("common", "secretKey", "${MY_KEY}")
    assert load("", word, MY_KEY="k2").config.common.secret_key == Secret("k2")


def test_only_secrets_refer_to_the_environment() -> None:
    assert common("cosPath=/${HOME}/", HOME="x").cos_path == "/${HOME}/"


def test_token_from_the_environment() -> None:
    environment = {"COS_TOKEN": "t"}
    assert common("", **environment).token == Secret("t")


def test_the_certificate_file_from_the_environment() -> None:
    here = str(Path.cwd() / "file")
    assert common("", SSL_CERT_FILE=here).ca_file == here
    stale = load("", SSL_CERT_FILE="/nowhere.pem")
    assert stale.config.common.ca_file == ""
    assert "environment variable SSL_CERT_FILE" in stale.warnings[0]
