"""The command line: argv -> options, -D overrides and the path of config.ini.

argparse reads the options; `-D` words, words for Java and mistakes are taken out before, so that
all mistakes are reported at once. Sections and keys are checked by `config`. No message contains
the value of a `-D`, which may be a secret.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cos_migrate.cli.command_line import DEFAULT_CONFIG, CommandLine
from cos_migrate.cli.flags import FLAGS, RUN_OPTIONS, belongs_to_run, default_of, field_of, parser
from cos_migrate.config.given_values import Override
from cos_migrate.config.values import BLANKS
from cos_migrate.errors import ConfigError

_WORDS = {*FLAGS, *(flag.short for flag in FLAGS.values() if flag.short)}
_JVM_WORD = re.compile(
    "-(X.*|server|client|d32|d64|noverify|showversion"
    "|(ea|da|esa|dsa|(enable|disable)(system)?assertions|verbose|javaagent|agentlib|agentpath)(:.*)?"
    "|-(add-(opens|exports|reads|modules)|illegal-access|enable-native-access)=.*)"
)
"""Options of the Java virtual machine, which the Java tool's start script may contain."""
_ASSIGNMENT = re.compile(r"[A-Za-z]+\.[A-Za-z]+=")


def parse(words: Sequence[str]) -> CommandLine:
    """Parse argv without the program's name; raises ConfigError with every mistake."""
    overrides: list[Override] = []
    problems: list[str] = []
    rest = _take_overrides(_rejoined(words), overrides, problems)
    paths: Sequence[str] = rest
    options: dict[str, Any] = {}
    if any(word.startswith("-") for word in rest):
        paths, options = _read_options(rest, problems)
    if len(paths) > 1:
        problems.append(_several_paths(paths))
    if problems:
        raise ConfigError(problems)
    return CommandLine(
        config_path=paths[0] if paths else DEFAULT_CONFIG,
        overrides=tuple(overrides),
        warnings=tuple(_repeated(overrides)),
        **options,
    )


def _read_options(
    words: Sequence[str], problems: list[str]
) -> tuple[Sequence[str], dict[str, Any]]:
    """Return paths, and options as fields of `CommandLine`; add mistakes to `problems`."""
    from argparse import ArgumentError  # noqa: PLC0415 - most starts have no options

    try:
        found, more = parser().parse_known_args(words)
    except ArgumentError as error:
        name = str(error.argument_name).partition("/")[0]
        raise ConfigError([*problems, FLAGS[name].form]) from error
    options = vars(found)
    paths = options.pop("paths")
    for name, flag in FLAGS.items():
        if flag.values:
            field = field_of(name)
            uses = options[field] or ()
            problems += (flag.form for values in uses if not flag.are_legal(values))
            if len(uses) > 1:
                problems.append(f"{name} is given more than once")
            options[field] = tuple(uses[0]) if uses else None
    problems += _problems_without_run(options)
    return [*paths, *more], options


def _take_overrides(
    words: Sequence[str], overrides: list[Override], problems: list[str]
) -> list[str]:
    """Move overrides and mistakes out of `words`; return the other words, for argparse."""
    rest = []
    remaining = iter(words)
    for word in remaining:
        if word in _WORDS:
            rest.append(word)
        elif word.startswith("-D"):
            problem = _override_problem(word)
            if problem:
                problems.append(problem)
                next(remaining, "")  # its value, perhaps a secret
            else:
                overrides.append(_override(word))
        elif _JVM_WORD.fullmatch(word):
            overrides.append(Override("", word, ""))
        elif word.startswith("-") or not word:
            problems.append(_unknown_option(word))
        elif _ASSIGNMENT.match(word):
            name = word.partition("=")[0]
            problems.append(f"{name}=... lacks -D, write -D{name}=value")
        else:
            rest.append(word)
    return rest


def _override(word: str) -> Override:
    name, _, value = word[2:].partition("=")
    section, dot, key = name.partition(".")
    return Override(section if dot else "", key if dot else name, value.strip(BLANKS))


def _override_problem(word: str) -> str:
    """Return the problem of a `-D` word; empty: none."""
    name, equals, _ = word[2:].partition("=")
    if not equals and not name:
        return f"{word} is not complete, write -Dsection.key=value in one word"
    if not equals and "." in name:
        key, colon, _ = word.partition(":")
        if colon:
            return f"{key} has no value, write {key}=value: a colon separates nothing here"
        return f"{word} has no value, write {word}=value in one word"
    return ""


def _several_paths(paths: Sequence[str]) -> str:
    return (
        f"more than one config path is given: {', '.join(paths)}; legal: "
        f"[-Dsection.key=value]... [CONFIG_PATH], options {', '.join(FLAGS)}"
    )


def _problems_without_run(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield a problem for each option of a run beside a command that refuses it."""
    for name, flag in FLAGS.items():
        if flag.command and not flag.takes_all and options[field_of(name)]:
            for option in RUN_OPTIONS:
                if options[field_of(option)] != default_of(option):
                    yield belongs_to_run(option, name)


def _repeated(overrides: Sequence[Override]) -> Iterator[str]:
    """Yield a warning for each key that is overridden more than once."""
    counts = collections.Counter((each.section, each.key) for each in overrides if each.section)
    for name, count in counts.items():
        if count > 1:
            yield f"-D{'.'.join(name)} is given more than once; the last one counts"


def _rejoined(words: Sequence[str]) -> list[str]:
    """Join words that PowerShell splits: `-Dcommon.cosPath=/x/` at the dot."""
    joined: list[str] = []
    for word in words:
        if joined and re.fullmatch("-D[A-Za-z]+", joined[-1]) and re.match(r"\.[A-Za-z]+=", word):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _unknown_option(word: str) -> str:
    name = word.partition("=")[0]
    if name in FLAGS and FLAGS[name].values:
        return f"write {name} {' '.join(FLAGS[name].values)}, with blanks between"
    if name in FLAGS:
        return f"{name} takes no value; legal: {', '.join(FLAGS)}"
    if name.startswith("--D"):
        return f"`{name}` is no option, write {name[1:]}=value with one hyphen"
    import difflib  # noqa: PLC0415 - for typing errors only

    close = difflib.get_close_matches(name.lower(), FLAGS, n=1, cutoff=0.7)
    nearest = f", the nearest is {close[0]}" if close else ""
    return f"`{name}` is no option{nearest}; legal: {', '.join(FLAGS)}"
