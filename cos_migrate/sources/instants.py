"""Times as listings write them."""

from __future__ import annotations

from cos_migrate.http.dates import NANO


def listed_instant(text: str) -> int:
    """Return the whole second of a listing's LastModified, in nanoseconds since 1970; or -1."""
    import datetime as dt  # noqa: PLC0415 - workers list nothing

    try:
        moment = dt.datetime.fromisoformat(text[:19]).replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return -1
    return max(-1, int(moment.timestamp()) * NANO)
