"""Warns of content that would pass public networks without encryption."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from cos_migrate.config.common import Common
from cos_migrate.config.options import Section

_PRIVATE_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def clear_text_warnings(common: Common, name: str, section: Section) -> Iterator[str]:
    """Yield one warning if content is sent or read in clear text; `name`: of the section.

    A proxy is judged in place of the host behind it: where it is private, so may be the rest.
    """
    ways = []
    suffix = common.end_point_suffix
    next_hop = common.proxy_host or suffix or "myqcloud.com"
    if not common.https and is_public(next_hop):
        ways.append("[common] https=on")
    if is_public(section.clear_text_host):
        ways.append(f"[{name}] srcHttps=on, or an endPoint with https://")
    if ways:
        yield (
            "content passes the network without encryption, and can be read and changed on its "
            f"way: set {'; '.join(ways)}"
        )


def is_public(address: str) -> bool:
    """Return whether a host, with or without a port, may lie beyond private networks."""
    host = address.strip("/").lower()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    if not host:
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_PRIVATE_ENDINGS)
