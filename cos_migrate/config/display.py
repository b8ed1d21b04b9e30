"""Words messages about a configuration, and shows its values: on one line, without secrets."""

from __future__ import annotations

import re
from typing import Any

from cos_migrate.config.options import Option
from cos_migrate.config.values import Secret
from cos_migrate.text import escaped

_MAX_VALUE = 500
_USERINFO = re.compile(r"[^\s/@=`]+:[^\s/@]*@")


def add_place(
    message: str,
    section: str,
    known: Option,
    text: str,
    where: str,
    legal: str = "",
    nearest: str = "",
) -> str:
    """Add to a message the place and text of a value, and the legal values of its key.

    `nearest`: the legal value that was probably meant.
    """
    if known.secret and text and text not in known.placeholders:
        text = "***"
    if len(text) > _MAX_VALUE:
        message = message.replace(text, f"{text[:_MAX_VALUE]}...")
        text = f"{text[:_MAX_VALUE]}..."
    meant = f"; the nearest is {nearest}" if nearest else ""
    ways = legal or known.legal
    return f"{message} ({where}: [{section}] {known.key}={text}; legal: {ways}{meant})"


def missing_key_problem(path: str, section: str, known: Option, looked_at: str = "") -> str:
    """Return the problem of a required key that is missing or blank.

    `looked_at`: where its value was looked for besides.
    """
    looked = f"; looked at: {looked_at}" if looked_at else ""
    way = f"or pass -D{section}.{known.key}=value"
    if known.secret:
        way = "or write ${NAME} to read it from the environment"
    if known.variable:
        way = f"or set the environment variable {known.variable}"
    return (
        f"config key miss. section: {section}, key: {known.key} "
        f"({path}: [{section}] {known.key} is missing or blank; set it, {way}; "
        f"legal: {known.legal}){looked}"
    )


def printable_line(line: str) -> str:
    """Return a line that any terminal can show, with passwords in addresses masked."""
    line = _USERINFO.sub("***@", line)
    return escaped("".join(char if char.isprintable() else ascii(char)[1:-1] for char in line))


def spell_value(value: Any, known: Option) -> str:
    """Return a value as it is spelled in the file."""
    if isinstance(value, bool):
        words = ("on", "off") if known.legal == "on or off" else ("true", "false")
        return words[not value]
    if type(value) is tuple:
        return ";".join(":".join(item) if type(item) is tuple else item for item in value)
    if value is None or (isinstance(value, Secret) and not value):
        return ""
    return str(value)
