"""Opening connections without waiting: as `Network.connect` does it, step by step."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
import trustme

from cos_migrate.errors import TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.network import Network, Resolver
from cos_migrate.http.opening import Opening
from cos_migrate.http.routes import Proxy, Route
from cos_migrate.http.time_limits import Timeouts
from tests.unit.http.test_http import OK, answering, put, serving

LIMIT = 60.0


def finish(opening: Opening) -> Connection:
    """Drive an opening to its end, as an event loop does."""
    deadline = time.monotonic() + LIMIT
    with selectors.DefaultSelector() as selector:
        selector.register(opening, opening.events, opening)
        while time.monotonic() < deadline:
            if selector.select(LIMIT):
                connection = opening.advance()
                if connection:
                    return connection
                selector.modify(opening, opening.events, opening)
    raise AssertionError


def begin(network: Network, route: Route) -> Opening:
    opening = network.open(route, time.monotonic())
    assert opening
    return opening


def test_a_plain_connection() -> None:
    with serving(answering(OK, OK)) as port:
        connection = finish(begin(Network(Timeouts()), Route("localhost", port)))
        assert put(connection).status == 200
        assert put(connection).body == b"ok"
        connection.close()


@pytest.mark.parametrize("trusted", [True, False])
def test_a_connection_over_tls(tmp_path: Path, trusted: bool) -> None:
    authority, other = trustme.CA(), trustme.CA()
    (authority if trusted else other).cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("a.localhost").configure_cert(context)

    def handle(sock: socket.socket) -> None:
        try:
            secured = context.wrap_socket(sock, server_side=True)
        except OSError:
            assert not trusted
            return
        with secured:
            answering(OK)(secured)

    network = Network(Timeouts(), str(tmp_path / "ca.pem"))
    with serving(handle) as port:
        route = Route("a.localhost", port, tls=True)
        assert network.open(route, 0.0) is None, "the certificates are not loaded yet"
        network.prepare(route)
        opening = begin(network, route)
        if trusted:
            connection = finish(opening)
            assert put(connection).status == 200
            connection.close()
            return
        with pytest.raises(TransportError) as caught:
            finish(opening)
        assert caught.value.code == "CertificateInvalid"
        assert opening.fileno() == -1


def test_a_refused_connection_is_an_error_and_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    opening = begin(Network(Timeouts()), Route("localhost", port))
    with pytest.raises(TransportError) as caught:
        finish(opening)
    assert (caught.value.code, caught.value.operation) == ("ConnectionRefused", "connect")
    assert opening.fileno() == -1


def test_it_may_take_as_long_as_any_connection() -> None:
    with serving(answering()) as port:
        opening = Network(Timeouts(connect=5.0)).open(Route("localhost", port), 100.0)
        assert opening
        assert not opening.overdue(104.9)
        assert opening.overdue(105.0)
        opening.close()


def test_a_tunnel_and_an_unknown_name_are_left_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(Timeouts())
    assert network.open(Route("bucket.example", 80), 0.0) is None
    proxied = Route("bucket.example", 443, tls=True, proxy=Proxy.of("localhost", 1))
    network.prepare(proxied)
    assert network.open(proxied, 0.0) is None
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address])
    network.prepare(Route("bucket.example", 80))
    opening = begin(network, Route("bucket.example", 80))
    opening.close()


def test_a_name_is_looked_up_again_beside_the_transfers(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, go_on = threading.Semaphore(0), threading.Event()
    clock = [100.0]

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        number = 1 if clock[0] < 160 else 2
        if number > 1:
            assert go_on.wait(LIMIT)
        looked.release()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{number}", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr("cos_migrate.http.network.time.monotonic", lambda: clock[0])
    resolver = Resolver()
    assert resolver.known_addresses("bucket.example", 80) == []
    first = resolver.addresses("bucket.example", 80)
    assert looked.acquire(timeout=LIMIT)
    clock[0] = 161.0
    for _ in range(3):
        assert resolver.known_addresses("bucket.example", 80) == first
    go_on.set()
    assert looked.acquire(timeout=LIMIT)
    for thread in threading.enumerate():
        if thread.daemon and thread.name.endswith("(_refresh)"):
            thread.join(LIMIT)
    assert resolver.known_addresses("bucket.example", 80) == [(socket.AF_INET, ("192.0.2.2", 80))]
    assert not looked.acquire(blocking=False), "it was looked up once"
