"""How an OSS bucket is reached, and how its listings are read: by oss2, loaded when needed."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote, unquote_plus
from xml.etree import ElementTree as ET

_OWN_DOMAINS = (".aliyuncs.com", ".aliyun-inc.com", ".aliyun.com")
"""Domains below which a bucket is told by its name before the endpoint."""
_REGION_HOST = re.compile(
    r"(?:vpc100-)?oss-(?!accelerate)([a-z]+-[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com"
    r"|([a-z]+-[a-z0-9-]+)\.oss\.aliyuncs\.com"
)
_FRACTION = re.compile(rb"(?:\.\d+)?Z<")


class Address(NamedTuple):
    """Where a bucket is reached."""

    url: str
    """Scheme, host and, where the bucket is told by path, the bucket; without a `/` at its end."""
    region: str
    """Such as `cn-hangzhou`; empty when the endpoint does not tell it."""

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


class Listings:
    """oss2's understanding of listings; it is loaded with the first of them.

    Only the coordinator lists: a worker need not load the SDK, which takes 0.4 s.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parse: Any = None

    def parse(self, body: bytes) -> Any:
        """Return a `ListObjectsResult` or what looks like one, None when the document is none."""
        self._load()
        if b"<EncodingType>url<" in body:
            # Both ways to escape a blank mean one; oss2 knows %20 alone.
            body = body.replace(b"+", b"%20")
        from oss2.models import ListObjectsResult  # noqa: PLC0415 - an SDK is loaded when needed

        listing = ListObjectsResult(_Answered())
        try:
            # oss2 takes whole seconds only, as OSS writes them; a private OSS may be more exact.
            self._parse(listing, _FRACTION.sub(b".000Z<", body))
        except (ET.ParseError, ValueError, AttributeError, RuntimeError):
            return _lenient(body)
        return listing

    def _load(self) -> None:
        with self._lock:  # half-loaded modules must not be seen by another thread that lists
            if self._parse is None:
                import logging  # noqa: PLC0415

                from oss2.xml_utils import parse_list_objects  # noqa: PLC0415

                # It would write what it does to a log that asks for details.
                logging.getLogger("oss2").setLevel(logging.CRITICAL)
                self._parse = parse_list_objects


class _Entry(NamedTuple):
    """What oss2 would tell of an object, as far as it is needed."""

    key: str
    size: int
    last_modified: int
    """Seconds since 1970; -1 where it is not told."""
    etag: str
    type: str


class _Listing(NamedTuple):
    object_list: list[_Entry]
    prefix_list: list[str]
    is_truncated: bool


def _lenient(body: bytes) -> _Listing | None:
    """Read a listing that oss2 does not take: with a name space, or without what need not be.

    Only keys, sizes and whether more follows must be there.
    """
    try:
        root = ET.fromstring(body)  # noqa: S314 - expat itself stops bombs of entities
        space = root.tag[: root.tag.rfind("}") + 1]
        truncated = {"true": True, "false": False}[_text(root, f"{space}IsTruncated").lower()]
        decode = unquote_plus if _text(root, f"{space}EncodingType") == "url" else str
        entries = [
            _Entry(
                decode(item.findtext(f"{space}Key", "")),
                int(_text(item, f"{space}Size")),
                _seconds(_text(item, f"{space}LastModified")),
                _text(item, f"{space}ETag").strip('"'),
                _text(item, f"{space}Type"),
            )
            for item in root.iterfind(f"{space}Contents")
        ]
        folders = root.iterfind(f"{space}CommonPrefixes/{space}Prefix")
        return _Listing(entries, [decode(each.text or "") for each in folders], truncated)
    except (ET.ParseError, KeyError, ValueError):
        return None


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(name, "").strip()


def _seconds(text: str) -> int:
    """Return the seconds since 1970 of an ISO 8601 time in UTC, -1 for any other text."""
    try:
        moment = dt.datetime.fromisoformat(text[:19]).replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return -1
    return int(moment.timestamp())


class _Answered:
    """What oss2's results look at in an answer."""

    status = 200
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    request_id = ""


def _is_machine(host: str) -> bool:
    """Return whether a host is an address: no name of a bucket can stand before it."""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
