"""The address of an OSS bucket."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import quote

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


def _is_machine(host: str) -> bool:
    """Return whether a host is an address: no name of a bucket can stand before it."""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
