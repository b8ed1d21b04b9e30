"""How an OSS bucket is reached, and how its listings are read."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

from cos_migrate.http.s3xml import read_listing
from cos_migrate.sources.etags import plain_tag

_OWN_DOMAINS = (".aliyuncs.com", ".aliyun-inc.com", ".aliyun.com")
"""Domains at which the name of a bucket stands before the endpoint."""
_REGION_HOST = re.compile(
    r"(?:vpc100-)?oss-(?!accelerate)([a-z]+-[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com"
    r"|([a-z]+-[a-z0-9-]+)\.oss\.aliyuncs\.com"
)


class Address(NamedTuple):
    """Where a bucket is reached."""

    url: str
    """Scheme, host and, in path style, the bucket; without a `/` at its end."""
    region: str
    """Such as `cn-hangzhou`; empty when the endpoint does not contain it."""

    @classmethod
    def of(cls, end_point: str, bucket: str, *, https: bool) -> Address:
        """Return the address that `endPoint` means for a bucket; its own scheme beats `https`.

        As in the Java tool a domain that is not Alibaba's belongs to the bucket alone.
        """
        scheme, _, place = end_point.rpartition("://")
        host = re.sub(r":\d+$", "", place).lower()
        start = f"{scheme or ('https' if https else 'http')}://"
        service = host.removeprefix(f"{bucket}.")
        found = _REGION_HOST.fullmatch(service)
        region = (found[1] or found[2]) if found else ""
        if _is_machine(host):
            return cls(f"{start}{place}/{quote(bucket, safe='')}", region)
        if service == host and host.endswith(_OWN_DOMAINS):
            return cls(f"{start}{bucket}.{place}", region)
        return cls(start + place, region)


class Entry(NamedTuple):
    """One listed object."""

    key: str
    size: int
    last_modified: int
    """Seconds since 1970; -1: unknown."""
    etag: str
    """Without quotes."""
    type: str
    """Such as `Normal` or `Symlink`."""


class Listing(NamedTuple):
    """One page of "GetBucket (ListObjects)" in the OSS API reference."""

    entries: list[Entry]
    folders: list[str]
    """Common prefixes."""
    truncated: bool
    following: str
    """The marker of the next page; empty: none."""


def parse_listing(body: bytes) -> Listing:
    """Parse a page of a listing. Raises ValueError when it is none.

    Sizes and whether more follows must be there. oss2 reads the same, which tests hold this to, but
    takes 0.4 s to load.
    """
    page = read_listing(body, ("Type",))
    # A blank is escaped as %20 or as +.
    decode = unquote_plus if page.is_encoded else str
    entries = [
        Entry(
            decode(item.get("Key", "")),
            int(item.get("Size", "")),
            _seconds(item.get("LastModified", "").strip()),
            plain_tag(item.get("ETag", "").strip()),
            item.get("Type", "").strip(),
        )
        for item in page.entries
    ]
    folders = list(map(decode, page.folders))
    return Listing(entries, folders, page.is_truncated, decode(page.texts.get("NextMarker", "")))


def _seconds(text: str) -> int:
    """Return the seconds since 1970 of an ISO 8601 time in UTC, -1 for any other text."""
    try:
        moment = dt.datetime.fromisoformat(text[:19]).replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return -1
    return int(moment.timestamp())


def _is_machine(host: str) -> bool:
    """Return whether a host is an address: no name of a bucket can stand before it."""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
