"""The keys of `[common]` that limit how fast a run works; they may change while it goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cos_migrate.config import values
from cos_migrate.config.filter_keys import FilterKeys, size_of
from cos_migrate.config.options import option

_OFF = "off"
_LEAST_BYTES = 1 << 10
_MOST_BYTES = 1 << 50
_MOST_REQUESTS = 1_000_000
_STEP = re.compile(r"([0-9]{1,2}):([0-9]{2}),(\S+)")
_UNITS = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))
_BANDWIDTH = (
    "bytes a second with K, M, G or T, from 1K on, such as 20M, or off; or such values with the "
    "times of the day from which they hold, in ascending order: 08:00,20M 18:30,off"
)
_REQUESTS = f"a whole number from 1 to {_MOST_REQUESTS}, or off"


class BandwidthLimit(NamedTuple):
    """A limit in bytes a second that may depend on the time of the day."""

    steps: tuple[tuple[int, int], ...] = ()
    """Minute of the day and the limit from then on, ascending; a limit of 0 is none.

    Before the first minute the last limit holds.
    """

    def at(self, minute: int) -> int:
        """Return the limit in bytes a second at a minute of the day; 0: none."""
        limit = self.steps[-1][1] if self.steps else 0
        for begin, following in self.steps:
            if begin > minute:
                break
            limit = following
        return limit

    def __str__(self) -> str:
        if len(self.steps) < 2 and not any(begin for begin, _ in self.steps):  # noqa: PLR2004
            return spell_bytes(self.at(0))
        return " ".join(
            f"{begin // 60:02d}:{begin % 60:02d},{spell_bytes(limit)}"
            for begin, limit in self.steps
        )

    @classmethod
    def parse(cls, text: str) -> BandwidthLimit:
        """Parse one limit, or a timetable."""
        if "," not in text and ":" not in text:
            limit = _limit_of(text)
            return cls(((0, limit),)) if limit else cls()
        steps = tuple(_step_of(part) for part in text.split())
        minutes = [minute for minute, _ in steps]
        if minutes != sorted(set(minutes)):
            raise ValueError(f"{text} is invalid, its times must ascend")
        return cls(steps)


def _step_of(text: str) -> tuple[int, int]:
    match = _STEP.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else values.DAY  # noqa: PLR2004
    if match is None or minute >= values.DAY:
        raise ValueError(f"{text} is no time of the day with a limit, such as 08:00,20M")
    return minute, _limit_of(match[3])


def _limit_of(text: str) -> int:
    if text.lower() == _OFF:
        return 0
    size = size_of(text)
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        raise ValueError(f"{text} is invalid, the least bandwidthLimit is 1K, the most 1024T")
    return size


def spell_bytes(limit: int) -> str:
    """Return a limit in bytes as it is spelled in the file; `off` for none."""
    for unit, letter in _UNITS:
        if limit and limit % unit == 0:
            return f"{limit // unit}{letter}"
    return str(limit) if limit else _OFF


def spell_requests(limit: int) -> str:
    """Return a limit in requests as it is spelled in the file; `off` for none."""
    return str(limit) if limit else _OFF


def _requests(key: str) -> Callable[[str], int]:
    number = values.integer(1, _MOST_REQUESTS, f"{{}} is invalid, legal {key} is [1, 1000000]")
    return lambda text: 0 if text.lower() == _OFF else number(text)


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class LimitKeys(FilterKeys):
    """The part of `[common]` that limits the speed."""

    bandwidth_limit: BandwidthLimit = option(
        "bandwidthLimit",
        help="bytes of object data a second, sent and read each for itself, over all processes",
        default=BandwidthLimit(),
        parse=BandwidthLimit.parse,
        legal=_BANDWIDTH,
    )
    requests_per_second: int = option(
        "requestsPerSecond",
        help="requests to COS a second, over all processes",
        default=0,
        parse=_requests("requestsPerSecond"),
        legal=_REQUESTS,
    )
    src_requests_per_second: int = option(
        "srcRequestsPerSecond",
        help="requests to the source a second, over all processes",
        default=0,
        parse=_requests("srcRequestsPerSecond"),
        legal=_REQUESTS,
    )
