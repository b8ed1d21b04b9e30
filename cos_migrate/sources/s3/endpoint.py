"""The address of a bucket with the S3 protocol: scheme, host, addressing style, signing region.

Pure functions over `endPoint` and `bucket`. Names of regions: the "Amazon S3 endpoints and quotas"
page of the AWS General Reference.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

DEFAULT_REGION = "us-east-1"
"""The region in signatures for S3 itself, and for services without regions."""
_REGION = re.compile("[a-z]{2,}(?:-[a-z]+)+-[0-9]+")
_EXPECTED = re.compile("""expecting:? ['"]?([A-Za-z0-9_-]+)""")
_HOST_LABEL = re.compile("[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_GLOBAL = "s3.amazonaws.com"
_AMAZON = (".amazonaws.com", ".amazonaws.com.cn")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one bucket with the S3 protocol is addressed: scheme, host, path, signing region."""

    base: str
    """Scheme, host and, in path style, the bucket: the part before `/<key>`."""
    region: str
    """The region that signatures name."""
    is_amazon: bool
    """Whether AWS itself answers there, where each bucket belongs to one region's endpoint."""
    names_region: bool = True
    """Whether the host names `region`; a global endpoint of AWS does not."""

    @classmethod
    def of(cls, end_point: str, bucket: str, *, https: bool) -> Endpoint:
        """Return how `bucket` is reached at `[http[s]://]host[:port]`.

        `https` counts where the address does not name its scheme.
        """
        scheme, mark, place = end_point.partition("://")
        if not mark:
            scheme, place = ("https" if https else "http"), end_point
        place = place.lower()  # as it is sent, and therefore signed
        host = place.partition(":")[0]
        if host.startswith(f"{bucket}.s3") and host.endswith(_AMAZON):
            base = f"{scheme}://{place}"  # as its console shows the address of a bucket
        elif _wants_path(host, bucket, tls=scheme == "https"):
            base = f"{scheme}://{place}/{bucket}"
        else:
            base = f"{scheme}://{bucket}.{place}"
        named = _region_named(host)
        return cls(base, named or _default_region(host), host.endswith(_AMAZON), bool(named))

    def in_region(self, region: str) -> Endpoint:
        """Return the endpoint in the bucket's region, which the global endpoint has named."""
        before, found, after = self.base.rpartition(_GLOBAL)
        base = f"{before}{_GLOBAL.replace('s3', f's3.{region}')}{after}" if found else self.base
        return replace(self, base=base, region=region)


def _region_named(host: str) -> str:
    for label in host.split("."):
        name = label.removeprefix("s3-fips-").removeprefix("s3-")
        if _REGION.fullmatch(name) and not name.startswith("external-"):
            return name
    return ""


def _default_region(host: str) -> str:
    return "cn-north-1" if host.endswith(".amazonaws.com.cn") else DEFAULT_REGION


def region_expected(message: str) -> str:
    """Return the region that an error message expects (`expecting 'eu-west-1'`); empty: none."""
    found = _EXPECTED.search(message)
    return found.group(1) if found else ""


def wrong_endpoint_advice(endpoint: Endpoint, signed_region: str, address: str) -> str:
    """Return why requests do not reach the bucket; `address` is the one in the answer, if any."""
    used = urlsplit(endpoint.base).netloc
    if address:
        return f"the bucket is not at {used}: the service names {address}"
    return f"the bucket is not at {used}, or not in region {signed_region}"


def _wants_path(host: str, bucket: str, *, tls: bool) -> bool:
    """Return whether the bucket is sent in the path, since it cannot be a label of the host."""
    if host == "localhost" or _is_address(host) or "." not in host:
        return True
    if all(_HOST_LABEL.fullmatch(label) for label in bucket.split(".")):
        # A certificate for *.host does not cover a bucket with dots.
        return tls and "." in bucket
    return True


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
