"""The table of options, from which the parser, `--help` and the dispatch of commands are made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cos_migrate import __version__
from cos_migrate.cli.command_line import DEFAULT_CONFIG, SHELLS, CommandLine
from cos_migrate.cli.languages import language_of_line
from cos_migrate.exit_codes import OK
from cos_migrate.language import Say

if TYPE_CHECKING:
    from argparse import ArgumentParser

_USAGE = """\
sh start_migrate.sh [-Dsection.key=value]... [options] [CONFIG_PATH]
       cos-migrate [-Dsection.key=value]... [options] [CONFIG_PATH]   (installed as a package)"""
_DESCRIPTION = """\
Migrate files and objects to Tencent Cloud Object Storage (COS).

-Dsection.key=value overrides one key of the configuration, such as -Dcommon.cosPath=/backup/"""
_EPILOG = """\
Keep credentials out of the file and off the command line, where every user of this machine can
read them: set the environment variables COS_SECRETID, COS_SECRETKEY and, for a temporary
credential, COS_TOKEN; or write ${NAME} as the value of any secret key.

exit codes: 0 all done; 1 something failed or could not be listed; 2 wrong configuration or
usage; 3 the record database is in use or unusable; 130, 143 stopped by Ctrl-C or SIGTERM"""


Command = Callable[[CommandLine], int]
"""Runs in place of a migration; returns the exit code. Raises MigrateError."""


def _are_words(values: Sequence[str]) -> bool:
    return not any(not value or value.startswith("-") for value in values)


class Flag(NamedTuple):
    """An option of the command line: its values, help, and the command that it runs."""

    help: str
    command: Command | None = None
    """None: the option changes how a migration runs."""
    run_only: bool = False
    """Whether it has no meaning for the commands, which refuse it."""
    takes_all: bool = False
    """Whether the command accepts the options of a run, which it does not use."""
    short: str = ""
    needs_home: bool = True
    """Whether its command uses files of the tool; otherwise it only prints a text."""
    values: tuple[str, ...] = ()
    """Names of the words that follow the option, for `--help`."""
    repeats: bool = False
    """Whether the last of these words may be given several times."""
    form: str = ""
    """How to write the option; the error for wrong words."""
    are_legal: Callable[[Sequence[str]], bool] = _are_words


def _is_shell(values: Sequence[str]) -> bool:
    return values[0] in SHELLS


def _are_cos_path_and_file(values: Sequence[str]) -> bool:
    return values[0].startswith("/") and _are_words(values)


def _run_demo(line: CommandLine) -> int:
    from pathlib import Path  # noqa: PLC0415 - for the demo only

    from cos_migrate.cli.demo import run_demo  # noqa: PLC0415

    say = language_of_line(line, os.environ).say
    return run_demo(Path.cwd(), line.program, say, line.overrides)


def _print_completion(line: CommandLine) -> int:
    from cos_migrate.cli.completion import print_completion  # noqa: PLC0415 - rarely used

    return print_completion((line.completion or ("",))[0], FLAGS)


def _run_decrypt(line: CommandLine) -> int:
    from cos_migrate.cli.decrypt import run_decrypt  # noqa: PLC0415 - rarely used

    cos_path, local_file = line.decrypt or ("", "")
    return run_decrypt(line, cos_path, local_file)


def _run_checks(line: CommandLine) -> int:
    from cos_migrate.cli.check_config import run_checks  # noqa: PLC0415 - rarely used

    return run_checks(line)


def _run_init(line: CommandLine) -> int:
    from cos_migrate.cli.init_config import run_init  # noqa: PLC0415 - rarely used

    return run_init(line)


def _run_install(line: CommandLine) -> int:
    from cos_migrate.cli.install_extra import run_install  # noqa: PLC0415 - rarely used

    return run_install(line)


def _run_merge(line: CommandLine) -> int:
    from cos_migrate.cli.merge_reports import merge_reports  # noqa: PLC0415 - rarely used

    say = language_of_line(line, os.environ).say
    return merge_reports(line.merge_reports or (), say)


def print_version(_line: CommandLine | None = None) -> int:
    """Print the version; return the exit code."""
    print(f"cos-migrate {__version__}")
    return OK


def _print_help(line: CommandLine) -> int:
    print(usage(language_of_line(line, os.environ).say))
    return OK


FLAGS = {
    "--quiet": Flag("no lines for single files on stdout; the logs stay complete"),
    "--no-progress": Flag("no progress display on a terminal, and a line for every object"),
    "--dry-run": Flag(
        "print what a run would send, and how many requests and bytes; change nothing",
        run_only=True,
    ),
    "--retry-failed": Flag(
        "try only what the last run of this job left as failed; list and walk nothing else",
        run_only=True,
    ),
    "--compare": Flag(
        "compare the source with COS by listings and records; transfer nothing", run_only=True
    ),
    "--compare=content": Flag(
        "the same, and decide by checksums what listings and records cannot", run_only=True
    ),
    "--forget": Flag(
        "with --compare: forget the records of objects that COS lost or changed, so that the next "
        "run sends them",
        run_only=True,
    ),
    "--json": Flag(
        "print JSON lines on stdout instead of text: events, and the summary at the end",
        run_only=True,
    ),
    "--check-config": Flag(
        "try what a run will need (source, target, rights, clock, disks) and leave nothing behind",
        _run_checks,
    ),
    "--init": Flag("ask for what a configuration needs, try it, and write the file", _run_init),
    "--demo": Flag(
        "migrate sample files into an embedded COS on this machine; needs no account", _run_demo
    ),
    "--decrypt": Flag(
        "read one client-side encrypted object back, with the key in keyPath",
        _run_decrypt,
        values=("COS_PATH", "LOCAL_FILE"),
        form="write --decrypt COS_PATH LOCAL_FILE, such as --decrypt /backup/a.txt ./a.txt; "
        "COS_PATH must start with /",
        are_legal=_are_cos_path_and_file,
    ),
    "--install": Flag(
        "install an extra into the tool's environment: inventory (inventories in Parquet and ORC)",
        _run_install,
        values=("EXTRA",),
        form="write --install EXTRA, such as --install inventory",
    ),
    "--merge-reports": Flag(
        "sum up the last runs of all shards, from the folders of the tool in which they ran",
        _run_merge,
        values=("DIR",),
        repeats=True,
        form="write --merge-reports DIR..., the folders of the tool in which the shards ran",
    ),
    "--completion": Flag(
        "print the script with which bash or zsh complete words on Tab",
        _print_completion,
        needs_home=False,
        values=("SHELL",),
        form=f"write --completion {' or --completion '.join(SHELLS)}",
        are_legal=_is_shell,
    ),
    "--debug": Flag("write log/debug.log"),
    "--version": Flag("show the version", print_version, takes_all=True, needs_home=False),
    "--help": Flag("show this text", _print_help, takes_all=True, needs_home=False, short="-h"),
}
"""All options. `--no-x` sets the field `x` to False. Of several commands the last one runs."""

COMMAND_WORDS = frozenset(
    word for name, flag in FLAGS.items() if flag.command for word in (name, flag.short) if word
)

HOMELESS_WORDS = frozenset(
    word
    for name, flag in FLAGS.items()
    if not flag.needs_home
    for word in (name, flag.short)
    if word
)

RUN_OPTIONS = tuple(name for name, flag in FLAGS.items() if flag.run_only)


_FIELD_NAMES = str.maketrans("-=", "__")


def command_of(line: CommandLine) -> Command | None:
    """Return the command that a command line names; None: it names a migration."""
    for name, flag in reversed(FLAGS.items()):
        if flag.command and getattr(line, field_of(name)):
            return flag.command
    return None


def field_of(name: str) -> str:
    """Return the field of `CommandLine` that an option sets."""
    return name.removeprefix("--").removeprefix("no-").translate(_FIELD_NAMES)


def belongs_to_run(name: str, other: str) -> str:
    """Return the message about an option of a run beside what starts none."""
    return f"{name} belongs to a run and cannot be combined with {other}"


def default_of(name: str) -> object:
    """Return the value of an option's field where the option is not given."""
    return CommandLine._field_defaults[field_of(name)]


def usage(say: Say = str) -> str:
    """Return the text of `--help`."""
    return parser(say).format_help()


def parser(say: Say = str) -> ArgumentParser:
    """Return the parser of all options; it reads those with values as lists of their uses."""
    import argparse  # noqa: PLC0415 - 6 ms, and most starts have no options

    from cos_migrate.cli.help_form import HelpForm  # noqa: PLC0415 - loads it too

    made = argparse.ArgumentParser(
        usage=_USAGE,
        description=say(_DESCRIPTION),
        epilog=say(_EPILOG),
        formatter_class=partial(HelpForm, say=say),
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    made.add_argument(
        "paths", nargs="*", metavar="CONFIG_PATH", help=say(f"{DEFAULT_CONFIG} when not given")
    )
    for name, flag in FLAGS.items():
        words = [word for word in (name, flag.short) if word]
        if flag.values:
            made.add_argument(
                *words,
                dest=field_of(name),
                nargs="+" if flag.repeats else len(flag.values),
                action="append",
                metavar=flag.values[0] if flag.repeats else flag.values,
                help=say(flag.help),
            )
        else:
            action = "store_false" if name.startswith("--no-") else "store_true"
            made.add_argument(*words, dest=field_of(name), action=action, help=say(flag.help))
    return made
