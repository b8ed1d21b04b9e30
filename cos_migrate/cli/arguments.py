"""The command line: argv -> options, -D overrides and the path of config.ini.

argparse reads the options; `-D` words, words for Java and mistakes are taken out before, so that
all mistakes are reported at once. Sections and keys are checked by `config`. No message contains
the value of a `-D`, which may be a secret.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cos_migrate.config.given_values import Override
from cos_migrate.config.values import BLANKS
from cos_migrate.errors import ConfigError

if TYPE_CHECKING:
    from argparse import ArgumentParser

DEFAULT_CONFIG = "conf/config.ini"

_FLAGS = {
    "--quiet": "no lines for single files on stdout; the logs stay complete",
    "--no-progress": "no progress display on a terminal",
    "--json": "print JSON lines on stdout instead of text: events, and the summary at the end",
    "--demo": "migrate sample files into an embedded COS on this machine; needs no account",
    "--debug": "write log/debug.log",
    "--version": "show the version",
}
"""Options without a value, with their help; each sets the field of `CommandLine` of its name."""
RUN_OPTIONS = ("--json",)
"""Those that change a run, and mean nothing to the other commands."""
_HELP = ("--help", "-h")
_DECRYPT = "--decrypt"
_OPTIONS = (*_FLAGS, _HELP[0], _DECRYPT)
_JVM_WORD = re.compile(
    "-(X.*|server|client|d32|d64|noverify|showversion"
    "|(ea|da|esa|dsa|(enable|disable)(system)?assertions|verbose|javaagent|agentlib|agentpath)(:.*)?"
    "|-(add-(opens|exports|reads|modules)|illegal-access|enable-native-access)=.*)"
)
"""Options of the Java virtual machine, which the Java tool's start script may contain."""
_ASSIGNMENT = re.compile(r"[A-Za-z]+\.[A-Za-z]+=")

_USAGE = """\
sh start_migrate.sh [-Dsection.key=value]... [options] [CONFIG_PATH]
       python -m cos_migrate [-Dsection.key=value]... [options] [CONFIG_PATH]"""
_DESCRIPTION = """\
Migrate files and objects to Tencent Cloud Object Storage (COS).

-Dsection.key=value overrides one key of the configuration, such as -Dcommon.cosPath=/backup/"""
_EPILOG = """\
Keep credentials out of the file and off the command line, where every user of this machine can
read them: set the environment variables COS_SECRETID, COS_SECRETKEY and, for a temporary
credential, COS_TOKEN; or write ${NAME} as the value of any secret key.

exit codes: 0 all done; 1 something failed or could not be listed; 2 wrong configuration or
usage; 3 the record database is in use or unusable; 130, 143 stopped by Ctrl-C or SIGTERM"""


class CommandLine(NamedTuple):
    """The parsed command line."""

    config_path: str = DEFAULT_CONFIG
    overrides: tuple[Override, ...] = ()
    quiet: bool = False
    progress: bool = True
    json: bool = False
    demo: bool = False
    help: bool = False
    version: bool = False
    debug: bool = False
    decrypt: tuple[str, str] | None = None
    """The object to read back, and the new local file."""
    warnings: tuple[str, ...] = ()


def usage() -> str:
    """Return the text of `--help`."""
    return _parser().format_help()


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
    from argparse import ArgumentError  # noqa: PLC0415 - 6 ms, and most starts have no options

    try:
        found, more = _parser().parse_known_args(words)
    except ArgumentError as error:  # only `--decrypt` takes arguments
        raise ConfigError([*problems, _decrypt_form()]) from error
    options = vars(found)
    paths, decrypt = options.pop("paths"), options.pop("decrypt")
    problems += _problems_of_decrypt(decrypt)
    problems += _problems_without_run(options, decrypt)
    return [*paths, *more], {**options, "decrypt": tuple(decrypt[0]) if decrypt else None}


def _parser() -> ArgumentParser:
    import argparse  # noqa: PLC0415 - as above

    parser = argparse.ArgumentParser(
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    parser.add_argument(
        "paths", nargs="*", metavar="CONFIG_PATH", help=f"{DEFAULT_CONFIG} when not given"
    )
    for flag, meaning in _FLAGS.items():
        action = "store_false" if flag.startswith("--no-") else "store_true"
        parser.add_argument(flag, dest=field_of(flag), action=action, help=meaning)
    parser.add_argument(*_HELP, action="store_true", help="show this text")
    parser.add_argument(
        _DECRYPT,
        nargs=2,
        action="append",
        metavar=("COS_PATH", "LOCAL_FILE"),
        help="read one client-side encrypted object back, with the key in keyPath",
    )
    return parser


def field_of(flag: str) -> str:
    """Return the field of a flag; `--no-progress` sets the field `progress` to False."""
    return flag.removeprefix("--").removeprefix("no-").replace("-", "_")


def _take_overrides(
    words: Sequence[str], overrides: list[Override], problems: list[str]
) -> list[str]:
    """Move overrides and mistakes out of `words`; return the other words, for argparse."""
    rest = []
    remaining = iter(words)
    for word in remaining:
        if word in _HELP or word in _OPTIONS:
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
        return f"{word} has no value, write {word}=value in one word"
    return ""


def _several_paths(paths: Sequence[str]) -> str:
    return (
        f"more than one config path is given: {', '.join(paths)}; legal: "
        f"[-Dsection.key=value]... [CONFIG_PATH], options {', '.join(_OPTIONS)}"
    )


def _problems_of_decrypt(decrypt: Sequence[Sequence[str]] | None) -> Iterator[str]:
    for cos_path, local in decrypt or ():
        if not cos_path.startswith("/") or not local or local.startswith("-"):
            yield _decrypt_form()
    if decrypt and len(decrypt) > 1:
        yield f"{_DECRYPT} is given more than once"


def _problems_without_run(options: Mapping[str, Any], decrypt: object) -> Iterator[str]:
    """Yield a problem for each option of a run beside a command that makes none."""
    other = "--demo" if options["demo"] else _DECRYPT if decrypt else ""
    if other:
        for flag in RUN_OPTIONS:
            if options[field_of(flag)]:
                yield f"{flag} belongs to a run and cannot be combined with {other}"


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
    if name == _DECRYPT:
        return f"write {_DECRYPT} COS_PATH LOCAL_FILE, with blanks between"
    if name in _OPTIONS:
        return f"{name} takes no value; legal: {', '.join(_OPTIONS)}"
    import difflib  # noqa: PLC0415 - for typing errors only

    close = difflib.get_close_matches(name.lower(), _OPTIONS, n=1, cutoff=0.7)
    nearest = f", the nearest is {close[0]}" if close else ""
    return f"`{name}` is no option{nearest}; legal: {', '.join(_OPTIONS)}"


def _decrypt_form() -> str:
    return (
        f"write {_DECRYPT} COS_PATH LOCAL_FILE, such as {_DECRYPT} /backup/a.txt ./a.txt; "
        "COS_PATH must start with /"
    )
