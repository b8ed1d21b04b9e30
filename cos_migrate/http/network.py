"""Opens connections: name look-ups, tunnels through proxies, TLS."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from cos_migrate.descriptors import raise_if_exhausted
from cos_migrate.errors import Code, TransportError
from cos_migrate.http.channels import TlsChannel, transport_error
from cos_migrate.http.connection import Connection
from cos_migrate.http.opening import Opening
from cos_migrate.http.routes import Proxy, Route
from cos_migrate.http.time_limits import Timeouts

if TYPE_CHECKING:
    from cos_migrate.http.tls import TlsContext

_RESOLVE_TTL = 60.0

Addresses = list[tuple[int, tuple[str, int]]]
"""Pairs of family and (address, port)."""


class Resolver:
    """Looks up the addresses of hosts, each at most once a minute, and uses them in turn.

    While a look-up fails, the addresses of the last one are used.
    """

    def __init__(self) -> None:
        self._refreshing = threading.Lock()
        self._known: dict[tuple[str, int], tuple[float, Addresses]] = {}
        self._turn = itertools.count()

    def addresses(self, host: str, port: int) -> Addresses:
        """Return all addresses, each time with another one in front.

        Raises TransportError for an unknown name.
        """
        known = self._known.get((host, port))
        if known is None or known[0] < time.monotonic():
            known = self._look_up(host, port)
        return self._in_turn(known[1])

    def known_addresses(self, host: str, port: int) -> Addresses:
        """Return all known addresses without waiting; none for a name that was not looked up.

        Names that were are looked up again by a thread.
        """
        known = self._known.get((host, port))
        if known is None:
            return _loopback(host, port)
        if known[0] < time.monotonic() and self._refreshing.acquire(blocking=False):
            try:
                threading.Thread(target=self._refresh, args=(host, port), daemon=True).start()
            except RuntimeError:  # the system gives no more threads
                self._refreshing.release()
        return self._in_turn(known[1])

    def _refresh(self, host: str, port: int) -> None:
        try:
            self._look_up(host, port)
        finally:
            self._refreshing.release()

    def _look_up(self, host: str, port: int) -> tuple[float, Addresses]:
        earlier = self._known.get((host, port))
        try:
            found = _loopback(host, port) or _look_up(host, port)
        except TransportError:
            if earlier is None:
                raise
            found = earlier[1]  # a resolver that fails for a while must not stop transfers
        known = self._known[host, port] = (time.monotonic() + _RESOLVE_TTL, found)
        return known

    def _in_turn(self, pairs: Addresses) -> Addresses:
        first = next(self._turn) % len(pairs)
        return pairs[first:] + pairs[:first]


def _loopback(host: str, port: int) -> Addresses:
    """Return the address of a name that needs no look-up; nothing for all other names.

    Names below `localhost` are loopback on every system (RFC 6761). A bucket in front of an IPv4
    address (`bucket-1.127.0.0.1`) means that address.
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return [(socket.AF_INET, ("127.0.0.1", port))]
    head, _, rest = name.partition(".")
    if head and rest.count(".") == 3:  # noqa: PLR2004 - four numbers make an IPv4 address
        try:
            socket.inet_pton(socket.AF_INET, rest)
        except (OSError, UnicodeError):
            return []
        return [(socket.AF_INET, (rest, port))]
    return []


def _look_up(host: str, port: int) -> Addresses:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        # The errors of a resolver that cannot open a file or socket vary.
        raise_if_exhausted(error, "connect", host)
        raise TransportError(
            f"the name {host} cannot be resolved ({error})",
            operation="connect",
            target=host,
            code="NameNotResolved",
            retryable=True,
        ) from error
    return [(family, (str(address[0]), port)) for family, _, _, _, address in found]


class Network:
    """Opens the connections of a process: one resolver, one TLS context, the same time limits."""

    def __init__(self, timeouts: Timeouts, ca_file: str = "", *, lenient: bool = False) -> None:
        """`lenient`: accept answers that only browsers take for HTTP."""
        self.timeouts = timeouts
        self._lenient = lenient
        self._ca_file = ca_file
        self._resolver = Resolver()
        self._lock = threading.Lock()
        self._tls: TlsContext | None = None

    def connect(self, route: Route) -> Connection:
        """Open a connection. Raises TransportError."""
        via = route.proxy or route
        sock = self._dial(via.host, via.port)
        channel: socket.socket | TlsChannel = sock
        try:
            if route.tls:
                if route.proxy:
                    _open_tunnel(sock, route, route.proxy)
                    sock.settimeout(self.timeouts.connect)
                channel = self._secure(sock, route.host)
        except BaseException:
            sock.close()
            raise
        return Connection(channel, self.timeouts, lenient=self._lenient)

    def prepare(self, route: Route) -> None:
        """Look up the name and load the certificates that connections need.

        Raises TransportError.
        """
        via = route.proxy or route
        self._resolver.addresses(via.host, via.port)
        if route.tls:
            self._tls_context()

    def open(self, route: Route, now: float) -> Opening | None:
        """Begin to open a connection at time.monotonic() `now`, without waiting.

        None where only `connect` can: `prepare` was not called, a proxy has to open a tunnel, or
        answers are parsed leniently. Raises TransportError.
        """
        if self._lenient or (route.tls and (route.proxy or self._tls is None)):
            return None
        via = route.proxy or route
        addresses = self._resolver.known_addresses(via.host, via.port)
        if not addresses:
            return None
        tls = self._tls
        secure = partial(tls.secure, host=route.host, wait=False) if route.tls and tls else None
        family, address = addresses[0]
        return Opening(family, address, self.timeouts, now, secure)

    def remember(self, route: Route, connection: Connection) -> None:
        """Keep the TLS session of a connection for the next connection to its host."""
        if self._tls:
            self._tls.remember(route.host, connection.session)

    def _dial(self, host: str, port: int) -> socket.socket:
        last: OSError | None = None
        for family, address in self._resolver.addresses(host, port):
            try:
                sock = socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:
                raise transport_error(error, "connect", f"{host}:{port}") from error
            try:
                sock.settimeout(self.timeouts.connect)
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            except OSError as error:
                sock.close()
                last = error
            else:
                return sock
        raise transport_error(last or OSError("no address"), "connect", f"{host}:{port}") from last

    def _tls_context(self) -> TlsContext:
        with self._lock:
            if self._tls is None:
                from cos_migrate.http.tls import TlsContext  # noqa: PLC0415 - plain HTTP does without

                self._tls = TlsContext(self._ca_file)
            return self._tls

    def _secure(self, sock: socket.socket, host: str) -> TlsChannel:
        try:
            return self._tls_context().secure(sock, host)
        except (OSError, ValueError) as error:
            raise transport_error(error, "connect", host) from error


def _open_tunnel(sock: socket.socket, route: Route, proxy: Proxy) -> None:
    host = f"[{route.host}]" if ":" in route.host else route.host
    lines = [f"CONNECT {host}:{route.port} HTTP/1.1", f"Host: {host}:{route.port}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    tunnel = Connection(sock, Timeouts())
    answer = tunnel.exchange(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), no_body=True)
    if answer.status != 200:  # noqa: PLR2004 - the one status that opens a tunnel (RFC 9110)
        raise TransportError(
            f"the proxy {proxy.host}:{proxy.port} refused a tunnel to {host}",
            operation="connect",
            target=f"{proxy.host}:{proxy.port}",
            status=answer.status,
            code=Code.PROXY_REFUSED,
            retryable=answer.status >= 500,  # noqa: PLR2004
        )
