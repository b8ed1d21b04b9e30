"""Loads config.ini with `-Dsection.key` overrides into frozen dataclasses.

Sections are declared with `option()`. All problems are reported at once. No source is known by name
here, and no message shows the value of a secret.
"""

from __future__ import annotations

import os
import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

from cos_migrate.config import values
from cos_migrate.config.common import Common, MigrateType
from cos_migrate.config.display import add_place, missing_key_problem, printable_line, spell_value
from cos_migrate.config.given_values import (
    TYPE_SECTION,
    Findings,
    GivenValue,
    GivenValues,
    Override,
    resolve_secret,
)
from cos_migrate.config.options import (
    REQUIRED,
    Adjusted,
    DeclaredOption,
    MissingKey,
    Mistake,
    Option,
    Section,
    declared_options,
)
from cos_migrate.config.slips import NEVER_IN_CREDENTIALS
from cos_migrate.config.suggestions import LazyOptions
from cos_migrate.config.values import Secret, in_home
from cos_migrate.config.words import nearest_choice, nearest_word
from cos_migrate.errors import ConfigError
from cos_migrate.language import CODES

S = TypeVar("S", bound=Section)

_COMMON_SECTION = "common"
_RELATIVE = "a relative path is looked up from the tool's folder"


class Config(NamedTuple):
    """A configuration that passed every check."""

    migrate_type: str
    common: Common
    source: Section
    """The dataclass of the chosen source's section."""


class Loaded(NamedTuple):
    """A configuration and the messages about it."""

    config: Config
    warnings: tuple[str, ...]
    shown: tuple[tuple[str, str, str], ...]
    """(section, key, value in force) of every key, secrets as `***`."""
    holds_secrets: bool = False
    """Whether the file itself holds a secret."""


def load(
    path: str,
    overrides: Sequence[Override],
    sections: Mapping[str, type[Section]],
    *,
    environ: Mapping[str, str],
) -> Loaded:
    """Load the file at `path`; `sections` maps each migrate type to its section's dataclass.

    Overrides take precedence over the file, and the file over `environ`. Raises ConfigError with
    all problems at once.
    """
    loader = _Loader(path, sections, environ)
    try:
        return loader.load(overrides)
    except ConfigError as error:
        error.language = loader.language()
        raise


@dataclass(slots=True)
class _FilledSection:
    """A section whose fields are being filled."""

    name: str
    declared: list[DeclaredOption]
    values: dict[str, Any] = field(default_factory=dict)
    """By attribute."""
    given: dict[str, GivenValue] = field(default_factory=dict)
    """By key."""
    wrong: set[str] = field(default_factory=set)
    """Keys that have a problem already."""


