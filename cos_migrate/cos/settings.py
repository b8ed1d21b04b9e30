"""Settings of the clients of one bucket on COS: credentials, hosts and options."""

from __future__ import annotations

from typing import NamedTuple

from cos_migrate.http.routes import Proxy, Route
from cos_migrate.http.time_limits import DEFAULT_TIMEOUTS, Timeouts
from cos_migrate.model import Credentials

_DOMAINS = ("myqcloud.com", "tencentcos.cn")
"""The public domain of COS, and its backup."""


class CosSettings(NamedTuple):
    """Settings of a client of one bucket; plain values that can be pickled."""

    bucket: str
    """`<name>-<APPID>`."""
    region: str
    credentials: Credentials
    suffix: str = ""
    """Replaces `cos.<region>.myqcloud.com`, may carry a port; empty: the public domain."""
    https: bool = False
    ca_file: str = ""
    proxy: Proxy | None = None
    short_connection: bool = False
    storage_class: str = "STANDARD"
    encryption: str = ""
    """The `x-cos-server-side-encryption` value; empty: none."""
    traffic_limit: int = 0
    """Bits per second of one upload; 0: none."""
    tries: int = 5
    timeouts: Timeouts = DEFAULT_TIMEOUTS

    def routes(self) -> tuple[Route, ...]:
        """Return the route to the bucket and, for the public domain, one by the backup domain."""
        return tuple(map(self._route, host_suffixes(self.region, self.suffix)))

    def _route(self, suffix: str) -> Route:
        name, colon, port = suffix.rpartition(":")
        if not colon:
            name, port = suffix, "443" if self.https else "80"
        return Route(f"{self.bucket}.{name}", int(port), self.https, self.proxy)


def host_suffixes(region: str, suffix: str) -> tuple[str, ...]:
    """Return what follows the bucket's name in its host: of the main domain, then of the backup.

    `suffix` replaces both; empty: the public domains.
    """
    return (suffix,) if suffix else tuple(f"cos.{region}.{domain}" for domain in _DOMAINS)
