"""Dates as HTTP writes them (RFC 9110, section 5.6.7), in seconds and nanoseconds since 1970."""

from __future__ import annotations

import time

NANO = 1_000_000_000
"""Nanoseconds of a second."""
_MAX_PATIENCE = 300.0
_DAYS_BEFORE = dict(
    zip(
        b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
        (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334),
        strict=True,
    )
)
"""Days of a common year before each month."""
_DAYS_UNTIL_1970 = 719_162
_MARCH = 59


def parse_date(value: bytes) -> int:
    """Return the time in a header, in seconds since 1970; -1: there is none."""
    days = _DAYS_BEFORE.get(value[8:11])
    if days is not None and len(value) == 29 and value[25:] == b" GMT":  # noqa: PLR2004
        digits = value[5:7] + value[12:16] + value[17:19] + value[20:22] + value[23:25]
        marks = value[3:5] + value[7:8] + value[11:12] + value[16:17] + value[19:20] + value[22:23]
        if (
            marks == b",    ::"
            and value[:3].isalpha()
            and digits.isdigit()
            and value[12:16] >= b"1970"
        ):
            return _usual_date(days, int(digits))
    # Loading it takes 10 ms, which most starts do not need.
    from email.utils import mktime_tz, parsedate_tz  # noqa: PLC0415

    try:
        parsed = parsedate_tz(value.decode("latin-1"))
        return max(-1, int(mktime_tz(parsed))) if parsed else -1
    except (ValueError, OverflowError):
        return -1


def _usual_date(days: int, number: int) -> int:
    """Return the time of a date in the usual form, many times as fast as `email` does.

    `days`: of the year before the month. `number`: the digits of day, year, hour, minute, second.
    """
    number, second = divmod(number, 100)
    number, minute = divmod(number, 100)
    number, hour = divmod(number, 100)
    day, year = divmod(number, 10_000)
    before = year - 1
    if days >= _MARCH and year % 4 == 0 and (year % 100 or year % 400 == 0):
        days += 1
    days += day - 1 + 365 * before + before // 4 - before // 100 + before // 400 - _DAYS_UNTIL_1970
    return max(-1, ((days * 24 + hour) * 60 + minute) * 60 + second)


def parse_date_ns(value: bytes) -> int:
    """Return the time in a header, in nanoseconds since 1970; -1: there is none."""
    seconds = parse_date(value)
    return seconds * NANO if seconds >= 0 else -1


def parse_retry_after(retry_after: str) -> float:
    """Return the seconds that a Retry-After (a number or a date) asks to wait; 0.0: none.

    The result is at most five minutes.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_PATIENCE)
    moment = parse_date(text.encode()) if text else -1
    return min(max(0.0, moment - time.time()), _MAX_PATIENCE) if moment >= 0 else 0.0


def format_date(seconds: float | None = None) -> str:
    """Return a time, or the present, in the format of HTTP."""
    from email.utils import formatdate  # noqa: PLC0415 - as above

    return formatdate(seconds, usegmt=True)
