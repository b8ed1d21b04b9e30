"""Pages of listings by markers in the XML of S3's dialect, as OSS and COS write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import unquote_plus

from cos_migrate.http.dates import NANO
from cos_migrate.http.s3xml import Texts, read_listing
from cos_migrate.model import Fingerprint
from cos_migrate.sources.etags import strip_etag


class ListedEntry(NamedTuple):
    """A listed object."""

    key: str
    fingerprint: Fingerprint
    more: tuple[str, ...]
    """The texts that the caller asked for, such as a storage class; empty when missing."""


class MarkerPage(NamedTuple):
    """One page of a listing whose next page is named by a marker."""

    entries: list[ListedEntry]
    folders: list[str]
    """Common prefixes."""
    truncated: bool
    """Whether keys follow."""
    following: str
    """The marker of the next page; empty: none."""


def read_marker_page(
    document: bytes, more: Sequence[str], decode_unmarked: Callable[[str], str] = str
) -> MarkerPage:
    """Parse a page. Raises ValueError for any other document.

    Keys, sizes and whether keys follow must be there. `more` names the texts of each entry to
    return besides; `decode_unmarked` decodes keys of a page that is not marked as URL-encoded.
    """
    page = read_listing(document, more)
    # A blank is escaped as %20 or as +.
    decode = unquote_plus if page.is_encoded else decode_unmarked
    entries = [
        ListedEntry(
            decode(read_key(item)),
            Fingerprint(
                int(item.get("Size", "")),
                parse_listed_time(item.get("LastModified", "").strip()),
                strip_etag(item.get("ETag", "")),
            ),
            tuple([item.get(name, "").strip() for name in more]),
        )
        for item in page.entries
    ]
    following = decode(page.texts.get("NextMarker", ""))
    return MarkerPage(entries, list(map(decode, page.folders)), page.is_truncated, following)


def parse_listed_time(text: str) -> int:
    """Return the whole second of a LastModified, in nanoseconds since 1970; -1 for another text."""
    import datetime as dt  # noqa: PLC0415 - workers list nothing

    try:
        moment = dt.datetime.fromisoformat(text[:19]).replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return -1
    return max(-1, int(moment.timestamp()) * NANO)


def read_key(entry: Texts) -> str:
    """Return the key of an entry as it is written. Raises ValueError when there is none."""
    if "Key" not in entry:
        raise ValueError("an entry names no key")
    return entry["Key"]
