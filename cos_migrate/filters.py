"""Leaves objects out by the conditions of a configuration, with the reason.

Rules apply in the order of the Java tool's reasons, then in that of the keys of `[common]`. A walk
applies them to folders, the engine to objects, between scan and plan. Conditions of the object
itself stay with the source: names that are not UTF-8, links, lines of a list that name no object.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, cast

from cos_migrate.config.filter_settings import FilterSettings
from cos_migrate.model import Found, Rejected, Row, SourceObject
from cos_migrate.patterns import IgnoreFile, Patterns
from cos_migrate.text import condition_not_match, printable

_STANDARD = "STANDARD"
"""The class of an object that is listed without one."""


class Candidate(NamedTuple):
    """The fields of an object that rules look at."""

    name: str
    key: str
    """As in SourceObject; that of a folder ends in `/`."""
    size: int
    """Bytes; -1 when not known."""
    mtime_ns: int
    """-1 when not known."""
    storage_class: str = ""
    is_folder: bool = False

    @property
    def path(self) -> str:
        """The key as patterns match it: without leading slashes, which its target path drops."""
        return self.key.lstrip("/")


class Rule(NamedTuple):
    """One reason to leave objects out."""

    reason: str
    applies: Callable[[Candidate], bool]
    details: Callable[[Candidate], str] = lambda _: ""
    """Returns the text behind the name in the line of an object."""
    is_known: Callable[[Candidate], bool] | None = None
    """Whether the value that the rule looks at is known; None: it always is."""
    by_name: bool = False
    """Whether the rule looks at the name alone."""
    by_size: bool = False
    """Whether the rule looks at the size alone."""
    applies_below: Callable[[Candidate], bool] | None = None
    """Whether it applies to all that a folder holds; None: that never follows from the folder."""


class Filters:
    """The filters of one run."""

    def __init__(
        self,
        settings: FilterSettings,
        is_empty: Callable[[str], bool] = lambda _: True,
        *,
        describes_first: bool = True,
    ) -> None:
        """`is_empty`: whether an object that is listed with 0 bytes is empty indeed.

        `describes_first`: whether objects listed without a size are described before they are sent.
        """
        self._label = settings.label
        self._names_keys = settings.names_keys
        self._describes_first = describes_first
        self._root = settings.root
        self._ignores_empty = settings.ignores_empty
        self._rules = (*_source_rules(settings, is_empty), *_common_rules(settings))
        self._name_rules = tuple(rule for rule in self._rules if rule.by_name)
        self._unanswered: dict[str, str] = {}
        """By rule: the first object whose value is not known; empty: it was reported."""

    def __bool__(self) -> bool:
        return bool(self._rules)

    def reason_against_folder(self, path: str) -> str:
        """Return the reason to leave out a folder with all below it; empty: there is none.

        `path` ends in `/`.
        """
        folder = Candidate(path, path[len(self._root) :], -1, -1, is_folder=True)
        for rule in self._name_rules:
            if rule.applies_below and rule.applies_below(folder):
                return rule.reason
        return ""

    def line_against(self, candidate: Candidate) -> str:
        """Return the line for an object that is left out, without its newline; else empty."""
        return self._line(candidate, self._rules)

    def _line(self, candidate: Candidate, rules: tuple[Rule, ...]) -> str:
        for rule in rules:
            if rule.is_known and not rule.is_known(candidate):
                self._unanswered.setdefault(rule.reason, self._shown(candidate))
            elif rule.applies(candidate):
                named = self._label + self._shown(candidate)
                return condition_not_match(rule.reason, named, rule.details(candidate))
        return ""

    def _shown(self, candidate: Candidate) -> str:
        return printable(candidate.key if self._names_keys else candidate.name)

    def line_against_object(self, obj: SourceObject) -> str:
        """Return the line for an object that is left out, without its newline; else empty."""
        size, mtime_ns, _ = obj.fingerprint
        candidate = Candidate(
            obj.name, obj.key, size, mtime_ns, obj.storage_class, is_folder=obj.is_folder
        )
        return self._line(candidate, self._rules)

    def line_against_name(self, obj: SourceObject) -> str:
        """Return the line for an object that is left out by its name alone; else empty."""
        return self._line(Candidate(obj.name, obj.key, -1, -1), self._name_rules)

    def leave_out_on_cos(self, key: str, size: int) -> bool:
        """Return whether an object on COS would be left out at the source, by name or size.

        `key`: the path below `cosPath`.
        """
        if not self._rules:
            return False
        if not size and self._ignores_empty:
            return True
        name = self._root + key
        for at, character in enumerate(key):
            if character == "/" and self.reason_against_folder(self._root + key[: at + 1]):
                return True
        candidate = Candidate(name, key, size, -1)
        return any(rule.applies(candidate) for rule in self._rules if rule.by_name or rule.by_size)

    def replace_rejected(self, found: Iterable[Found | Row]) -> list[Found | Row]:
        """Return the items of a scan, with a `Rejected` in the place of each that is left out.

        Of objects of unknown size only the name is judged: once the source has described them,
        `line_against_object` decides.
        """
        return [self._judged(item) for item in found]

    def _judged(self, item: Found | Row) -> Found | Row:
        if type(item) is tuple:
            name, key, size, mtime_ns = cast("Row", item)
            line = self._line(Candidate(name, key, size, mtime_ns), self._rules)
            return Rejected(name, key, line) if line else item
        if not isinstance(item, SourceObject):
            return item
        waits = item.fingerprint.size < 0 and self._describes_first
        line = self.line_against_name(item) if waits else self.line_against_object(item)
        return Rejected(item.name, item.key, line, page=item.page) if line else item

    def take_warnings(self) -> list[str]:
        """Return a warning for each rule that met an unknown value, once."""
        fresh = [(reason, shown) for reason, shown in self._unanswered.items() if shown]
        for reason, _ in fresh:
            self._unanswered[reason] = ""
        return [
            f"[common] {reason} cannot be applied to {shown}, and perhaps others: the source gives "
            f"no {'time' if reason.startswith('modified') else 'size'}; such objects are migrated"
            for reason, shown in fresh
        ]


def _common_rules(settings: FilterSettings) -> Iterator[Rule]:
    """Yield the rules of `[common]` that are set, in the order in which they apply."""
    if settings.include:
        include = Patterns(settings.include)
        yield _pattern_rule(
            "include",
            lambda path: not include.match(path),
            lambda folder: not include.may_match_below(folder),
        )
    if settings.exclude:
        yield _pattern_rule("exclude", Patterns(settings.exclude).match)
    if settings.filter_file:
        yield _pattern_rule("filterFile", IgnoreFile(settings.filter_file).match)
    yield from _size_rules(settings)
    yield from _time_rules(settings, time.time_ns())


def _pattern_rule(
    reason: str,
    leaves_out: Callable[[str], bool],
    leaves_out_folder: Callable[[str], bool] | None = None,
) -> Rule:
    """Return a rule about paths; `leaves_out_folder`: None takes `leaves_out`."""
    folder_is_out = leaves_out_folder or leaves_out
    return Rule(
        reason,
        lambda one: leaves_out(one.path),
        by_name=True,
        # Patterns do not see the folder that is migrated.
        applies_below=lambda folder: bool(folder.path) and folder_is_out(folder.path),
    )


def _source_rules(settings: FilterSettings, is_empty: Callable[[str], bool]) -> Iterator[Rule]:
    """Yield the rules of a source that are set, in the order in which they apply."""
    if settings.excluded:

        def is_excluded(candidate: Candidate) -> bool:
            return candidate.name in settings.excluded

        yield Rule("excludes", is_excluded, by_name=True, applies_below=is_excluded)
    if settings.ignored_suffixes:
        yield Rule("suffix", lambda one: one.name.endswith(settings.ignored_suffixes), by_name=True)
    if settings.ignores_empty:
        yield Rule(
            "empty file",
            lambda one: one.size == 0 and not one.is_folder and is_empty(one.name),
        )
    if settings.wanted_suffixes:
        yield Rule(
            "do not match include suffix",
            lambda one: not one.name.endswith(settings.wanted_suffixes),
            by_name=True,
        )
    if settings.least_age:
        yield _age_rule(settings.least_age)
    if settings.storage_class:
        wanted = settings.storage_class
        yield Rule("srcStorageClass", lambda one: (one.storage_class or _STANDARD) != wanted)


def _age_rule(least: int) -> Rule:
    def is_young(candidate: Candidate) -> bool:
        age_ms = time.time_ns() // 1_000_000 - candidate.mtime_ns // 1_000_000
        return age_ms / 1000 < least

    def details(candidate: Candidate) -> str:
        return (
            f", [cur_time: {time.time_ns() // 1_000_000_000}], "
            f"[lastModifed_time: {candidate.mtime_ns // 1_000_000 // 1000}]，"
            f"[ignoreModifiedTimeLessThan: {least}]"
        )

    return Rule("ignoreModifiedTimeLessThan", is_young, details)


def _size_rules(settings: FilterSettings) -> Iterator[Rule]:
    def is_known(candidate: Candidate) -> bool:
        return candidate.size >= 0

    least, most = settings.min_size, settings.max_size
    if least:
        yield Rule("minSize", lambda one: one.size < least, is_known=is_known, by_size=True)
    if most >= 0:
        yield Rule("maxSize", lambda one: one.size > most, is_known=is_known, by_size=True)


def _time_rules(settings: FilterSettings, start_ns: int) -> Iterator[Rule]:
    def is_known(candidate: Candidate) -> bool:
        return candidate.mtime_ns != -1

    if settings.modified_after:
        after = settings.modified_after.at(start_ns)
        yield Rule("modifiedAfter", lambda one: one.mtime_ns < after, is_known=is_known)
    if settings.modified_before:
        before = settings.modified_before.at(start_ns)
        yield Rule("modifiedBefore", lambda one: one.mtime_ns > before, is_known=is_known)
