"""Declare a section of config.ini: a frozen dataclass with one `option()` for each key."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from cos_migrate.config.filter_settings import FilterSettings
from cos_migrate.model import Credentials

REQUIRED: Any = dataclasses.MISSING
"""The default of a required key."""

_METADATA = "option"


class Adjusted(NamedTuple):
    """A parsed value that had to be changed to be usable, and a warning."""

    value: Any
    warning: str


class Mistake(NamedTuple):
    """A problem with a key that depends on other keys, as `mistakes()` of a section yields it."""

    key: str
    message: str
    legal: str = ""


class MissingKey(NamedTuple):
    """A key that is blank although it is needed."""

    key: str
    looked_at: str = ""
    """Where its value was looked for besides."""


class Option(NamedTuple):
    """The declaration of one key of a section: name, help, default, parser."""

    key: str
    """Its spelling in the file."""
    help: str
    parse: Callable[[str], Any]
    """Convert text (never blank) to the value; raises ValueError with a printable message."""
    legal: str
    """The legal values, in words."""
    aliases: tuple[str, ...]
    """Other spellings, which take precedence over `key`."""
    secret: bool
    """Whether its value is never shown, and `${NAME}` reads the environment variable NAME."""
    path: bool
    """Whether it is a local path: single backslashes are kept, relative paths cause a warning."""
    variable: str
    """Environment variable that is read when the file has no value."""
    placeholders: tuple[str, ...]
    """Values in the shipped file that the user must replace."""
    batch: bool
    """Whether each line of `batchTaskPath` has its own value; then it is not required."""
    place: bool
    """Whether it names the place of the objects. Records of one place do not apply to another."""
    access: bool
    """Whether it only sets how a source is reached and read, and does not change the listing."""


def option(
    key: str,
    *,
    help: str,  # noqa: A002 - the name used by argparse and click
    default: Any = REQUIRED,
    parse: Callable[[str], Any] = str,
    legal: str = "",
    aliases: tuple[str, ...] = (),
    secret: bool = False,
    path: bool = False,
    variable: str = "",
    placeholders: tuple[str, ...] = (),
    batch: bool = False,
    place: bool = False,
    access: bool = False,
) -> Any:
    """Declare a key of config.ini as a field of its section's dataclass.

    `default` is the value itself, not its text; without one the key is required.
    """
    declared = Option(
        key,
        help,
        parse,
        legal,
        aliases,
        secret,
        path,
        variable,
        placeholders,
        batch,
        place,
        access,
    )
    return dataclasses.field(default=default, metadata={_METADATA: declared})


class DeclaredOption(NamedTuple):
    """A field of a section together with its option."""

    name: str
    """The attribute of the dataclass."""
    default: Any
    """REQUIRED when there is none."""
    option: Option


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class Section:
    """Base class of the dataclasses that hold the sections of config.ini."""

    names_regions: ClassVar[bool] = False
    """Whether its bucket is on COS, so that a line of `batchTaskPath` must give its region."""
    batch_keys: ClassVar[tuple[str, ...]] = ()
    """The keys that the columns of `batchTaskPath` set: id, secret, bucket, address."""

    chain_keys: ClassVar[tuple[str, ...]] = ()
    """The keys that count only where it holds no credentials."""

    @property
    def bucket_address(self) -> tuple[str, str]:
        """The bucket, and the endpoint or region where it is; empty where there is none."""
        return "", ""

    @property
    def clear_text_host(self) -> str:
        """The host, or its proxy, from which content is read in clear text; empty: none."""
        return ""

    @property
    def own_credentials(self) -> Credentials | None:
        """The credentials in the keys of this section; None: there are none."""
        return None

    def missing_keys(self, environ: Mapping[str, str]) -> Iterator[MissingKey]:  # noqa: ARG002
        """Yield optional keys that are blank although this configuration needs them."""
        return iter(())

    def announcement(self) -> str:
        """Return a line to print before a run, as the Java tool does; empty: none."""
        return ""

    def filter_settings(self) -> FilterSettings:
        """Return the filters that the keys of this section set."""
        return FilterSettings()

    def mistakes(self) -> Iterator[Mistake]:
        """Yield mistakes in the combination of keys."""
        return iter(())

    def doubts(self) -> Iterator[Mistake]:
        """Yield values that are legal, but look like slips."""
        return iter(())


def declared_options(section: type[Section]) -> list[DeclaredOption]:
    """Return every option of a section's dataclass, in the order of declaration."""
    return [
        DeclaredOption(field.name, field.default, field.metadata[_METADATA])
        for field in dataclasses.fields(section)
        if _METADATA in field.metadata
    ]


def values_of(section: Section) -> list[tuple[Option, Any]]:
    """Return every option of a section with its value."""
    return [(one.option, getattr(section, one.name)) for one in declared_options(type(section))]
