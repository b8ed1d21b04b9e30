"""Parses the values of the keys by which a run is watched: status page and final command."""

from __future__ import annotations

import ipaddress
import re
import sys
from typing import NamedTuple

from cos_migrate.config.values import Secret
from cos_migrate.language import CODES

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")
_PORT_MOST = 65535
STATUS_ADDRESSES = "host:port, such as 127.0.0.1:8089 or [::1]:8089; port 0: any; or nothing"


class StatusAddress(NamedTuple):
    """Where the status page is served."""

    host: str
    """A name or an address, that of IPv6 without brackets."""
    port: int
    """0: any free one."""

    @classmethod
    def parse(cls, text: str) -> StatusAddress:
        """Return the address that a text names. Raises ValueError."""
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match[3]) > _PORT_MOST:
            raise ValueError(f"{text} is no address and port such as 127.0.0.1:8089")
        if match[1]:
            try:
                ipaddress.IPv6Address(match[1])
            except ValueError:
                raise ValueError(f"{match[1]} is no IPv6 address") from None
        return cls((match[1] or match[2]).lower(), int(match[3]))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def shown_host(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.shown_host}:{self.port}"


def finish_command(text: str) -> Secret:
    """Return a command, whose arguments may hold secrets. Raises ValueError."""
    if sys.platform != "win32":
        import shlex  # noqa: PLC0415 - rarely used

        try:
            words = shlex.split(text)
        except ValueError as error:
            raise ValueError(f"onFinish cannot be split into words: {error}") from None
        if not words or not words[0]:
            raise ValueError("onFinish names no program")
    return Secret(text)


def language_code(text: str) -> str:
    """Parse the code of a language in any case."""
    if text.lower() in CODES:
        return text.lower()
    raise ValueError(f"{text} is none of the languages")
