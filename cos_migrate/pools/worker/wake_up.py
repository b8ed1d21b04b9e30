"""Wakes a thread that waits for events."""

from __future__ import annotations

import selectors
import socket


class WakeUp:
    """A pair of sockets; what is sent over it is an event whose `data` is None."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        selector.register(self._receiver, selectors.EVENT_READ, None)

    def wake(self) -> None:
        """End a `select`; may be called from any thread."""
        try:
            self._sender.send(b"!")
        except (BlockingIOError, OSError):
            pass  # a wake-up is pending already, or the loop has ended

    def clear(self) -> None:
        """Take the event."""
        self._receiver.recv(4096)

    def close(self) -> None:
        """Close the sockets."""
        self._receiver.close()
        self._sender.close()
