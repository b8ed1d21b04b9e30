"""An INI config loader with -Dsection.key overrides: text -> frozen dataclasses.

Sections are declared with `option()`; this module fills them from the file, the command line and
the environment, and says everything that is wrong at once. It knows no source by name, and no
line it writes shows the value of a secret.
"""

from __future__ import annotations

import os
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from cos_migrate.config import doubts, ini
from cos_migrate.config import suggest as names
from cos_migrate.config.common import Common, MigrateType
from cos_migrate.config.options import (
    REQUIRED,
    Adjusted,
    Declared,
    Mistake,
    Option,
    declared,
    option,
)
from cos_migrate.config.values import Secret
from cos_migrate.errors import ConfigError
from cos_migrate.text import escaped

__all__ = ["REQUIRED", "Config", "Loaded", "Override", "load", "option"]

_MAX_VALUE = 500
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_KEY_LIKE = re.compile("[A-Za-z]{1,40}")
_USERINFO = re.compile(r"[^\s/@=`]+:[^\s/@]*@")
_TYPE_SECTION = "migrateType"
_COMMON_SECTION = "common"
_COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Override:
    """A word of the command line that gives a key its value.

    Without a section it is a `-Dname=value` or a word such as `-Xmx4g`, whole in `key`: both
    are meant for a Java virtual machine.
    """

    section: str
    key: str
    value: str = field(repr=False)
    ours: bool = False
    """Whether a command sets it by itself."""


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that passed every check."""

    migrate_type: str
    common: Common
    source: Any
    """The dataclass of the chosen source's section."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and what to tell about it."""

    config: Config
    warnings: tuple[str, ...]
    shown: tuple[tuple[str, str, str], ...]
    """(section, key, value in force) of every key, secrets as `***`."""
    holds_secrets: bool = False
    """Whether the file itself holds a secret."""


def load(
    path: str,
    overrides: Sequence[Override],
    sections: Mapping[str, type],
    *,
    environ: Mapping[str, str],
) -> Loaded:
    """Load the file at `path`; `sections` maps each migrate type to its section's dataclass.

    Values come from `overrides`, then from the file, then from `environ`. Raises ConfigError
    with all problems at once.
    """
    return _Loader(path, sections, environ).load(overrides)


