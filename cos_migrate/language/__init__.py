"""The languages of texts for people, and the choice of one.

All texts are written in English where they are made, with their values filled in, and stay so in
logs, JSON and records. `Language.say` translates one where it is shown: on a terminal, on stderr,
in the report and on the status page.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

ENGLISH_CODE = "en"
CODES = (ENGLISH_CODE, "zh", "ko")
"""The values of the key `language`."""
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Environment variables that name the language, in the order in which they count."""
_WINDOWS_NAMES = {"chinese": "zh", "korean": "ko"}
Say = Callable[[str], str]
"""Translates a text; one that is not known stays English."""


class Language(NamedTuple):
    """A language in which texts are shown."""

    code: str
    say: Say


ENGLISH = Language(ENGLISH_CODE, str)


def language_of(code: str) -> Language:
    """Return the language of a code; English for an unknown one."""
    if code == ENGLISH_CODE or code not in CODES:
        return ENGLISH
    from cos_migrate.language.catalogue import load  # noqa: PLC0415 - not for English

    return Language(code, load(code).say)


def system_code(environ: Mapping[str, str]) -> str:
    """Return the code of the language that the environment asks for.

    A character set other than UTF-8 means English: the terminal could show nothing else.
    """
    given = next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    if not given and os.name == "nt":
        given = _windows_locale()
    name, _, charset = given.partition("@")[0].partition(".")
    if charset and charset.replace("-", "").lower() != "utf8":
        return ENGLISH_CODE
    code = name.partition("_")[0].partition("-")[0].lower()
    return code if code in CODES else ENGLISH_CODE


def _windows_locale() -> str:
    """Return the code of the user's language on Windows, which sets no variables."""
    import locale  # noqa: PLC0415 - on Windows only

    name = (locale.getlocale()[0] or "").lower()
    return _WINDOWS_NAMES.get(name.partition("_")[0].partition(" ")[0], name)
