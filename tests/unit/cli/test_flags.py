"""The table of options: the parser, the dispatch of commands and the start follow it."""

from __future__ import annotations

import pytest

from cos_migrate.cli import main
from cos_migrate.cli.arguments import parse
from cos_migrate.cli.command_line import CommandLine
from cos_migrate.cli.flags import FLAGS, field_of
from cos_migrate.processes.launcher import Launcher

NO_FLAGS = {"config_path", "overrides", "warnings", "program"}
EXAMPLES: dict[str, tuple[str, ...]] = {
    "--decrypt": ("/a", "b"),
    "--install": ("inventory",),
    "--merge-reports": ("a", "b"),
    "--completion": ("zsh",),
}
"""Words behind the options that take values."""


def test_each_field_has_an_option() -> None:
    assert {field_of(name) for name in FLAGS} == set(CommandLine._fields) - NO_FLAGS


@pytest.mark.parametrize("name", FLAGS)
def test_an_option_sets_the_field_of_its_name(name: str) -> None:
    example = EXAMPLES.get(name, ())
    given = parse([name, *example])._asdict()
    plain = CommandLine()._asdict()
    changed = {field: value for field, value in given.items() if value != plain[field]}
    assert changed == {field_of(name): example or not name.startswith("--no-")}


@pytest.mark.parametrize(
    "words",
    [
        (word, *EXAMPLES.get(name, ()))
        for name, flag in FLAGS.items()
        for word in (name, flag.short)
        if flag.command and word
    ],
)
def test_a_command_runs_in_place_of_a_migration(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    [(name, flag)] = [(n, f) for n, f in FLAGS.items() if words[0] in (n, f.short)]
    lines: list[CommandLine] = []

    def run(line: CommandLine) -> int:
        lines.append(line)
        return 77

    def start_ahead(_launcher: Launcher) -> None:
        raise AssertionError("a process is started for a command")

    monkeypatch.setitem(FLAGS, name, flag._replace(command=run))
    monkeypatch.setattr(main, "_start_ahead", start_ahead)
    monkeypatch.delenv("RUN_MODE", raising=False)
    assert main.main([*words, "--quiet"]) == 77
    assert lines == [parse([*words, "--quiet"])]


def test_help_wins_over_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--help", "--version", "--demo"]) == 0
    assert "usage:" in capsys.readouterr().out