class _Loader:
    def __init__(
        self, path: str, sections: Mapping[str, type[Section]], environ: Mapping[str, str]
    ) -> None:
        self.path = path
        self.sections = sections
        self.environ = environ
        own: dict[str, type[Section]] = {TYPE_SECTION: MigrateType, _COMMON_SECTION: Common}
        # No copy: looking up a section loads its source.
        self.options = LazyOptions(ChainMap(own, cast("dict[str, type[Section]]", sections)))
        self.findings = Findings()
        self.given = GivenValues(path, self.options, self.findings)

    def load(self, overrides: Sequence[Override]) -> Loaded:
        self.given.read_file()
        self.given.read_overrides(overrides)
        migrate_type = self._migrate_type()
        self.given.report_unknown_keys({TYPE_SECTION, _COMMON_SECTION, migrate_type})
        source_type = self.sections[migrate_type] if migrate_type else None
        batch = self._is_batch()
        kind, _ = self._fill(TYPE_SECTION, MigrateType, batch=batch, skip="type")
        common, common_value = self._fill(_COMMON_SECTION, Common, batch=batch)
        filled = [kind, common]
        source_value: Section = Section()
        if source_type is not None:
            source, source_value = self._fill(migrate_type, source_type, batch=batch)
            filled.append(source)
            if batch:
                self._check_batch(common, source)
        found = self.findings
        if found.problems:
            doubts = (f"warning: {line}" for line in found.slips)
            raise ConfigError([printable_line(line) for line in (*found.problems, *doubts)])
        kind.values["type"] = migrate_type
        return Loaded(
            Config(migrate_type, common_value, source_value),
            tuple(printable_line(warning) for warning in (*found.slips, *found.warnings)),
            tuple(line for section in filled for line in _shown(section)),
            self.given.holds_secrets,
        )

    def language(self) -> str:
        """Return the code of the language that is asked for; empty: none, or no legal one."""
        given = self.given.get(_COMMON_SECTION, self.options[_COMMON_SECTION]["language"])
        code = given.text.lower() if given else ""
        return code if code in CODES else ""

    # The type of the migration

    def _migrate_type(self) -> str:
        """Return the type as `sections` spells it; empty, after adding a problem, when wrong."""
        given = self.given.get(TYPE_SECTION, self.options[TYPE_SECTION]["type"])
        problems, legal = self.findings.problems, ", ".join(self.sections)
        place = f"({self.path}: [{TYPE_SECTION}] type; legal: {legal})"
        if given is None and not self.given.has_type_section:
            problems.append(f"section {TYPE_SECTION} miss! you mustn't delete it {place}")
            return ""
        if given is None or not given.text:
            problems.append(f"config key miss. section: {TYPE_SECTION}, key: type {place}")
            return ""
        for name in self.sections:
            if name.lower() == given.text.lower():
                return name
        kinds = {name.removeprefix("migrate"): name for name in self.sections}
        short = nearest_word(given.text.lower().removeprefix("migrate"), kinds)
        meant = f"; the nearest is {kinds[short]}" if short else ""
        problems.append(
            f"invalid config. section:{TYPE_SECTION}, key:type "
            f"({given.where}: [{TYPE_SECTION}] type={given.text}; legal: {legal}{meant})"
        )
        return ""

    def _is_batch(self) -> bool:
        """Return whether buckets and keys come from the lines of `batchTaskPath`."""
        return self.given.is_set(_COMMON_SECTION, self.options[_COMMON_SECTION]["batchTaskPath"])

    def _check_batch(self, common: _FilledSection, source: _FilledSection) -> None:
        if not any(one.option.batch for one in source.declared):
            message = f"batchTaskPath does not work with {source.name}"
            self._add_mistake(common, Mistake("batchTaskPath", message, "cloud sources only"))

    # Filling a section

    def _fill(
        self, name: str, section_type: type[S], *, batch: bool, skip: str = ""
    ) -> tuple[_FilledSection, S]:
        """Return the section `name`, and its dataclass, which is usable only without problems."""
        section = _FilledSection(name, declared_options(section_type))
        for one in section.declared:
            known = one.option
            slip = self.given.slip_in(name, one)
            if known.key == skip:
                section.values[one.name] = _stand_in(one)
            else:
                section.values[one.name] = self._value(section, one, slip, batch=batch)
            if slip and known.key not in section.wrong:
                self.given.report_slip(name, known, slip)
            self.given.report_hidden(name, known)
        value = section_type(**section.values)
        for missing in value.missing_keys(self.environ):
            self._add_missing(section, missing, batch=batch)
        for mistake in value.mistakes():
            self._add_mistake(section, mistake)
        for doubt in value.doubts():
            self._add_doubt(section, doubt)
        return section, value

    def _given(self, section: str, known: Option) -> GivenValue | None:
        """Return the text for a key, from its environment variable where no other stands."""
        given = self.given.get(section, known)
        blank = given is None or not given.text or given.text in known.placeholders
        if blank and self.environ.get(known.variable):
            where = f"environment variable {known.variable}"
            given = GivenValue(self.environ[known.variable].strip(), where, from_environment=True)
        return given

    def _value(
        self, section: _FilledSection, one: DeclaredOption, slip: str, *, batch: bool
    ) -> Any:
        known = one.option
        given = self._given(section.name, known)
        if given is None or not given.text:
            if one.default is REQUIRED and not (batch and known.batch):
                section.wrong.add(known.key)
                self._report_missing(section, known)
            return _stand_in(one)
        section.given[known.key] = given
        text = given.text
        if given.in_file and _is_undecoded(text):  # a problem of the line, which is named already
            section.wrong.add(known.key)
            return _stand_in(one)
        try:
            if slip in NEVER_IN_CREDENTIALS and known.parse is values.secret:
                raise ValueError(slip)
            if known.secret:
                text = resolve_secret(text, self.environ)
            if text in known.placeholders:
                if batch and known.batch:
                    return _stand_in(one)
                raise ValueError(f"{text} is a placeholder that was never changed")
            return self._parsed(section, one, text)
        except ValueError as error:
            message = str(error)
            if known.secret and text not in known.placeholders:
                message = message.replace(text, "***")
            hints = [slip] if slip and slip != message else []
            hints += [_path_hint(text)] if known.path and not slip else []
            message = "; ".join([message, *filter(None, hints)])
            return self._refuse(section, one, given, message)

    def _report_missing(self, section: _FilledSection, known: Option, looked_at: str = "") -> None:
        """Add the problem of a missing key, or once that of its section's misspelt name."""
        misspelt = self.given.take_misspelt(section.name)
        if not misspelt:
            line = missing_key_problem(self.path, section.name, known, looked_at)
            self.findings.problems.append(line)
        elif misspelt not in self.findings.problems:
            self.findings.problems.append(misspelt)

    def _refuse(
        self, section: _FilledSection, one: DeclaredOption, given: GivenValue, message: str
    ) -> Any:
        """Note that a value is wrong, and return one that can stand in its place."""
        known = one.option
        nearest = "" if known.secret else nearest_choice(given.text, known.legal)
        line = add_place(message, section.name, known, given.text, given.where, nearest=nearest)
        if given.from_environment and not known.secret:
            # A stale SSL_CERT_FILE must not stop a configuration that does not set caFile.
            self.findings.warnings.append(f"ignored: {line}")
            del section.given[known.key]
        else:
            section.wrong.add(known.key)
            self.findings.problems.append(line)
        return _stand_in(one)

    def _parsed(self, section: _FilledSection, one: DeclaredOption, text: str) -> Any:
        known = one.option
        given = section.given[known.key]
        if _is_undecoded(text) or "\0" in text:
            raise ValueError(f"the value of {known.key} is not UTF-8 text")
        value = known.parse(in_home(text) if known.path else text)
        if isinstance(value, Adjusted):
            value, warning = value
            self.findings.warnings.append(
                add_place(warning, section.name, known, given.text, given.where)
            )
        if given.warning:
            self.findings.warnings.append(
                add_place(given.warning, section.name, known, given.text, given.where)
            )
        if known.path and value != one.default:
            paths = value if isinstance(value, tuple) else (value,)
            if not all(map(os.path.isabs, paths)):
                self.findings.warnings.append(
                    add_place(_RELATIVE, section.name, known, given.text, given.where)
                )
        return value

    def _add_missing(self, section: _FilledSection, missing: MissingKey, *, batch: bool) -> None:
        known = self.options[section.name][missing.key]
        if known.key in section.wrong or (batch and known.batch):
            return
        section.wrong.add(known.key)
        self._report_missing(section, known, missing.looked_at)

    def _add_doubt(self, section: _FilledSection, doubt: Mistake) -> None:
        if doubt.key in section.wrong:
            return
        known = self.options[section.name][doubt.key]
        given = section.given.get(known.key) or GivenValue("", self.path)
        self.findings.slips.append(
            add_place(doubt.message, section.name, known, given.text, given.where)
        )

    def _add_mistake(self, section: _FilledSection, mistake: Mistake) -> None:
        if mistake.key in section.wrong:
            return
        known = self.options[section.name][mistake.key]
        given = section.given.get(known.key) or GivenValue("", self.path)
        section.wrong.add(known.key)
        message = add_place(
            mistake.message, section.name, known, given.text, given.where, mistake.legal
        )
        self.findings.problems.append(message)


def _is_undecoded(text: str) -> bool:
    """Return whether a text holds bytes that are not UTF-8."""
    return any("\ud800" <= char <= "\udfff" for char in text)


def _path_hint(text: str) -> str:
    """Return why a path may not be found; empty: no reason shows."""
    if os.name != "nt" and re.match(r"[A-Za-z]:[\\/]", text):
        return "it is a path of Windows"
    return "" if os.path.isabs(in_home(text)) else _RELATIVE


def _stand_in(one: DeclaredOption) -> Any:
    """Return the value of a field without usable text."""
    if one.default is not REQUIRED:
        return one.default
    return Secret("") if one.option.secret else ""


def _shown(section: _FilledSection) -> Iterator[tuple[str, str, str]]:
    for one in section.declared:
        yield (
            section.name,
            one.option.key,
            printable_line(spell_value(section.values[one.name], one.option)),
        )
