"""What a run leaves out, and why.

The settings alone decide, in the order of the reasons that the Java tool names. A walk asks about
folders, the engine about objects, between scan and plan. What depends on more than settings stays
with the source: names that are not UTF-8, links, lines of a list that name nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, cast

from cos_migrate.config.filter_settings import FilterSettings
from cos_migrate.model import Found, Rejected, Row, SourceObject
from cos_migrate.text import printable

_STANDARD = "STANDARD"
"""The class of an object that is listed without one."""


class Candidate(NamedTuple):
    """What the filters see of an object."""

    name: str
    size: int
    """Bytes; -1 of a folder."""
    mtime_ns: int
    storage_class: str = ""


class Rule(NamedTuple):
    """One reason to leave objects out."""

    reason: str
    applies: Callable[[Candidate], bool]
    details: Callable[[Candidate], str] = lambda _: ""
    """Returns what its line says behind the name."""


class Filters:
    """The filters of one run."""

    def __init__(
        self, settings: FilterSettings, is_empty: Callable[[str], bool] = lambda _: True
    ) -> None:
        """`is_empty`: whether an object that is listed with 0 bytes has none."""
        self._label = settings.label
        self._excluded = settings.excluded
        self._rules = tuple(_rules_of(settings, is_empty))

    def __bool__(self) -> bool:
        return bool(self._rules)

    def against_folder(self, path: str) -> str:
        """Return the reason to leave out a folder with all below it; empty: there is none.

        `path` ends in `/`.
        """
        return "excludes" if path in self._excluded else ""

    def against(self, candidate: Candidate) -> str:
        """Return the line for an object that is left out, without its newline; else empty."""
        for rule in self._rules:
            if rule.applies(candidate):
                named = f"[reason: {rule.reason}]  [{self._label}{printable(candidate.name)}]"
                return f"[condition_not_match] {named}{rule.details(candidate)}"
        return ""

    def against_object(self, obj: SourceObject) -> str:
        """Return the line for an object that is left out, without its newline; else empty."""
        size, mtime_ns, _ = obj.fingerprint
        size = -1 if obj.is_folder else size
        return self.against(Candidate(obj.name, size, mtime_ns, obj.storage_class))

    def applied(self, found: Iterable[Found | Row]) -> list[Found | Row]:
        """Return what a scan found, with a `Rejected` in the place of what is left out.

        Objects of unknown size pass: once the source has described them, `against_object` decides.
        """
        return [self._judged(item) for item in found]

    def _judged(self, item: Found | Row) -> Found | Row:
        if type(item) is tuple:
            name, key, size, mtime_ns = cast("Row", item)
            line = self.against(Candidate(name, size, mtime_ns))
            return Rejected(name, key, line) if line else item
        if not isinstance(item, SourceObject) or item.fingerprint.size < 0:
            return item
        line = self.against_object(item)
        return Rejected(item.name, item.key, line, page=item.page) if line else item


def _rules_of(settings: FilterSettings, is_empty: Callable[[str], bool]) -> Iterator[Rule]:
    """Yield the rules that are set, in the order in which they are asked."""
    if settings.excluded:
        yield Rule("excludes", lambda one: one.name in settings.excluded)
    if settings.ignored_suffixes:
        yield Rule("suffix", lambda one: one.name.endswith(settings.ignored_suffixes))
    if settings.ignores_empty:
        yield Rule("empty file", lambda one: one.size == 0 and is_empty(one.name))
    if settings.wanted_suffixes:
        yield Rule(
            "do not match include suffix",
            lambda one: not one.name.endswith(settings.wanted_suffixes),
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
