"""How an OSS bucket is reached, and what oss2 does for it: signing, and reading listings.

oss2 is loaded when it is first needed, not before.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

from cos_migrate.values import Secret

_OWN_DOMAINS = (".aliyuncs.com", ".aliyun-inc.com", ".aliyun.com")
"""Domains below which a bucket is told by its name before the endpoint."""
_REGION_HOST = re.compile(
    r"(?:vpc100-)?oss-(?!accelerate)([a-z]+-[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com"
    r"|([a-z]+-[a-z0-9-]+)\.oss\.aliyuncs\.com"
)


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


class Signer:
    """Signs requests to one bucket."""

    def __init__(self, bucket: str, key_id: Secret, key_secret: Secret, region: str) -> None:
        """Sign with V4 where the region is known: OSS takes no other for newer buckets."""
        self._bucket = bucket
        self._keys = key_id, key_secret
        self._region = region
        self._lock = threading.Lock()
        self._auth: Any = None

    def headers(
        self, method: str, key: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[tuple[str, str], ...]:
        """Return `headers` and those of the signature."""
        auth = self._loaded()
        from oss2.http import Request as Signed  # noqa: PLC0415 - an SDK is loaded when needed

        signed = Signed(
            method,
            "",
            params=dict(params),
            headers=dict(headers),
            region=self._region or None,
            product="oss",
        )
        auth._sign_request(signed, self._bucket, key)  # noqa: SLF001 - as its own Bucket does
        # What it adds for the library that it sends with is not ours to send.
        return tuple(
            (name, value)
            for name, value in signed.headers.items()
            if name not in {"Accept-Encoding", "User-Agent"}
        )

    def listing(self, body: bytes) -> Any:
        """Return oss2's understanding of a listing, None when the document is none."""
        self._loaded()
        from xml.etree.ElementTree import ParseError  # noqa: PLC0415

        from oss2.models import ListObjectsResult  # noqa: PLC0415
        from oss2.xml_utils import parse_list_objects  # noqa: PLC0415

        listing = ListObjectsResult(_Answered())
        try:
            parse_list_objects(listing, body)
        except (ParseError, ValueError, AttributeError, RuntimeError):
            return None
        return listing

    def _loaded(self) -> Any:
        with self._lock:
            if self._auth is None:
                import logging  # noqa: PLC0415

                import oss2  # noqa: PLC0415

                # It would write requests with their signatures to a log that asks for details.
                logging.getLogger("oss2").setLevel(logging.CRITICAL)
                kind = oss2.AuthV4 if self._region else oss2.Auth
                self._auth = kind(*(key.reveal() for key in self._keys))
        return self._auth


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
