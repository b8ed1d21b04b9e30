"""The texts given for the keys by the file and the command line, before they are parsed.

Reports unknown sections and keys, likely slips and misspelt overrides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cos_migrate.config import ini, slips, suggestions
from cos_migrate.config.display import add_place, printable_line
from cos_migrate.config.options import DeclaredOption, Option
from cos_migrate.config.suggestions import Options
from cos_migrate.errors import ConfigError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_KEY_LIKE = re.compile("[A-Za-z]{1,40}")
TYPE_SECTION = "migrateType"
_COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Override:
    """An argument of the command line that sets a key.

    Without a section, it is meant for a Java virtual machine: `key` holds the whole argument, such
    as `-Dname=value` or `-Xmx4g`.
    """

    section: str
    key: str
    value: str = field(repr=False)
    ours: bool = False
    """Whether the command itself set it, not its user."""


class GivenValue(NamedTuple):
    """The text given for a key, and the place where it stands."""

    text: str
    where: str
    warning: str = ""
    from_environment: bool = False
    in_file: bool = False


@dataclass(slots=True)
class Findings:
    """The messages about a configuration, gathered while it is loaded."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    slips: list[str] = field(default_factory=list)
    """Warnings of likely slips, such as unknown names; they often explain why a key is missing."""


def resolve_secret(text: str, environ: Mapping[str, str]) -> str:
    """Return a secret; one written as `${NAME}` is read from the environment.

    Raises ValueError when the variable is not set.
    """
    if not (text.startswith("${") and text.endswith("}")):
        return text
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError("the name in ${...} is no name of an environment variable")
    value = environ.get(match[1], "").strip()
    if not value:
        raise ValueError(f"environment variable {match[1]} is not set")
    return value


