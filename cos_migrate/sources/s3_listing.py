"""The two listings of S3: what is asked, and what the answers say.

Pure functions; the protocol is that of "ListObjectsV2" and "ListObjects" in the Amazon S3 API
Reference. Keys come URL-encoded, because XML cannot hold all of them.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote_plus
from xml.etree import ElementTree as ET

PAGE = 1000
"""Keys on one page: the most that S3 gives."""


class Entry(NamedTuple):
    """One listed object."""

    key: str
    size: int
    etag: str
    """Without quotes."""


class Listing(NamedTuple):
    """One page."""

    entries: list[Entry]
    folders: list[str]
    """Common prefixes."""
    truncated: bool
    is_v2: bool
    """Whether the service has answered as ListObjectsV2 demands."""
    following: str
    """ListObjectsV2's token of the next page; empty: none."""


def query_of(prefix: str, after: str, delimiter: str, *, v2: bool, token: str = "") -> str:
    """Return the query of the page behind the key `after`, its parameters in order.

    `token`: of ListObjectsV2, the page that it stands for instead.
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
    return "&".join(f"{name}={quote(words[name], safe='-._~')}" for name in sorted(words))


def parse(document: bytes) -> Listing:
    """Return what an answer says. Raises ValueError when it is no listing."""
    try:
        # A listing is as trustworthy as the objects; expat itself stops bombs of entities.
        root = ET.fromstring(document)  # noqa: S314
    except ET.ParseError as error:
        raise ValueError(f"its XML is broken: {error}") from error
    space, _, name = root.tag.rpartition("}")
    space = f"{space}}}" if space else ""
    if name != "ListBucketResult":
        raise ValueError(f"it is a {name}, no ListBucketResult")
    decode = unquote_plus if root.findtext(f"{space}EncodingType") == "url" else str
    key_tag, size_tag, etag_tag = f"{space}Key", f"{space}Size", f"{space}ETag"
    entries = [
        Entry(
            decode(item.findtext(key_tag, "")),
            int(item.findtext(size_tag, "")),
            item.findtext(etag_tag, "").strip().strip('"'),
        )
        for item in root.iterfind(f"{space}Contents")
    ]
    folders = [
        decode(item.findtext(f"{space}Prefix", ""))
        for item in root.iterfind(f"{space}CommonPrefixes")
    ]
    truncated = root.findtext(f"{space}IsTruncated", "").strip().lower() == "true"
    is_v2 = root.find(f"{space}KeyCount") is not None
    following = root.findtext(f"{space}NextContinuationToken", "")
    return Listing(entries, folders, truncated, is_v2, following)
