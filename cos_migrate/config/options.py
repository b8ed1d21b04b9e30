"""How a section of config.ini is declared: a frozen dataclass with one `option()` for each key.

Owns the declaration only: what a key is called, what it becomes, what is legal. It reads no file
and knows no section; `config` does the loading, `values` the parsing of single values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

REQUIRED: Any = dataclasses.MISSING
"""The default of a key that has none: a configuration without it is refused."""

_METADATA = "option"


class Adjusted(NamedTuple):
    """What a parser returns when it had to change the value to make it usable."""

    value: Any
    warning: str


class Mistake(NamedTuple):
    """A key that is wrong only beside the others; what a section's `mistakes()` yields."""

    key: str
    message: str
    legal: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a section."""

    key: str
    """As the file spells it."""
    help: str
    parse: Callable[[str], Any]
    """Text (never blank) to value; raises ValueError with a message fit to print."""
    legal: str
    """What is legal, in words."""
    aliases: tuple[str, ...]
    """Other spellings; they are read before `key`."""
    secret: bool
    """Its value is never shown, and `${NAME}` reads the environment variable NAME."""
    path: bool
    """A path of this machine: a single backslash is kept, a relative one is warned about."""
    variable: str
    """Environment variable that is read where the file says nothing."""
    placeholders: tuple[str, ...]
    """Values that stand in the shipped file to be replaced."""
    batch: bool
    """Each line of `batchTaskPath` brings its own; then it is not required here."""


def option(
    key: str,
    *,
    help: str,  # noqa: A002 - the word argparse and click taught everybody
    default: Any = REQUIRED,
    parse: Callable[[str], Any] = str,
    legal: str = "",
    aliases: tuple[str, ...] = (),
    secret: bool = False,
    path: bool = False,
    variable: str = "",
    placeholders: tuple[str, ...] = (),
    batch: bool = False,
) -> Any:
    """Declare a key of config.ini as a field of its section's dataclass.

    `default` is the value itself, not its text; without one the key is required.
    """
    declared = Option(key, help, parse, legal, aliases, secret, path, variable, placeholders, batch)
    return dataclasses.field(default=default, metadata={_METADATA: declared})


class Declared(NamedTuple):
    """A field of a section together with its option."""

    name: str
    """The attribute of the dataclass."""
    default: Any
    """REQUIRED when there is none."""
    option: Option


def declared(section: type[Any]) -> list[Declared]:
    """Return every option of a section's dataclass, in the order of declaration."""
    return [
        Declared(field.name, field.default, field.metadata[_METADATA])
        for field in dataclasses.fields(section)
        if _METADATA in field.metadata
    ]


def values_of(section: object) -> list[tuple[Option, Any]]:
    """Return every option of a section with its value."""
    return [(one.option, getattr(section, one.name)) for one in declared(type(section))]
