"""Pages of listings by markers in the XML of S3's dialect, as OSS and COS write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import unquote_plus

from cos_migrate.http.dates import NANO
from cos_migrate.http.s3xml import ListedPage, decode_keys, read_listing
from cos_migrate.model import KeyColumns
from cos_migrate.sources.etags import strip_etags


class MarkerPage(NamedTuple):
    """One page of a listing whose next page is named by a marker."""

    columns: KeyColumns
    more: tuple[list[str], ...]
    """The texts that the caller asked for, by columns; a missing one is empty."""
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
    keys = read_keys(page)
    columns = KeyColumns(
        decode_keys(keys, "replace") if page.is_encoded else list(map(decode_unmarked, keys)),
        list(map(int, page.columns["Size"])),
        strip_etags(page.columns["ETag"]),
        page.columns["LastModified"],
        [],
    )
    extra = tuple(list(map(str.strip, page.columns[name])) for name in more)
    following = decode(page.texts.get("NextMarker", ""))
    return MarkerPage(columns, extra, list(map(decode, page.folders)), page.is_truncated, following)


def read_keys(page: ListedPage) -> list[str]:
    """Return the keys of the entries as they are written. Raises ValueError when one has none."""
    if "Key" not in page.columns:
        raise ValueError("an entry names no key")
    return page.columns["Key"]


def parse_listed_time(text: str) -> int:
    """Return the whole second of a LastModified, in nanoseconds since 1970; -1 for another text."""
    import datetime as dt  # noqa: PLC0415 - workers list nothing

    try:
        moment = dt.datetime.fromisoformat(text.strip()[:19]).replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return -1
    return max(-1, int(moment.timestamp()) * NANO)


def write_listed_time(time_ns: int) -> str:
    """Return the LastModified that `parse_listed_time` reads; empty for -1."""
    import datetime as dt  # noqa: PLC0415 - as above

    if time_ns < 0:
        return ""
    return dt.datetime.fromtimestamp(time_ns // NANO, dt.timezone.utc).isoformat()
