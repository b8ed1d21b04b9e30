"""Dates as HTTP writes them (RFC 9110, section 5.6.7), in seconds and nanoseconds since 1970."""

from __future__ import annotations

import time

_WAIT_MOST = 300.0
"""Seconds; a server that asks for more is asked again after these."""
NANO = 1_000_000_000
"""Nanoseconds of a second."""


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


def seconds_to_wait(retry_after: str) -> float:
    """Return for how long a Retry-After header asks, be it seconds or a date; 0: not at all."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        wait = float(text)
    else:
        until = seconds_of(text.encode()) if text else -1
        wait = until - time.time() if until >= 0 else 0.0
    return min(max(wait, 0.0), _WAIT_MOST)


def http_date(seconds: float | None = None) -> str:
    """Return an instant, or now, as HTTP writes it."""
    from email.utils import formatdate  # noqa: PLC0415 - as above

    return formatdate(seconds, usegmt=True)
