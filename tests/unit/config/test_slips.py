"""Values that look as if something else was meant, and keys that are spelt nearly right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config import loader as config
from cos_migrate.config.given_values import Override
from cos_migrate.config.loader import Loaded
from cos_migrate.config.slips import slip_in
from cos_migrate.errors import ConfigError
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.s3.aws import AwsConfig

SOURCES: dict[str, type[Any]] = {"migrateLocal": LocalConfig, "migrateAws": AwsConfig}
COMMON = {
    "secretId": "AKIDexample",
    "secretKey": "hush",
    "bucketName": "examplebucket-1250000000",
    "region": "ap-guangzhou",
}
NBSP, WIDE, ZERO_WIDTH = "\u00a0", "\u3000", "\u200b"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str = "", *words: Override, without: str = "") -> Loaded:
    """Load a legal configuration whose [common], on line 3, goes on with `text` on line 8."""
    lines = [f"{key}={value}" for key, value in COMMON.items() if key != without]
    body = "\n".join(["[migrateType]", "type=migrateLocal", "[common]", *lines, text])
    local = f"[migrateLocal]\nlocalPath={Path.cwd()}".replace("\\", "\\\\")
    Path("c.ini").write_text(f"{body}\n{local}\n", encoding="utf-8")
    return config.load("c.ini", words, SOURCES, environ={})


def problems(text: str, *words: Override, without: str = "") -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, *words, without=without)
    return caught.value.problems


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("/x # folder", "a # beside a blank"),
        ("/x ; folder", "a ; beside a blank"),
        ("/x/# folder", "a # beside a blank"),
        ("/C# projects", "a # beside a blank"),
        (f"/x{NBSP}", "ends in an invisible character (U+00A0)"),
        (f"/x{WIDE}", "ends in an invisible character (U+3000)"),
        (f"/x{ZERO_WIDTH}", "ends in an invisible character (U+200B)"),
        ("/x\ufeff", "ends in an invisible character (U+FEFF)"),
    ],
)
def test_a_value_is_kept_and_doubted_once(value: str, says: str) -> None:
    loaded = load(f"cosPath={value}")
    assert loaded.config.common.cos_path == f"{value}/"
    (warning,) = loaded.warnings
    assert says in warning
    assert f"(c.ini line 8: [common] cosPath={value[:2]}" in warning


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('"/x/"', "the quotes are part of the value"),
        ("'/x/'", "the quotes are part of the value"),
        (f"{NBSP}/x/", "begins in an invisible character (U+00A0)"),
    ],
)
def test_the_slip_in_a_refused_value_stands_in_its_problem(value: str, says: str) -> None:
    (refused,) = problems(f"cosPath={value}")
    assert "is invalid, cospath must start with /; the " in refused
    assert says in refused
    assert "c.ini line 8: [common] cosPath=" in refused


def test_the_comment_behind_a_bucket() -> None:
    (refused,) = problems("bucketName=examplebucket-1250000000 # my bucket", without="bucketName")
    assert "bucketName must be <name>-<APPID>; a # beside a blank is part of the value" in refused
    assert "c.ini line 7: [common] bucketName=" in refused


def test_the_type_is_doubted() -> None:
    found = problems("[migrateType]\ntype=migrateLocal ; files")
    assert "invalid config. section:migrateType, key:type" in found[0]
    assert any("a ; beside a blank" in line for line in found)


@pytest.mark.parametrize("key", ["secretKey", "token", "proxyPassword"])
@pytest.mark.parametrize("value", ['"hidden1"', "hidden1 # mine", f"hidden1{NBSP}"])
def test_a_secret_is_doubted_without_being_shown(key: str, value: str) -> None:
    text = f"{key}={value}\nproxyHost=localhost\nproxyPort=1"
    try:
        said = load(text, without=key).warnings
    except ConfigError as error:
        said = error.problems
    assert sum(f": [common] {key}=***" in line and "value" in line for line in said) >= 1
    assert "hidden1" not in "".join(said)


@pytest.mark.parametrize(
    "line",
    [
        "cosPath=/a#b;c/",
        "cosPath=/it's here/",
        'cosPath=/"x"/',
        "[migrateLocal]\nignoreSuffix=.tmp ; .bak",
        "[migrateLocal]\nincludeSuffix=.jpg;.png",
        "proxyUser=",
        "encryptionType= ",
    ],
)
def test_what_is_not_doubted(line: str) -> None:
    assert load(line).warnings == ()


def test_the_command_line_is_doubted_too() -> None:
    (warning,) = load("", Override("common", "cosPath", "/x # y")).warnings
    assert "(command line: [common] cosPath=/x # y" in warning


def test_a_list_may_have_blanks_before_its_semicolons() -> None:
    assert slip_in(".a ; .b", is_list=True) == ""
    assert slip_in(".a # .b", is_list=True)


# A blank word of the command line


def test_a_blank_word_hides_what_the_file_says() -> None:
    loaded = load("cosPath=/backup/", Override("common", "cosPath", ""))
    assert loaded.config.common.cos_path == "/"
    (warning,) = loaded.warnings
    assert "-Dcommon.cosPath is blank and hides" in warning
    assert "c.ini line 8: [common] cosPath" in warning


def test_a_blank_word_that_hides_a_secret_does_not_show_it() -> None:
    refused, doubt = problems("", Override("common", "secretKey", ""))
    assert "config key miss. section: common, key: secretKey" in refused
    assert "-Dcommon.secretKey is blank and hides" in doubt
    assert "hush" not in refused + doubt


def test_a_blank_word_hides_another_spelling() -> None:
    Path("kept").mkdir()
    (warning,) = load(
        f"[migrateLocal]\nexeludes={Path.cwd() / 'kept'}".replace("\\", "\\\\"),
        Override("migrateLocal", "excludes", ""),
    ).warnings
    assert "-DmigrateLocal.excludes is blank and hides" in warning


@pytest.mark.parametrize("text", ["", "cosPath="])
def test_a_blank_word_that_hides_nothing(text: str) -> None:
    assert load(text, Override("common", "cosPath", "")).warnings == ()


# Values that a credential or a path cannot have


@pytest.mark.parametrize("key", ["secretId", "secretKey", "token"])
@pytest.mark.parametrize("value", ['"hidden1"', "'hidden1'", "$HIDDEN1", "%HIDDEN1%"])
def test_a_credential_is_no_quoted_text_and_no_variable(key: str, value: str) -> None:
    (refused,) = problems(f"{key}={value}", without=key)
    assert f": [common] {key}=***" in refused
    assert "hidden1" not in refused.lower()


@pytest.mark.parametrize("value", ["${HOME}/x", "/x/${DAY}", "$HOME/x", "%USERPROFILE%/x"])
def test_a_variable_is_read_by_secret_keys_only(value: str) -> None:
    (refused,) = problems("", Override("migrateLocal", "localPath", value))
    assert "local path not exist!; this reads no environment variable" in refused


def test_a_path_that_is_not_found_tells_where_it_was_looked_for() -> None:
    (refused,) = problems("tmpFolder=elsewhere")
    assert "not exist!; a relative path is looked up from the tool's folder (" in refused
    (refused,) = problems(f"tmpFolder={Path.cwd().as_posix()}/elsewhere")
    assert "not exist! (" in refused


def test_a_line_that_is_not_utf8_is_one_problem() -> None:
    load()
    data = Path("c.ini").read_bytes()
    Path("c.ini").write_bytes(data.replace(b"localPath=", b"localPath=/\xca\xfd"))
    with pytest.raises(ConfigError) as caught:
        config.load("c.ini", (), SOURCES, environ={})
    (problem,) = caught.value.problems
    assert "is not UTF-8 (byte 0xCA)" in problem


def test_a_full_width_separator_is_named() -> None:
    (problem,) = problems("cosPath：/x/")
    assert problem.endswith("line 8 has a full-width ： where = belongs")


# Sections and keys that are spelt nearly right


@pytest.mark.parametrize("name", ["comon", "Common", "commom"])
def test_a_misspelt_section_is_the_only_problem(name: str) -> None:
    load()
    text = Path("c.ini").read_text(encoding="utf-8").replace("[common]", f"[{name}]")
    Path("c.ini").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load("c.ini", (), SOURCES, environ={})
    (problem,) = caught.value.problems
    assert problem.startswith(f"unknown section [{name}]: the nearest known section is [common]")
    assert problem.endswith("(c.ini line 3)")


@pytest.mark.parametrize(
    "line", ["export cosPath=/x/", '"cosPath": "/x/",', "- cosPath: /x/", "set cosPath=/x/"]
)
def test_a_key_of_another_format(line: str) -> None:
    (problem,) = problems(line)
    assert "the nearest known key is cosPath, which is not set" in problem


@pytest.mark.parametrize(
    "key", ["cospath", "COSPATH", "cosPat", "cosPathh", "cosPahh", "cosPaht", "ocsPath", "cosPath2"]
)
def test_a_near_miss_of_a_key_that_is_not_set(key: str) -> None:
    (problem,) = problems(f"{key}=/backup/")
    assert problem.startswith(f"unknown key [common] {key}: the nearest known key is cosPath")
    assert "c.ini line 8" in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cosPath=/a/\ncospath=/b/", ()),
        ("cospath=/b/\ncosPath=/a/", ()),
        ("cospath=/b/", (Override("common", "cosPath", "/a/"),)),
        ("cospath=", ()),
        ("cosPathes=/b/", ()),
        ("[migrateAws]\nendpoint=s3.example.com", ()),
        ("[migrateLocal]\nexcludes=/\nexeluds=/", ()),
    ],
)
def test_what_is_only_warned_of(text: str, words: tuple[Override, ...]) -> None:
    (warning,) = load(text, *words).warnings
    assert "is ignored" in warning


def test_a_near_miss_in_the_section_of_the_source() -> None:
    (problem,) = problems("[migrateLocal]\nexclude=/tmp")
    assert "unknown key [migrateLocal] exclude: the nearest known key is excludes" in problem


def test_a_required_key_that_is_spelt_nearly_right() -> None:
    missing = problems("bucketname=examplebucket-1250000000", without="bucketName")
    assert any("config key miss. section: common, key: bucketName" in line for line in missing)
    assert any("the nearest known key is bucketName" in line for line in missing)


def test_a_near_miss_of_a_secret_does_not_show_its_value() -> None:
    found = problems("secretkey=hidden1", without="secretKey")
    assert any("the nearest known key is secretKey" in line for line in found)
    assert "hidden1" not in "".join(found)


# Suffixes


@pytest.mark.parametrize("key", ["includeSuffix", "ignoreSuffix"])
@pytest.mark.parametrize("value", ["*.jpg", ".jpg;*.png", "*", "?.jpg", ".jp[eg]", ".{jpg,png}"])
def test_a_suffix_has_no_wildcards(key: str, value: str) -> None:
    loaded = load(f"[migrateLocal]\n{key}={value}")
    (warning,) = loaded.warnings
    assert "a suffix has no wildcards" in warning
    assert f"[migrateLocal] {key}={value}" in warning
    found: Any = loaded.config.source
    kept = found.include_suffix if key == "includeSuffix" else found.ignore_suffix
    assert kept == tuple(value.split(";"))