class GivenValues:
    """The texts given for all keys, by section and spelling."""

    def __init__(self, path: str, options: Options, findings: Findings) -> None:
        self.path = path
        self.options = options
        self.findings = findings
        self.has_type_section = False
        self.holds_secrets = False
        """Whether the file itself holds a secret."""
        self._unknown: list[tuple[str, str, ini.Entry]] = []
        """Section, key and entry of the file; the section is known, the key is not."""
        self._misspelt: dict[str, tuple[str, str]] = {}
        """Section that was meant -> the warning and the problem of the one in the file."""
        self._file: dict[tuple[str, str], GivenValue] = {}
        self._overrides: dict[tuple[str, str], GivenValue] = {}

    def read_file(self) -> None:
        """Read the file. Raises ConfigError when nothing in it can be used."""
        try:
            read = ini.parse(ini.read(self.path), self._is_path)
        except ConfigError as error:
            raise ConfigError([printable_line(problem) for problem in error.problems]) from None
        self.has_type_section = TYPE_SECTION in read.sections
        bad_format = f"invalid config format. config {self.path}"
        self.findings.problems += [f"{bad_format}: {problem}" for problem in read.problems]
        self.findings.warnings += [f"config {self.path}: {warning}" for warning in read.warnings]
        if read.problems and not read.sections:
            raise ConfigError([printable_line(problem) for problem in self.findings.problems])
        for section, entries in read.sections.items():
            if section not in self.options:
                self._note_unknown_section(section, f"{self.path} line {read.lines[section]}")
                continue
            for key, entry in entries.items():
                self._read_entry(section, key, entry)

    def _note_unknown_section(self, section: str, where: str) -> None:
        nearest = suggestions.nearest_section(section, self.options)
        meant = f"; the nearest known section is [{nearest}]" if nearest else ""
        line = f"unknown section [{section}] is ignored{meant} ({where})"
        self.findings.slips.append(line)
        if nearest:
            problem = (
                f"unknown section [{section}]: the nearest known section is [{nearest}], which "
                f"lacks required keys; correct the spelling ({where})"
            )
            self._misspelt[nearest] = (line, problem)

    def take_misspelt(self, section: str) -> str:
        """Return the problem that `section` is misspelt in the file; empty: it is not.

        The slip is no longer reported separately.
        """
        line, problem = self._misspelt.get(section, ("", ""))
        if line in self.findings.slips:
            self.findings.slips.remove(line)
        return problem

    def _read_entry(self, section: str, key: str, entry: ini.Entry) -> None:
        where = f"{self.path} line {entry.line}"
        if key not in self.options[section]:
            self._unknown.append((section, key, entry))
            return
        if entry.earlier:
            self.findings.warnings.append(
                f"[{section}] {key} is given more than once; this one counts ({where})"
            )
        self._file[section, key] = GivenValue(entry.value, where, entry.warning, in_file=True)
        known = self.options[section][key]
        if known.secret and entry.value and entry.value not in known.placeholders:
            self.holds_secrets |= not entry.value.startswith("${")

    def report_unknown_keys(self, used: set[str]) -> None:
        """Report unknown keys: as a problem where it must be a misspelt key of this run.

        `used`: the sections that this run reads.
        """
        for section, key, entry in self._unknown:
            where = f"{self.path} line {entry.line}"
            missed = suggestions.near_misses(key, self.options[section]) if section in used else []
            unset = next((known.key for known in missed if not self.is_set(section, known)), "")
            if unset and entry.value:
                self.findings.problems.append(
                    f"unknown key [{section}] {key}: the nearest known key is {unset}, which is "
                    f"not set; correct the spelling, or remove the line ({where})"
                )
                continue
            nearest = suggestions.nearest_key(section, key, self.options)
            # The second line of a wrapped secret looks like a key when it holds a `=`.
            shown = key if missed or _KEY_LIKE.fullmatch(key) else "***"
            self.findings.slips.append(
                f"unknown key [{section}] {shown} is ignored{nearest} ({where})"
            )

    def _is_path(self, section: str, key: str) -> bool:
        known = self.options.get(section, {}).get(key)
        return known is not None and known.path

    def read_overrides(self, overrides: Sequence[Override]) -> None:
        """Take the values of the command line, with problems, and warnings about Java arguments."""
        foreign: list[str] = []
        for override in overrides:
            section, key = override.section, override.key
            if section in self.options and key in self.options[section]:
                given = GivenValue(
                    override.value, "this command" if override.ours else _COMMAND_LINE
                )
                self._overrides[section, key] = given
                continue
            problem = suggestions.override_problem(section, key, self.options)
            if problem:
                self.findings.problems.append(problem)
            else:
                foreign.append(
                    key if key.startswith("-") else f"-D{section}{'.' * bool(section)}{key}"
                )
        if foreign:
            self.findings.warnings.append(
                f"ignored, meant for the Java virtual machine: {', '.join(foreign)}"
            )

    def get(self, section: str, known: Option) -> GivenValue | None:
        """Return the text for a key: overrides come before the file, aliases before the key."""
        spellings = [(section, name) for name in (*known.aliases, known.key)]
        for origin in (self._overrides, self._file):
            found = [origin[spelling] for spelling in spellings if spelling in origin]
            if found:
                return next((given for given in found if given.text), found[0])
        return None

    def is_set(self, section: str, known: Option) -> bool:
        """Return whether a key has a text that is not blank."""
        given = self.get(section, known)
        return given is not None and bool(given.text)

    def slip_in(self, section: str, one: DeclaredOption) -> str:
        """Return what looks like a slip in the text for a key; empty: nothing."""
        given = self.get(section, one.option)
        if given is None:
            return ""
        is_list = isinstance(one.default, tuple)
        return slips.slip_in(given.text, is_list=is_list, is_secret=one.option.secret)

    def report_slip(self, section: str, known: Option, slip: str) -> None:
        """Warn of a value that is legal but looks like a slip."""
        given = self.get(section, known) or GivenValue("", self.path)
        self.findings.slips.append(add_place(slip, section, known, given.text, given.where))

    def report_hidden(self, section: str, known: Option) -> None:
        """Warn of a blank word of the command line that hides the value in the file."""
        given = self.get(section, known)
        if given is None:
            return
        spellings = [(section, name) for name in (*known.aliases, known.key)]
        hidden = [self._file[each] for each in spellings if each in self._file]
        hidden = [each for each in hidden if each.text]
        if hidden and not given.text and given.where == _COMMAND_LINE:
            self.findings.slips.append(
                f"-D{section}.{known.key} is blank and hides the value in the file, so that the "
                f"key counts as not set ({hidden[0].where}: [{section}] {known.key})"
            )
