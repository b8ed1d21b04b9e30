"""`--completion`: prints the script with which bash or zsh complete words on Tab."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import TYPE_CHECKING

from cos_migrate.cli.command_line import SHELLS
from cos_migrate.config.common import Common, MigrateType
from cos_migrate.config.options import declared_options
from cos_migrate.exit_codes import OK
from cos_migrate.sources import registry
from cos_migrate.sources.registry import SECTIONS

if TYPE_CHECKING:
    from cos_migrate.cli.flags import Flag


def print_completion(shell: str, flags: Mapping[str, Flag]) -> int:
    """Print the script for a shell; return the exit code."""
    options, keys, types = list(_options(flags)), list(_keys()), registry.source_types()
    if shell == "bash":
        values = {
            "options": _as_words(name for name, _ in options),
            "keys": _as_words(name for name, _ in keys),
            "types": _as_words(types),
            "shells": _as_words(SHELLS),
        }
    else:
        values = {
            "options": _described(options),
            "keys": _described(keys),
            "types": " ".join(types),
            "shells": " ".join(SHELLS),
        }
    script = resources.files("cos_migrate.cli").joinpath(f"words.{shell}")
    print(_filled_in(script.read_text(encoding="utf-8"), values), end="")
    return OK


def _filled_in(script: str, values: Mapping[str, str]) -> str:
    """Return a script with the values in the place of their names, as `@name@`."""
    return re.sub("@([a-z]+)@", lambda found: values[found[1]], script)


def _options(flags: Mapping[str, Flag]) -> Iterator[tuple[str, str]]:
    """Yield the options and their help."""
    for name, flag in flags.items():
        yield name, flag.help
        if flag.short:
            yield flag.short, flag.help


def _keys() -> Iterator[tuple[str, str]]:
    """Yield the beginnings of words that override a key, and the key's help.

    Secrets are left out: every user of the machine can read a command line.
    """
    for name, section in (("migrateType", MigrateType), ("common", Common), *SECTIONS.items()):
        for one in declared_options(section):
            if not one.option.secret:
                yield f"-D{name}.{one.option.key}=", one.option.help


def _as_words(names: Iterable[str]) -> str:
    return shlex.quote(" ".join(names))


def _described(entries: Iterable[tuple[str, str]]) -> str:
    """Return words of zsh: a name and a description each, with a colon between."""
    return " ".join(shlex.quote(f"{name}:{text}") for name, text in entries)
