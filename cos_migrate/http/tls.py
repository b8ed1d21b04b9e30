"""TLS over sockets, by the standard library; loaded for routes with TLS only."""

from __future__ import annotations

import socket
import ssl
import threading

import certifi

from cos_migrate.descriptors import exhaustion_error, is_exhausted, raise_if_exhausted
from cos_migrate.errors import TransportError
from cos_migrate.http.channels import TlsFailed, WantsRead, WantsWrite


class TlsContext:
    """Certificates and sessions that all TLS connections of a process share."""

    def __init__(self, ca_file: str) -> None:
        """`ca_file`: CA certificates, trusted besides the public ones. Raises TransportError."""
        self._context = trusting_context(ca_file)
        self._lock = threading.Lock()
        self._sessions: dict[str, ssl.SSLSession] = {}

    def secure(self, sock: socket.socket, host: str, *, wait: bool = True) -> TlsSocket:
        """Perform a handshake over a blocking socket, or leave it to `shake_hands` without `wait`.

        Raises OSError and ValueError.
        """
        with self._lock:
            session = self._sessions.get(host)
        try:
            return TlsSocket(
                self._context.wrap_socket(
                    sock, server_hostname=host, session=session, do_handshake_on_connect=wait
                )
            )
        except ssl.SSLError as error:
            raise _channel_error(error) from error

    def remember(self, host: str, session: object) -> None:
        """Keep a session for the next connection to its host."""
        if isinstance(session, ssl.SSLSession):
            with self._lock:
                self._sessions[host] = session


class TlsSocket:
    """A `TlsChannel` over an `ssl.SSLSocket`."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self.setblocking = sock.setblocking
        self.fileno = sock.fileno
        self.close = sock.close
        self.pending = sock.pending

    @property
    def session(self) -> object:
        """The session, once there is one."""
        return self._sock.session

    def shake_hands(self) -> None:
        """Go on with the handshake; return once it is complete."""
        try:
            self._sock.do_handshake()
        except ssl.SSLError as error:
            raise _channel_error(error) from error

    def send(self, data: bytes | memoryview, /) -> int:
        """Send what can be sent now; return the number of bytes."""
        try:
            return self._sock.send(data)
        except ssl.SSLError as error:
            raise _channel_error(error) from error

    def recv(self, size: int, /) -> bytes:
        """Return received bytes, at most `size`; none at the end."""
        try:
            return self._sock.recv(size)
        except ssl.SSLEOFError:
            return b""
        except ssl.SSLError as error:
            raise _channel_error(error) from error


def _channel_error(error: ssl.SSLError) -> WantsRead | WantsWrite | TlsFailed:
    if isinstance(error, ssl.SSLWantReadError):
        return WantsRead()
    if isinstance(error, ssl.SSLWantWriteError):
        return WantsWrite()
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsFailed(error.verify_message, untrusted=True)
    return TlsFailed(error.reason or str(error))


def trusting_context(ca_file: str) -> ssl.SSLContext:
    """Return a context that trusts the public authorities and those in `ca_file`.

    Both, so that one setting serves a private COS with a public source, and the reverse. Raises
    TransportError.
    """
    if is_exhausted():  # `ssl` leaves out certificate files that cannot be opened
        raise exhaustion_error("EMFILE", "connect", ca_file)
    try:
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        if ca_file:
            context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise_if_exhausted(error, "connect", ca_file)
        raise TransportError(
            f"the CA certificates in {ca_file or 'the system store'} cannot be loaded ({error})",
            operation="connect",
            target=ca_file,
            code="CertificateStore",
            fatal=True,
        ) from error
    return context
