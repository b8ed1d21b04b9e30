"""The keys of `[common]` that decide what is removed from COS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from cos_migrate.config import values
from cos_migrate.config.carried_keys import CarriedKeys
from cos_migrate.config.options import option

_NUMBER = re.compile("[0-9]{1,18}")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s?%")
_WHOLE = 100_000_000
"""Millionths of a percent."""


class MaxDelete(NamedTuple):
    """How many objects may be removed: a number, or a share of the objects on COS."""

    number: int = -1
    """-1: a share."""
    percent: str = ""

    def __str__(self) -> str:
        return str(self.number) if self.number >= 0 else f"{self.percent}%"

    def of(self, total: int) -> int:
        """Return how many of `total` objects may be removed; a share is rounded up."""
        if self.number >= 0:
            return self.number
        return -(-_millionths(self.percent) * total // _WHOLE)


def max_delete(text: str) -> MaxDelete:
    """Parse a number or a share. Raises ValueError."""
    if _NUMBER.fullmatch(text):
        return MaxDelete(int(text))
    share = _SHARE.fullmatch(text)
    if share and _millionths(share[1]) <= _WHOLE:
        return MaxDelete(percent=share[1])
    raise ValueError(f"{text} is neither a number nor a share")


def _millionths(percent: str) -> int:
    """Return a number of percent, with up to six decimals, in millionths."""
    whole, _, decimals = percent.partition(".")
    return int(whole + decimals.ljust(6, "0"))


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class DeleteKeys(CarriedKeys):
    """The part of `[common]` that decides what is removed."""

    delete_extra: str = option(
        "deleteExtra",
        help="remove from COS what the source no longer has: off, recorded (what was sent from it "
        "and is unchanged) or all",
        default="off",
        parse=values.one_of("off", "recorded", "all"),
        legal="off, recorded or all",
    )
    max_delete: MaxDelete = option(
        "maxDelete",
        help="objects that deleteExtra removes at most, or their share of those on COS; if there "
        "are more, none is removed",
        default=MaxDelete(percent="1"),
        parse=max_delete,
        legal="a number, or a share from 0% to 100%",
    )
