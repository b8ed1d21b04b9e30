"""What a connection runs over, plain sockets aside, and how trouble with one is described."""

from __future__ import annotations

from typing import Protocol

from cos_migrate.descriptors import code_of, none_left
from cos_migrate.errors import TransportError
from cos_migrate.http.parser import BadAnswer


class WantsRead(BlockingIOError):
    """Nothing can be sent before something is received."""


class WantsWrite(BlockingIOError):
    """Nothing can be received before something is sent."""


class TlsFailed(OSError):
    """TLS itself has failed; `untrusted`: the certificate is to blame."""

    def __init__(self, reason: str, *, untrusted: bool = False) -> None:
        super().__init__(reason)
        self.untrusted = untrusted


class TlsChannel(Protocol):
    """TLS over a socket, used like one that does not block.

    What cannot be done at once raises WantsRead or WantsWrite, all other trouble an OSError.
    """

    @property
    def session(self) -> object:
        """What makes the next handshake with the same host short; None when there is nothing."""

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001 - as a socket has it
        """Say whether calls wait; here they never do."""

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is closed."""

    def close(self) -> None:
        """Close the socket."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Send what can be sent now; return how many bytes that were."""

    def recv(self, size: int, /) -> bytes:
        """Return what has arrived, at most `size` bytes; none at the end."""

    def pending(self) -> int:
        """Return how many bytes can be received although the socket has none."""


def transport_error(error: Exception, operation: str, target: str) -> TransportError:
    """Translate what a socket raised; `code` sorts it for the report."""
    lacking = code_of(error)
    if lacking:
        return none_left(lacking, operation, target)
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
