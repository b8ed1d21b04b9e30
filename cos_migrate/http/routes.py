"""Hosts and proxies, and how they appear in requests."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    """The value of `Proxy-Authorization`; empty: none."""

    @classmethod
    def of(cls, host: str, port: int, user: str = "", password: str = "") -> Proxy:
        """Return a proxy, with Basic credentials where `user` is not empty."""
        if not user:
            return cls(host, port)
        token = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        return cls(host, port, f"Basic {token}")


class Route(NamedTuple):
    """The way to one host and port: directly, or through a proxy."""

    host: str
    port: int
    tls: bool = False
    proxy: Proxy | None = None

    @property
    def authority(self) -> str:
        """The value of `Host`: the host, with the port unless it is the default of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def target_prefix(self) -> str:
        """Text before the path in a request line: through a proxy, scheme and host."""
        return f"http://{self.authority}" if self.proxy and not self.tls else ""

    @property
    def extra_head(self) -> str:
        """Header lines for the proxy, each ended by CRLF."""
        if self.proxy and self.proxy.authorization and not self.tls:
            return f"Proxy-Authorization: {self.proxy.authorization}\r\n"
        return ""
