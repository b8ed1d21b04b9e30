"""The interface of TLS channels, and TransportErrors for errors of sockets."""

from __future__ import annotations

from typing import Protocol

from cos_migrate.descriptors import exhaustion_code, exhaustion_error
from cos_migrate.errors import TransportError
from cos_migrate.http.parser import BadAnswer


class WantsRead(BlockingIOError):
    """TLS must receive before it can send."""


class WantsWrite(BlockingIOError):
    """TLS must send before it can receive."""


class TlsFailed(OSError):
    """The TLS protocol failed; `untrusted`: the certificate is not trusted."""

    def __init__(self, reason: str, *, untrusted: bool = False) -> None:
        super().__init__(reason)
        self.untrusted = untrusted


class TlsChannel(Protocol):
    """TLS over a socket, with the interface of a non-blocking socket.

    Calls that would block raise WantsRead or WantsWrite; all other errors are OSErrors.
    """

    @property
    def session(self) -> object:
        """The TLS session, for a short handshake of the next connection; None: there is none."""

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001 - as a socket has it
        """Accept False: calls never block."""

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is closed."""

    def close(self) -> None:
        """Close the socket."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Send what can be sent now; return the number of bytes."""

    def recv(self, size: int, /) -> bytes:
        """Return received bytes, at most `size`; none at the end."""

    def shake_hands(self) -> None:
        """Go on with the handshake; return once it is complete."""

    def pending(self) -> int:
        """Return the number of bytes that are decrypted already."""


def transport_error(error: Exception, operation: str, target: str) -> TransportError:
    """Return the TransportError for an error of a socket; its `code` is counted in the report."""
    lacking = exhaustion_code(error)
    if lacking:
        return exhaustion_error(lacking, operation, target)
    code, retryable = "ConnectionBroken", True
    if isinstance(error, TlsFailed) and error.untrusted:
        code, retryable = "CertificateInvalid", False
        text = f"the certificate of {target} is not trusted ({error})"
    elif isinstance(error, TlsFailed):
        code, text = "TlsFailed", f"no TLS connection to {target} ({error})"
    elif isinstance(error, BadAnswer):
        code, text = "BadAnswer", str(error)
    elif isinstance(error, TimeoutError):
        code, text = "Timeout", f"{target} did not answer in time"
    elif isinstance(error, ConnectionRefusedError):
        code, text = "ConnectionRefused", f"{target} refused the connection"
    elif isinstance(error, (ConnectionResetError, BrokenPipeError)):
        code, text = "ConnectionReset", f"{target} broke the connection off"
    else:
        text = f"{target}: {error}"
    return TransportError(text, operation=operation, target=target, code=code, retryable=retryable)