def from_environment(text: str, environ: Mapping[str, str]) -> str:
    """Return a secret, or what the environment holds for one written as `${NAME}`.

    Raises ValueError when it holds nothing.
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


class _Given(NamedTuple):
    """The text that somebody gave a key, and who."""

    text: str
    where: str
    warning: str = ""
    from_environment: bool = False


@dataclass(slots=True)
class _Section:
    """A section while it is filled."""

    name: str
    declared: list[Declared]
    values: dict[str, Any] = field(default_factory=dict)
    """By attribute."""
    given: dict[str, _Given] = field(default_factory=dict)
    """By key."""
    wrong: set[str] = field(default_factory=set)
    """Keys that have a problem already."""


class _Loader:
    def __init__(self, path: str, sections: Mapping[str, type], environ: Mapping[str, str]) -> None:
        self.path = path
        self.sections = sections
        self.environ = environ
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.doubts: list[str] = []
        """What may have been meant otherwise, such as names that are not known: this is often why
        another key is missing or wrong."""
        own: dict[str, type] = {_TYPE_SECTION: MigrateType, _COMMON_SECTION: Common}
        # No copy: to look a section up loads its source.
        self.options = names.OptionsOf(ChainMap(own, cast("dict[str, type]", sections)))
        self.unknown: list[tuple[str, str, ini.Entry]] = []
        """Section, key and what the file gives it; the section is known, the key is not."""
        self.file: dict[tuple[str, str], _Given] = {}
        self.words: dict[tuple[str, str], _Given] = {}
        self.has_type_section = False
        self.holds_secrets = False

    def load(self, overrides: Sequence[Override]) -> Loaded:
        self._read_file()
        self._read_overrides(overrides)
        migrate_type = self._migrate_type()
        self._judge_unknown({_TYPE_SECTION, _COMMON_SECTION, migrate_type})
        source_type = self.sections[migrate_type] if migrate_type else None
        batch = self._is_batch()
        kind, _ = self._fill(_TYPE_SECTION, MigrateType, batch=batch, skip="type")
        common, common_value = self._fill(_COMMON_SECTION, Common, batch=batch)
        filled = [kind, common]
        source_value: Any = None
        if source_type is not None:
            source, source_value = self._fill(migrate_type, source_type, batch=batch)
            filled.append(source)
            if batch:
                self._check_batch(common, source)
        if self.problems:
            doubts_too = (f"warning: {line}" for line in self.doubts)
            raise ConfigError([_printable(line) for line in (*self.problems, *doubts_too)])
        kind.values["type"] = migrate_type
        return Loaded(
            Config(migrate_type, common_value, source_value),
            tuple(_printable(warning) for warning in (*self.doubts, *self.warnings)),
            tuple(line for section in filled for line in _shown(section)),
            self.holds_secrets,
        )

    # Where values come from

    def _read_file(self) -> None:
        try:
            read = ini.parse(ini.read(self.path), self._is_path)
        except ConfigError as error:
            raise ConfigError([_printable(problem) for problem in error.problems]) from None
        self.has_type_section = _TYPE_SECTION in read.sections
        bad_format = f"invalid config format. config {self.path}"
        self.problems += [f"{bad_format}: {problem}" for problem in read.problems]
        self.warnings += [f"config {self.path}: {warning}" for warning in read.warnings]
        if read.problems and not read.sections:
            raise ConfigError([_printable(problem) for problem in self.problems])
        for section, entries in read.sections.items():
            if section not in self.options:
                nearest = names.nearest_section(section, self.options)
                self.doubts.append(
                    f"unknown section [{section}] is ignored{nearest} "
                    f"({self.path} line {read.lines[section]})"
                )
                continue
            for key, entry in entries.items():
                self._read_entry(section, key, entry)

    def _read_entry(self, section: str, key: str, entry: ini.Entry) -> None:
        where = f"{self.path} line {entry.line}"
        if key not in self.options[section]:
            self.unknown.append((section, key, entry))
            return
        if entry.earlier:
            self.warnings.append(
                f"[{section}] {key} is given more than once; this one counts ({where})"
            )
        self.file[section, key] = _Given(entry.value, where, entry.warning)
        known = self.options[section][key]
        if known.secret and entry.value and entry.value not in known.placeholders:
            self.holds_secrets |= not entry.value.startswith("${")

    def _judge_unknown(self, used: set[str]) -> None:
        """Ignore keys that are not known, but those whose value must belong to a key of this run.

        `used`: the sections that this run reads.
        """
        for section, key, entry in self.unknown:
            where = f"{self.path} line {entry.line}"
            missed = names.near_misses(key, self.options[section]) if section in used else []
            unset = next((known.key for known in missed if not self._is_set(section, known)), "")
            if unset and entry.value:
                self.problems.append(
                    f"unknown key [{section}] {key}: the nearest known key is {unset}, which is "
                    f"not set; correct the spelling, or remove the line ({where})"
                )
                continue
            nearest = names.nearest_key(section, key, self.options)
            # A secret that was wrapped ends up here when its next line holds a `=`.
            shown = key if missed or _KEY_LIKE.fullmatch(key) else "***"
            self.doubts.append(f"unknown key [{section}] {shown} is ignored{nearest} ({where})")

    def _is_path(self, section: str, key: str) -> bool:
        known = self.options.get(section, {}).get(key)
        return known is not None and known.path

    def _read_overrides(self, overrides: Sequence[Override]) -> None:
        foreign: list[str] = []
        for override in overrides:
            section, key = override.section, override.key
            if section in self.options and key in self.options[section]:
                given = _Given(override.value, "this command" if override.ours else _COMMAND_LINE)
                self.words[section, key] = given
                continue
            problem = names.problem_with_override(section, key, self.options)
            if problem:
                self.problems.append(problem)
            else:
                foreign.append(
                    key if key.startswith("-") else f"-D{section}{'.' * bool(section)}{key}"
                )
        if foreign:
            self.warnings.append(
                f"ignored, meant for the Java virtual machine: {', '.join(foreign)}"
            )

    def _given(self, section: str, known: Option) -> _Given | None:
        """Return what was given for a key: a `-D` beats the file, an alias the key."""
        spellings = [(section, name) for name in (*known.aliases, known.key)]
        for origin in (self.words, self.file):
            found = [origin[spelling] for spelling in spellings if spelling in origin]
            if found:
                return next((given for given in found if given.text), found[0])
        return None

    def _is_set(self, section: str, known: Option) -> bool:
        given = self._given(section, known)
        return given is not None and bool(given.text)

    def _doubt(self, section: str, one: Declared) -> None:
        """Note what about a key's value may have been meant otherwise."""
        known = one.option
        given = self._given(section, known)
        if given is None:
            return
        odd = doubts.doubt_about(given.text, is_list=isinstance(one.default, tuple))
        if odd:
            self.doubts.append(_line(odd, section, known, given))
        spellings = [(section, name) for name in (*known.aliases, known.key)]
        hidden = [self.file[each] for each in spellings if each in self.file]
        hidden = [each for each in hidden if each.text]
        if hidden and not given.text and given.where == _COMMAND_LINE:
            self.doubts.append(
                f"-D{section}.{known.key} is blank and hides the value in the file, so that the "
                f"key counts as not set ({hidden[0].where}: [{section}] {known.key})"
            )

    # The type of the migration

    def _migrate_type(self) -> str:
        """Return the type as `sections` spells it; empty, with a problem noted, when wrong."""
        known = self.options[_TYPE_SECTION]["type"]
        given = self._given(_TYPE_SECTION, known)
        legal = f"legal: {', '.join(self.sections)}"
        if given is None and not self.has_type_section:
            said = f"section {_TYPE_SECTION} miss! you mustn't delete it"
            self.problems.append(f"{said} ({self.path}: [{_TYPE_SECTION}] type; {legal})")
            return ""
        if given is None or not given.text:
            said = f"config key miss. section: {_TYPE_SECTION}, key: type"
            self.problems.append(f"{said} ({self.path}: [{_TYPE_SECTION}] type; {legal})")
            return ""
        for name in self.sections:
            if name.lower() == given.text.lower():
                return name
        self.problems.append(
            f"invalid config. section:{_TYPE_SECTION}, key:type "
            f"({given.where}: [{_TYPE_SECTION}] type={given.text}; {legal})"
        )
        return ""

    def _is_batch(self) -> bool:
        """Return whether buckets and keys come from `batchTaskPath`, a task a line."""
        return self._is_set(_COMMON_SECTION, self.options[_COMMON_SECTION]["batchTaskPath"])

    def _check_batch(self, common: _Section, source: _Section) -> None:
        if not any(one.option.batch for one in source.declared):
            message = f"batchTaskPath does not work with {source.name}"
            self._add_mistake(common, Mistake("batchTaskPath", message, "cloud sources only"))

    # Filling a section

    def _fill(
        self, name: str, section_type: type, *, batch: bool, skip: str = ""
    ) -> tuple[_Section, Any]:
        """Return the section `name` and its dataclass, which is whole only without problems."""
        section = _Section(name, declared(section_type))
        for one in section.declared:
            self._doubt(name, one)
            section.values[one.name] = (
                _stand_in(one) if one.option.key == skip else self._value(section, one, batch=batch)
            )
        value = section_type(**section.values)
        mistakes: Callable[[], Iterator[Mistake]] = getattr(value, "mistakes", lambda: iter(()))
        for mistake in mistakes():
            self._add_mistake(section, mistake)
        return section, value

    def _value(self, section: _Section, one: Declared, *, batch: bool) -> Any:
        known = one.option
        given = self._given(section.name, known)
        blank = given is None or not given.text or given.text in known.placeholders
        if blank and self.environ.get(known.variable):
            where = f"environment variable {known.variable}"
            given = _Given(self.environ[known.variable].strip(), where, from_environment=True)
        if given is None or not given.text:
            if one.default is REQUIRED and not (batch and known.batch):
                section.wrong.add(known.key)
                self.problems.append(self._missing(section.name, known))
            return _stand_in(one)
        section.given[known.key] = given
        text = given.text
        try:
            text = self._resolved(text, known)
            if text in known.placeholders:
                if batch and known.batch:
                    return _stand_in(one)
                raise ValueError(f"{text} is a placeholder that was never changed")
            return self._parsed(section, one, text)
        except ValueError as error:
            message = str(error)
            if known.secret and text not in known.placeholders:
                message = message.replace(text, "***")
            return self._refuse(section, one, given, message)

    def _refuse(self, section: _Section, one: Declared, given: _Given, message: str) -> Any:
        known = one.option
        line = _line(message, section.name, known, given)
        if given.from_environment and not known.secret:
            # A stale SSL_CERT_FILE is no reason to refuse a configuration that never named it.
            self.warnings.append(f"ignored: {line}")
            del section.given[known.key]
        else:
            section.wrong.add(known.key)
            self.problems.append(line)
        return _stand_in(one)

    def _resolved(self, text: str, known: Option) -> str:
        """Return `text`, or what the environment holds for a secret written as `${NAME}`."""
        return from_environment(text, self.environ) if known.secret else text

    def _parsed(self, section: _Section, one: Declared, text: str) -> Any:
        known = one.option
        given = section.given[known.key]
        if any("\ud800" <= char <= "\udfff" or char == "\0" for char in text):
            raise ValueError(f"the value of {known.key} is not UTF-8 text")
        value = known.parse(text)
        if isinstance(value, Adjusted):
            value, warning = value
            self.warnings.append(_line(warning, section.name, known, given))
        if given.warning:
            self.warnings.append(_line(given.warning, section.name, known, given))
        if known.path and value != one.default:
            paths = value if isinstance(value, tuple) else (value,)
            if not all(map(os.path.isabs, paths)):
                warning = "a relative path is looked up from the tool's folder"
                self.warnings.append(_line(warning, section.name, known, given))
        return value

    # Saying what is wrong

    def _missing(self, section: str, known: Option) -> str:
        way = f"or pass -D{section}.{known.key}=value"
        if known.secret:
            way = "or write ${NAME} to read it from the environment"
        if known.variable:
            way = f"or set the environment variable {known.variable}"
        return (
            f"config key miss. section: {section}, key: {known.key} "
            f"({self.path}: [{section}] {known.key} is missing or blank; set it, {way}; "
            f"legal: {known.legal})"
        )

    def _add_mistake(self, section: _Section, mistake: Mistake) -> None:
        if mistake.key in section.wrong:
            return
        known = self.options[section.name][mistake.key]
        given = section.given.get(known.key) or _Given("", self.path)
        section.wrong.add(known.key)
        self.problems.append(_line(mistake.message, section.name, known, given, mistake.legal))


