"""The format of config.ini: parses sections, keys and values with their line numbers.

The format is that of the Java tool (comments, separators, backslashes, continued lines). Keys and
values are not checked here.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from cos_migrate.errors import ConfigError

_MAX_SIZE = 4 * 1024 * 1024
_BLANKS = " \t\f\v"
_NEWLINE = re.compile(r"\r\n|\r|\n")
_SEPARATOR = re.compile("[=:]")
_TRAILING = re.compile(r"\\*$")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_BACKSLASHES = re.compile(r"\\(\\?)")
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "b": "\b", "\\": "\\"}
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class Entry(NamedTuple):
    """A key's value as it stands in a file."""

    value: str
    """Stripped, with backslashes resolved; empty when the key has no value."""
    line: int
    """Line of the key, 1-based."""
    warning: str = ""
    """Warning about its backslashes."""
    earlier: int = 0
    """Line of an earlier value of the same key, which this one replaces; 0: none."""


@dataclass(slots=True)
class IniFile:
    """The sections of a file, and the mistakes in its lines."""

    sections: dict[str, dict[str, Entry]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    """The line on which each section first begins."""
    problems: list[str] = field(default_factory=list)
    """Messages on invalid lines, which are not quoted since they may hold secrets."""
    warnings: list[str] = field(default_factory=list)


def read(path: str) -> bytes:
    """Return the bytes of the file at `path`. Raises ConfigError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise ConfigError([f"config {path} not exist or readable! ({reason})"]) from None
    if len(data) > _MAX_SIZE:
        raise ConfigError([f"invalid config format. config {path}: over {_MAX_SIZE} bytes"])
    return data


def parse(data: bytes, keeps_backslash: Callable[[str, str], bool]) -> IniFile:
    r"""Parse a whole file.

    `keeps_backslash` returns True for the section and key of a path: a single backslash in its
    value is kept, as in `E:\data`, where Java would drop it or read `\t` as a tab.
    """
    file = IniFile()
    if data.startswith(_WIDE) or b"\0" in data:
        file.problems.append("is not UTF-8 text (UTF-16, perhaps); save it as UTF-8")
        return file
    text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    lines = enumerate(_NEWLINE.split(text), start=1)
    _Parser(file, keeps_backslash).run(lines)
    return file


class _Parser:
    """Parses physical lines; a continued value takes several."""

    def __init__(self, file: IniFile, keeps_backslash: Callable[[str, str], bool]) -> None:
        self.file = file
        self.keeps_backslash = keeps_backslash
        self.section: str | None = None
        self.skipping = False
        """True after a broken `[section`: its keys are skipped without further problems."""

    def run(self, lines: Iterator[tuple[int, str]]) -> None:
        for number, raw in lines:
            line = raw.strip(_BLANKS)
            comment = line.startswith(("#", ";"))
            self._check_encoding(number, line, comment=comment)
            if line.startswith("["):
                self._begin_section(number, line)
            elif line and not comment:
                self._read_key(number, line, lines)

    def _check_encoding(self, number: int, line: str, *, comment: bool) -> None:
        bad = next((char for char in line if "\udc80" <= char <= "\udcff"), "")
        if not bad:
            return
        problem = (
            f"line {number} is not UTF-8 (byte 0x{ord(bad) - 0xDC00:02X}); save the file as UTF-8"
        )
        (self.file.warnings if comment else self.file.problems).append(problem)

    def _begin_section(self, number: int, line: str) -> None:
        name = line[1:-1].strip(_BLANKS)
        self.skipping = not (line.endswith("]") and name)
        if self.skipping:
            self.file.problems.append(f"line {number} begins with [ but is no [section]")
            return
        self.section = name
        self.file.sections.setdefault(name, {})
        self.file.lines.setdefault(name, number)

    def _read_key(self, number: int, line: str, lines: Iterator[tuple[int, str]]) -> None:
        separator = _SEPARATOR.search(line)
        key = line[: separator.start()].strip(_BLANKS) if separator else ""
        if not separator or not key:
            wide = next((char for char in line if char in "：＝"), "")
            self.file.problems.append(
                f"line {number} has a full-width {wide} where = belongs"
                if wide
                else f"line {number} is no comment, no [section] and no key=value"
            )
            return
        if self.skipping:
            return
        if self.section is None:
            self.file.problems.append(f"line {number} stands before the first [section]")
            return
        is_path = self.keeps_backslash(self.section, key)
        value = self._continued(line[separator.end() :].strip(_BLANKS), lines, is_path=is_path)
        value, warning = _keep_backslashes(value) if is_path else _unescape(value)
        entries = self.file.sections[self.section]
        earlier = entries[key].line if key in entries else 0
        entries[key] = Entry(value.strip(_BLANKS + "\r\n"), number, warning, earlier)

    def _continued(self, value: str, lines: Iterator[tuple[int, str]], *, is_path: bool) -> str:
        """Return `value` with the lines that continue it.

        A path may end in a backslash; there only one after a `;` continues the list.
        """
        while len(_TRAILING.findall(value)[0]) % 2:
            if is_path and not value[:-1].endswith(";"):
                break
            number, line = next(lines, (0, ""))
            self._check_encoding(number, line, comment=False)
            value = value[:-1] + line.strip(_BLANKS)
        return value


def _unescape(value: str) -> tuple[str, str]:
    odd: list[str] = []

    def replace(match: re.Match[str]) -> str:
        escaped = match[1]
        if len(escaped) > 1:
            return chr(int(escaped[1:], 16))
        if escaped not in _LETTERS:
            odd.append(escaped)
        return _LETTERS.get(escaped, escaped)

    text = _ESCAPE.sub(replace, value)
    if "\\u" in value:  # Java writes characters above U+FFFF as surrogate pairs
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text, r"a single backslash is dropped; write \\ for one backslash" if odd else ""


def _keep_backslashes(value: str) -> tuple[str, str]:
    singles = [match for match in _BACKSLASHES.finditer(value) if not match[1]]
    if not singles:
        return value.replace("\\\\", "\\"), ""
    share = "\\" if value.startswith("\\\\") and not value.startswith("\\\\\\") else ""
    text = share + _BACKSLASHES.sub(lambda _: "\\", value)
    return text, r"a single backslash is kept as it is; write \\ for one backslash"
