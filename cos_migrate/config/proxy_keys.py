"""The keys that name a proxy, in each section that may have one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cos_migrate.config import legal, values
from cos_migrate.config.options import Mistake, option

_A_HOST = "a host name"


def proxy_host_option(reached: str, *, access: bool = False) -> Any:
    """Declare the key for the host of a proxy; `reached` is what is reached through it."""
    return option(
        "proxyHost",
        help=f"HTTP proxy for {reached}",
        default="",
        parse=values.host,
        legal=legal.HOST,
        access=access,
    )


def proxy_port_option(*, access: bool = False) -> Any:
    """Declare the key for the port of a proxy."""
    return option(
        "proxyPort",
        help="port of that proxy",
        default=0,
        parse=values.port_number,
        legal=legal.PORT,
        access=access,
    )


def proxy_mistakes(host: str, port: int, *, is_user_given: bool = False) -> Iterator[Mistake]:
    """Yield a mistake when a part of a proxy is given without its host or port.

    `is_user_given`: its user or password is given.
    """
    if host and not port:
        yield Mistake("proxyPort", "proxyPort is missing: proxyHost is set", legal.PORT)
    if port and not host:
        yield Mistake("proxyHost", "proxyHost is missing: proxyPort is set", _A_HOST)
    if is_user_given and not host:
        message = "proxyHost is missing: proxyUser or proxyPassword is set"
        yield Mistake("proxyHost", message, _A_HOST)