def _line(message: str, section: str, known: Option, given: _Given, legal: str = "") -> str:
    value = given.text
    if known.secret and value and value not in known.placeholders:
        value = "***"
    if len(value) > _MAX_VALUE:
        message = message.replace(value, f"{value[:_MAX_VALUE]}...")
        value = f"{value[:_MAX_VALUE]}..."
    return (
        f"{message} ({given.where}: [{section}] {known.key}={value}; legal: {legal or known.legal})"
    )


def _stand_in(one: Declared) -> Any:
    """Return what a field holds that got no usable value."""
    if one.default is not REQUIRED:
        return one.default
    return Secret("") if one.option.secret else ""


def _printable(line: str) -> str:
    """Return `line` as one line that any terminal can show, passwords in addresses masked."""
    line = _USERINFO.sub("***@", line)
    return escaped("".join(char if char.isprintable() else ascii(char)[1:-1] for char in line))


def _shown(section: _Section) -> Iterator[tuple[str, str, str]]:
    for one in section.declared:
        yield section.name, one.option.key, _printable(_text(section.values[one.name], one.option))


def _text(value: Any, known: Option) -> str:
    """Return a value as the file would spell it."""
    if isinstance(value, bool):
        words = ("on", "off") if known.legal == "on or off" else ("true", "false")
        return words[not value]
    if isinstance(value, tuple):
        return ";".join(map(str, value))
    if isinstance(value, Secret) and not value:
        return ""
    return str(value)
