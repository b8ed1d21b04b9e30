"""The keys of `[common]` that leave objects out, for every source."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from cos_migrate import patterns
from cos_migrate.config import legal, values
from cos_migrate.config.filter_settings import FilterSettings, Moment
from cos_migrate.config.options import Mistake, Section, option
from cos_migrate.config.target_access import TargetAccess

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,18}) *([KMGT]?)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGE = re.compile(r"([0-9]{1,9}) *([smhdw])")
_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")

_PATTERNS = (
    "patterns separated by ; such as *.jpg, tmp/ or photos/**/2025-*.{jpg,png}; they match the "
    "path below cosPath as those of gitignore do"
)
_SIZES = "bytes, or a number with K, M, G or T, such as 10M"
_TIMES = (
    "a local time such as 2026-01-31 or 2026-01-31 12:00:00, or an age such as 90s, 15m, 12h or 30d"
)


def _patterns(text: str) -> tuple[str, ...]:
    found = patterns.split_patterns(text)
    for pattern in found:
        try:
            patterns.Patterns([pattern])
        except patterns.PatternError as error:
            raise ValueError(f"the pattern {pattern} cannot be read: {error}") from error
    return found


def size_of(text: str) -> int:
    """Parse a size: bytes, or a number with a binary unit."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is not a size")
    return int(match[1]) * _UNITS[match[2].upper()]


def moment_of(text: str) -> Moment:
    """Parse a local time, or an age."""
    match = _AGE.fullmatch(text)
    if match:
        return Moment(int(match[1]) * _SECONDS[match[2]] * 1_000_000_000, is_age=True)
    from datetime import datetime  # noqa: PLC0415 - few configurations hold a time

    for form in _FORMS:
        try:
            local = datetime.strptime(text, form)  # noqa: DTZ007 - meant as local time
            return Moment(int(local.timestamp()) * 1_000_000_000, is_age=False)
        except (ValueError, OverflowError, OSError):
            continue
    raise ValueError(f"{text} is not a time")


def _filter_file(text: str) -> str:
    path = values.existing_file(text)
    try:
        patterns.IgnoreFile(path)
    except patterns.PatternError as error:
        raise ValueError(f"{text} cannot be read: {error}") from error
    return path


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class FilterKeys(TargetAccess):
    """The part of `[common]` that leaves objects out."""

    include: tuple[str, ...] = option(
        "include",
        help="migrate only objects that match one of these patterns",
        default=(),
        parse=_patterns,
        legal=_PATTERNS,
    )
    exclude: tuple[str, ...] = option(
        "exclude",
        help="leave out objects that match one of these patterns",
        default=(),
        parse=_patterns,
        legal=_PATTERNS,
    )
    filter_file: str = option(
        "filterFile",
        help="a file in the syntax of gitignore; matching objects are left out",
        default="",
        parse=_filter_file,
        legal=legal.FILE,
        path=True,
    )
    min_size: int = option(
        "minSize",
        help="leave out smaller objects",
        default=0,
        parse=size_of,
        legal=_SIZES,
    )
    max_size: int = option(
        "maxSize",
        help="leave out larger objects",
        default=-1,
        parse=size_of,
        legal=_SIZES,
    )
    modified_after: Moment | None = option(
        "modifiedAfter",
        help="leave out objects modified before this time",
        default=None,
        parse=moment_of,
        legal=_TIMES,
    )
    modified_before: Moment | None = option(
        "modifiedBefore",
        help="leave out objects modified after this time",
        default=None,
        parse=moment_of,
        legal=_TIMES,
    )

    def filters_with(self, section: Section) -> FilterSettings:
        """Return the filters of `[common]` and of the section of the source."""
        return section.filter_settings()._replace(
            include=self.include,
            exclude=self.exclude,
            filter_file=self.filter_file,
            min_size=self.min_size,
            max_size=self.max_size,
            modified_after=self.modified_after,
            modified_before=self.modified_before,
        )

    def mistakes(self) -> Iterator[Mistake]:
        """Yield mistakes in pairs of limits that exclude every object."""
        # No super(): with slots=True it refers to the class before slots were added.
        yield from TargetAccess.mistakes(self)
        if 0 <= self.max_size < self.min_size:
            yield Mistake("maxSize", "maxSize is smaller than minSize", _SIZES)
        now = time.time_ns()
        after, before = self.modified_after, self.modified_before
        if after and before and before.at(now) < after.at(now):
            yield Mistake("modifiedBefore", "modifiedBefore is before modifiedAfter", _TIMES)
