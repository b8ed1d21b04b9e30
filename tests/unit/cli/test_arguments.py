"""The words behind start_migrate.sh."""

from __future__ import annotations

import pytest

from cos_migrate.cli import flags
from cos_migrate.cli.arguments import parse
from cos_migrate.cli.command_line import CommandLine
from cos_migrate.config.given_values import Override
from cos_migrate.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], CommandLine()),
        (["my.ini"], CommandLine(config_path="my.ini")),
        (["--quiet"], CommandLine(quiet=True)),
        (["--no-progress"], CommandLine(progress=False)),
        (["--demo"], CommandLine(demo=True)),
        (["--debug"], CommandLine(debug=True)),
        (["--dry-run"], CommandLine(dry_run=True)),
        (["--retry-failed", "--json"], CommandLine(retry_failed=True, json=True)),
        (["--compare"], CommandLine(compare=True)),
        (["--compare=content", "x"], CommandLine("x", compare_content=True)),
        (["--forget", "--compare"], CommandLine(compare=True, forget=True)),
        (["--json", "a.ini"], CommandLine(config_path="a.ini", json=True)),
        (["--decrypt", "/a/b", "c"], CommandLine(decrypt=("/a/b", "c"))),
        (
            ["--quiet", "--decrypt", "/a", "b", "my.ini"],
            CommandLine(config_path="my.ini", quiet=True, decrypt=("/a", "b")),
        ),
        (["--version"], CommandLine(version=True)),
        (["--help"], CommandLine(help=True)),
        (["-h"], CommandLine(help=True)),
        (
            ["my.ini", "--quiet", "-Dcommon.cosPath=/a b/"],
            CommandLine(
                config_path="my.ini",
                quiet=True,
                overrides=(Override("common", "cosPath", "/a b/"),),
            ),
        ),
        (["-Da.b="], CommandLine(overrides=(Override("a", "b", ""),))),
        (["-Da.b= x "], CommandLine(overrides=(Override("a", "b", "x"),))),
        (["-Da.b=c=d.e"], CommandLine(overrides=(Override("a", "b", "c=d.e"),))),
        (["-Da.b.c=d"], CommandLine(overrides=(Override("a", "b.c", "d"),))),
        (["-Dname=x"], CommandLine(overrides=(Override("", "name", "x"),))),
        (["-Dname"], CommandLine(overrides=(Override("", "name", ""),))),
        (["-Xmx4g"], CommandLine(overrides=(Override("", "-Xmx4g", ""),))),
        (
            ["-Dcommon", ".cosPath=/x/"],
            CommandLine(overrides=(Override("common", "cosPath", "/x/"),)),
        ),
    ],
)
def test_words(words: list[str], expected: CommandLine) -> None:
    assert parse(words) == expected


@pytest.mark.parametrize(
    "word",
    [
        *("-Xms1g", "-XX:+UseG1GC", "-XX:MaxRAMPercentage=50", "-server", "-client", "-d64"),
        *("-ea", "-esa", "-ea:com.qcloud...", "-enableassertions", "-disablesystemassertions"),
        *("-verbose:gc", "-javaagent:/opt/agent.jar=port=1", "-agentlib:jdwp=server=y"),
        *("-noverify", "-showversion", "--add-opens=java.base/java.nio=ALL-UNNAMED"),
        *("--illegal-access=permit", "-Dsun.jnu.encoding=UTF-8", "-Djava.io.tmpdir=/data/tmp"),
    ],
)
def test_words_for_the_java_virtual_machine(word: str) -> None:
    [override] = parse([word, "my.ini"]).overrides
    assert word.startswith((override.key, f"-D{override.section}.{override.key}="))


@pytest.mark.parametrize("word", ["-serve", "-cp", "-jar", "--add-opens", "-eax"])
def test_other_words_are_not_for_the_java_virtual_machine(word: str) -> None:
    with pytest.raises(ConfigError, match="is no option"):
        parse([word])


def test_a_key_given_twice_is_warned_about_and_the_last_one_comes_last() -> None:
    found = parse(["-Da.b=1", "-Da.c=1", "-Da.b=2", "-Da.b=3"])
    assert found.warnings == ("-Da.b is given more than once; the last one counts",)
    assert found.overrides[-1].value == "3"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--foo"], ["`--foo` is no option", "legal: --quiet, "]),
        (["--decrypt"], ["write --decrypt COS_PATH LOCAL_FILE, such as"]),
        (["--decrypt", "/a"], ["write --decrypt COS_PATH LOCAL_FILE, such as"]),
        (["--decrypt", "a", "b"], ["COS_PATH must start with /"]),
        (["--decrypt", "/a", "-Dcommon.https=on"], ["write --decrypt COS_PATH LOCAL_FILE"]),
        (["--decrypt=/a", "b"], ["write --decrypt COS_PATH LOCAL_FILE, with blanks between"]),
        (["--decrypt", "/a", "b", "--decrypt", "/a", "b"], ["given more than once"]),
        (["--decript"], ["the nearest is --decrypt"]),
        (["--quite"], ["`--quite` is no option", "the nearest is --quiet"]),
        (["--QUIET"], ["the nearest is --quiet"]),
        (["--noprogress"], ["the nearest is --no-progress"]),
        (["--versoin"], ["the nearest is --version"]),
        (["--quiet=1"], ["--quiet takes no value"]),
        (["-q"], ["`-q` is no option"]),
        (["-"], ["`-` is no option"]),
        ([""], ["`` is no option"]),
        (["-dcommon.secretKey=hush"], ["`-dcommon.secretKey` is no option"]),
        (["--secretKey=hush"], ["`--secretKey` is no option"]),
        (["a.ini", "b.ini"], ["more than one config path is given: a.ini, b.ini", "--quiet"]),
        (["--json", "--demo"], ["--json belongs to a run and cannot be combined with --demo"]),
        (["--json", "--decrypt", "/a", "b"], ["cannot be combined with --decrypt"]),
        (["-D"], ["-D is not complete", "-Dsection.key=value"]),
        (["-D", "common.secretKey=hush"], ["-D is not complete"]),
        (["-Dcommon.secretKey"], ["-Dcommon.secretKey has no value"]),
        (["-Dcommon.secretKey", "hush", "a.ini"], ["-Dcommon.secretKey=value in one word"]),
        (["common.secretKey=hush"], ["common.secretKey=... lacks -D"]),
    ],
)
def test_wrong_words(words: list[str], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(words)
    assert len(caught.value.problems) == 1
    for part in parts:
        assert part in caught.value.problems[0]
    assert "hush" not in str(caught.value)


def test_all_wrong_words_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(["--foo", "-Dcommon.x", "y", "a", "b", "--bar"])
    assert len(caught.value.problems) == 4


def test_an_override_does_not_show_its_value() -> None:
    assert "hush" not in repr(parse(["-Dcommon.secretKey=hush"]))


@pytest.mark.parametrize(
    "word",
    [
        *("--quiet", "--no-progress", "--demo", "--debug", "--help", "--version"),
        *("-Dsection.key=value", "conf/config.ini", "COS_SECRETID", "${NAME}", "exit codes"),
    ],
)
def test_usage_tells(word: str) -> None:
    assert word in flags.usage()
