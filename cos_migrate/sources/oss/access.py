"""The address of an OSS bucket."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import quote

_OWN_DOMAINS = (".aliyuncs.com", ".aliyun-inc.com", ".aliyun.com")
"""Domains where the name of the bucket is part of the host."""
_REGION_HOST = re.compile(
    r"(?:vpc100-)?oss-(?!accelerate)([a-z]+-[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com"
    r"|([a-z]+-[a-z0-9-]+)\.oss\.aliyuncs\.com"
)


class Address(NamedTuple):
    """The URL and the region of a bucket."""

    url: str
    """Scheme, host and, in path style, the bucket; without a trailing `/`."""
    region: str
    """Such as `cn-hangzhou`; empty when the endpoint does not contain it."""

    @classmethod
    def of(cls, end_point: str, bucket: str, *, https: bool) -> Address:
        """Return the address of a bucket at `endPoint`, whose scheme takes precedence over `https`.

        As in the Java tool, a domain that is not Alibaba's belongs to the bucket alone.
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


def _is_machine(host: str) -> bool:
    """Return whether a host is an address or `localhost`: a bucket cannot be part of it."""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
