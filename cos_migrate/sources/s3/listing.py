"""Builds the queries of S3's listings, ListObjects and ListObjectsV2, and parses their pages.

Pure functions; the protocol is that of "ListObjectsV2" and "ListObjects" in the Amazon S3 API
Reference. Keys are URL-encoded, since XML cannot contain all of them.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from cos_migrate.http.s3xml import decode_key, decode_keys, read_listing
from cos_migrate.model import KeyColumns
from cos_migrate.sources.etags import Etags, strip_etags
from cos_migrate.sources.xml_listing import read_keys

PAGE = 1000
"""Keys on one page: the most that S3 lists at once."""


class Listing(NamedTuple):
    """One page of an S3 listing."""

    columns: KeyColumns
    folders: list[str]
    """Common prefixes."""
    truncated: bool
    """Whether keys follow, or may follow."""
    is_v2: bool
    """Whether it is an answer to ListObjectsV2."""
    following: str
    """ListObjectsV2's token of the next page, ListObjects' marker of it; empty: none."""


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
    keys = read_keys(page)
    sizes = list(map(int, page.columns["Size"]))
    listed_etags = strip_etags(page.columns["ETag"])
    reliable = (etags or Etags()).all_reliable(listed_etags, lambda: sizes)
    columns = KeyColumns(
        decode_keys(keys) if page.is_encoded else keys,
        sizes,
        listed_etags,
        page.columns["LastModified"] if times or not reliable else [],
        [text.strip() or "STANDARD" for text in page.columns["StorageClass"]] if classes else [],
        reliable,
    )
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
    empty = not keys and not folders
    if not stated and empty and not following and (count or "").strip() != "0":
        raise ValueError("it has no keys, and no IsTruncated")
    # Without it only a page without keys is known to be the last.
    truncated = stated == "true" or (not stated and not (empty and not following))
    return Listing(columns, folders, truncated, is_v2, following)
