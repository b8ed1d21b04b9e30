"""The ways to hosts: directly, or through a proxy."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `authorization` is the value of `Proxy-Authorization`, or empty."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    @classmethod
    def of(cls, host: str, port: int, user: str = "", password: str = "") -> Proxy:
        """Return the proxy with Basic credentials when `user` is given."""
        if not user:
            return cls(host, port)
        token = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        return cls(host, port, f"Basic {token}")


class Route(NamedTuple):
    """The way to one host."""

    host: str
    port: int
    tls: bool = False
    proxy: Proxy | None = None

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def target_prefix(self) -> str:
        """Text before the path in a request line (absolute form through a proxy)."""
        return f"http://{self.authority}" if self.proxy and not self.tls else ""

    @property
    def extra_head(self) -> str:
        """Header lines for the proxy, each ended by CRLF."""
        if self.proxy and self.proxy.authorization and not self.tls:
            return f"Proxy-Authorization: {self.proxy.authorization}\r\n"
        return ""
