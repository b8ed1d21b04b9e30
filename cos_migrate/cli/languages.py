"""The language of a start: that of the configuration, of the command line, or of the system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cos_migrate.errors import MigrateError
from cos_migrate.language import Language, language_of, system_code

if TYPE_CHECKING:
    from cos_migrate.cli.command_line import CommandLine
    from cos_migrate.config.common import Common

_OVERRIDE = "-Dcommon.language="


def language_of_line(line: CommandLine, environ: Mapping[str, str]) -> Language:
    """Return the language of a start whose configuration is not read yet."""
    words = [f"-D{each.section}.{each.key}={each.value}" for each in line.overrides]
    return _language_of_words(words, environ)


def language_of_error(
    error: MigrateError, words: Sequence[str], environ: Mapping[str, str]
) -> Language:
    """Return the language in which to explain an error; `words`: the command line."""
    return language_of(error.language) if error.language else _language_of_words(words, environ)


def _language_of_words(words: Sequence[str], environ: Mapping[str, str]) -> Language:
    given = [word for word in words if word.startswith(_OVERRIDE)]
    code = given[-1].removeprefix(_OVERRIDE).lower() if given else ""
    return language_of(code or system_code(environ))


def language_of_config(common: Common, environ: Mapping[str, str]) -> Language:
    """Return the language of a configuration."""
    return language_of(common.language or system_code(environ))


@contextmanager
def errors_in(language: Language) -> Iterator[None]:
    """Let errors of a block be explained in a language."""
    try:
        yield
    except MigrateError as error:
        error.language = language.code
        raise
