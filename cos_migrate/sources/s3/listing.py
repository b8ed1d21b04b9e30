"""Builds the queries of S3's listings, ListObjects and ListObjectsV2, and parses their pages.

Pure functions; the protocol is that of "ListObjectsV2" and "ListObjects" in the Amazon S3 API
Reference. Keys are URL-encoded, since XML cannot contain all of them.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from cos_migrate.http.s3xml import decode_key, read_listing
from cos_migrate.sources.etags import Etags, strip_etag
from cos_migrate.sources.xml_listing import parse_listed_time, read_key

PAGE = 1000
"""Keys on one page: the most that S3 lists at once."""


class Entry(NamedTuple):
    """One object on a page of an S3 listing."""

    key: str
    size: int
    etag: str
    """Without quotes."""
    mtime_ns: int = -1
    """LastModified to the second; -1 where all ETags of the page are reliable."""
    storage_class: str = ""
    """Empty where it was not wanted."""


class Listing(NamedTuple):
    """One page of an S3 listing."""

    entries: list[Entry]
    folders: list[str]
    """Common prefixes."""
    truncated: bool
    """Whether keys follow, or may follow."""
    is_v2: bool
    """Whether it is an answer to ListObjectsV2."""
    following: str
    """ListObjectsV2's token of the next page, ListObjects' marker of it; empty: none."""
    etags_reliable: bool = True
    """Whether all ETags of the page are reliable, see `Etags`."""


def build_query(prefix: str, after: str, delimiter: str, *, v2: bool, token: str = "") -> str:
    """Return the query of the page behind the key `after`, its parameters in order.

    `token`: the continuation token of ListObjectsV2, which replaces `after`.
    """
    words = {"encoding-type": "url", "max-keys": str(PAGE), "prefix": prefix}
    if v2:
        words["list-type"] = "2"
    if token:
        words["continuation-token"] = token
    elif after:
        words["start-after" if v2 else "marker"] = after
    if delimiter:
        words["delimiter"] = delimiter
    return "&".join(
        f"{name}={quote(words[name], safe='-._~', errors='surrogateescape')}"
        for name in sorted(words)
    )


def parse(
    document: bytes, etags: Etags | None = None, *, times: bool = False, classes: bool = False
) -> Listing:
    """Parse a page. Raises ValueError when it is no listing.

    `etags` decides whether times are read; None: by this page alone. `times`: read them always.
    `classes`: read storage classes.
    """
    page = read_listing(document, ("StorageClass",) if classes else ())
    texts = page.texts
    decode = decode_key if page.is_encoded else str
    entries = [
        Entry(decode(read_key(item)), int(item.get("Size", "")), strip_etag(item.get("ETag", "")))
        for item in page.entries
    ]
    etags_listed = [entry.etag for entry in entries]
    reliable = (etags or Etags()).all_reliable(
        etags_listed, lambda: [entry.size for entry in entries]
    )
    if times or not reliable:
        texts_of_times = (item.get("LastModified", "") for item in page.entries)
        entries = [
            entry._replace(mtime_ns=parse_listed_time(text.strip()))
            for entry, text in zip(entries, texts_of_times, strict=True)
        ]
    if classes:
        entries = [
            entry._replace(storage_class=item.get("StorageClass", "STANDARD").strip())
            for entry, item in zip(entries, page.entries, strict=True)
        ]
    folders = list(map(decode, page.folders))
    count = texts.get("KeyCount")
    is_v2 = count is not None
    if is_v2:
        following = texts.get("NextContinuationToken", "")
    else:
        following = decode(texts.get("NextMarker", ""))
    stated = texts.get("IsTruncated", "").strip().lower()
    if stated not in {"true", "false", ""}:
        raise ValueError(f"its IsTruncated is {stated!r}")
    empty = not entries and not folders
    if not stated and empty and not following and (count or "").strip() != "0":
        raise ValueError("it has no keys, and no IsTruncated")
    # Without it only a page without keys is known to be the last.
    truncated = stated == "true" or (not stated and not (empty and not following))
    return Listing(entries, folders, truncated, is_v2, following, reliable)
