"""Dates as HTTP writes them (RFC 9110, section 5.6.7), in seconds and nanoseconds since 1970."""

from __future__ import annotations

import time

NANO = 1_000_000_000
"""Nanoseconds of a second."""
_PATIENCE_MOST = 300.0


def seconds_of(value: bytes) -> int:
    """Return the instant that a header tells, -1 when it tells none."""
    # Here and not above: loading it takes 10 ms, which a start of the tool need not spend.
    from email.utils import mktime_tz, parsedate_tz  # noqa: PLC0415

    try:
        parsed = parsedate_tz(value.decode("latin-1"))
        return max(-1, int(mktime_tz(parsed))) if parsed else -1
    except (ValueError, OverflowError):
        return -1


def ns_of(value: bytes) -> int:
    """Return the instant that a header tells in nanoseconds, -1 when it tells none."""
    seconds = seconds_of(value)
    return seconds * NANO if seconds >= 0 else -1


def patience_of(retry_after: str) -> float:
    """Return the seconds that a Retry-After asks to wait, a number or a date; 0.0: none.

    More than five minutes are not waited at once.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _PATIENCE_MOST)
    moment = seconds_of(text.encode()) if text else -1
    return min(max(0.0, moment - time.time()), _PATIENCE_MOST) if moment >= 0 else 0.0


def http_date(seconds: float | None = None) -> str:
    """Return an instant, or now, as HTTP writes it."""
    from email.utils import formatdate  # noqa: PLC0415 - as above

    return formatdate(seconds, usegmt=True)
