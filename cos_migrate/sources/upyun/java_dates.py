"""Dates in the format of Java's `Date.toString`, as in the Java tool's records of Upyun."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([0-9]{2}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) (\S+) ([0-9]{4,6})"
)
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])([0-9]{1,2}):?([0-9]{2})")
_HOUR = 3600
_ZONES: dict[str, tuple[float, ...]] = {
    "UTC": (0,),
    "GMT": (0,),
    "WET": (0,),
    "CET": (1,),
    "EET": (2,),
    "WEST": (1,),
    "CEST": (2,),
    "EEST": (3,),
    "BST": (1, 6),
    "MSK": (3,),
    "GST": (4,),
    "PKT": (5,),
    "IST": (5.5, 2, 1),
    "ICT": (7,),
    "WIB": (7,),
    "CST": (8, -6),
    "HKT": (8,),
    "SGT": (8,),
    "MYT": (8,),
    "PHT": (8,),
    "JST": (9,),
    "KST": (9,),
    "AEST": (10,),
    "AEDT": (11,),
    "EST": (-5,),
    "EDT": (-4,),
    "CDT": (-5,),
    "MST": (-7,),
    "MDT": (-6,),
    "PST": (-8, 8),
    "PDT": (-7,),
    "BRT": (-3,),
}
"""Hours ahead of UTC that an abbreviation can mean; some zones share one, as China and America."""


def format_java_date(seconds: int) -> str:
    """Return a time (seconds since 1970) as `Mon Nov 23 06:59:47 UTC 2026`, always in UTC."""
    then = time.gmtime(seconds)
    day, month = _DAYS[then.tm_wday], _MONTHS[then.tm_mon - 1]
    clock = time.strftime("%H:%M:%S", then)
    return f"{day} {month} {then.tm_mday:02} {clock} UTC {then.tm_year:04}"


def can_mean(text: str, seconds: int) -> bool:
    """Return whether a date, printed in any time zone, can mean these seconds since 1970."""
    match = _DATE.fullmatch(text)
    if match is None or match[1] not in _MONTHS:
        return False
    month = _MONTHS.index(match[1]) + 1
    day, hour, minute, second = (int(match[at]) for at in (2, 3, 4, 5))
    there = calendar.timegm((int(match[7]), month, day, hour, minute, second))
    return any(there - offset == seconds for offset in _offsets(match[6]))


def _offsets(zone: str) -> Iterator[int]:
    """Yield the offsets that a zone can mean, in seconds ahead of UTC."""
    match = _OFFSET.fullmatch(zone)
    if match:
        offset = int(match[2]) * _HOUR + int(match[3]) * 60
        yield offset if match[1] == "+" else -offset
        return
    for hours in _ZONES.get(zone, ()):
        yield int(hours * _HOUR)
    for name, west in zip(time.tzname, (time.timezone, time.altzone), strict=True):
        if name == zone:
            yield -west
