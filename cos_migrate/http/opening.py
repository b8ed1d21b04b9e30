"""Connections that are opened without waiting, for a thread that drives many of them."""

from __future__ import annotations

import errno
import os
import selectors
import socket
from collections.abc import Callable

from cos_migrate.errors import TransportError
from cos_migrate.http.channels import TlsChannel, WantsRead, WantsWrite, transport_error
from cos_migrate.http.connection import Connection
from cos_migrate.http.time_limits import Timeouts

_UNDER_WAY = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK})
"""What `connect_ex` returns for a connection that can still succeed."""


class Opening:
    """A connection that is being opened to one address; any failure closes it."""

    __slots__ = ("_channel", "_deadline", "_handshake", "_is_connected", "_target", "_timeouts")

    def __init__(
        self,
        family: int,
        address: tuple[str, int],
        timeouts: Timeouts,
        now: float,
        secure: Callable[[socket.socket], TlsChannel] | None = None,
    ) -> None:
        """Begin to connect at time.monotonic() `now`.

        `secure` begins TLS over a connected socket. Raises TransportError.
        """
        self._target = f"{address[0]}:{address[1]}"
        self._timeouts = timeouts
        self._deadline = now + timeouts.connect
        self._handshake = secure
        self._is_connected = False
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise transport_error(error, "connect", self._target) from error
        self._channel: socket.socket | TlsChannel = sock
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code not in _UNDER_WAY:
            raise self._failed(OSError(code, os.strerror(code)))

    @property
    def events(self) -> int:
        """The events of `selectors` to wait for before `advance` is called."""
        return selectors.EVENT_READ if self._is_connected else selectors.EVENT_WRITE

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is closed."""
        return self._channel.fileno()

    def overdue(self, now: float) -> bool:
        """Return whether it takes too long; `now` is of `time.monotonic`."""
        return now >= self._deadline

    def close(self) -> None:
        """Close the socket."""
        self._channel.close()

    def advance(self) -> Connection | None:
        """Go on without waiting; return the connection once it is open. Raises TransportError."""
        try:
            if not self._is_connected:
                self._confirm_connected()
            if isinstance(self._channel, socket.socket):
                return Connection(self._channel, self._timeouts)
            self._channel.shake_hands()
        except (WantsRead, WantsWrite):
            return None  # what is written fits into the socket's buffer
        except (OSError, ValueError) as error:
            raise self._failed(error) from error
        return Connection(self._channel, self._timeouts)

    def _confirm_connected(self) -> None:
        """Prepare the connected socket. Raises OSError."""
        sock = self._channel
        assert isinstance(sock, socket.socket)  # noqa: S101 - TLS begins below
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._is_connected = True
        if self._handshake:
            self._channel = self._handshake(sock)

    def _failed(self, error: Exception) -> TransportError:
        self.close()
        return transport_error(error, "connect", self._target)
