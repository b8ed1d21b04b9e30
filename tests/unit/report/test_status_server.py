"""The server of the status page, asked over sockets."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import NamedTuple

import pytest

from cos_migrate import signals
from cos_migrate.config.watching import StatusAddress
from cos_migrate.report.status import server as module
from cos_migrate.report.status.access_rules import AccessRules, Claims
from cos_migrate.report.status.board import Board
from cos_migrate.report.status.server import StatusServer

TOKEN = "the-token"
BEARER = f"Bearer {TOKEN}"
BASIC = f"Basic {base64.b64encode(f'me:{TOKEN}'.encode()).decode()}"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Asker:
    def __init__(self, server: StatusServer, board: Board) -> None:
        self.server = server
        self.board = board
        self.port = server.port

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Asker]:
    board = Board()
    server = StatusServer(StatusAddress(host, 0), board, TOKEN)
    server.start()
    yield Asker(server, board)
    server.close()
    server.join()


@pytest.fixture
def asker() -> Iterator[Asker]:
    with serving() as asker:
        yield asker


def test_the_status_of_a_start_without_a_run(asker: Asker) -> None:
    asker.board.warn("a\u202eb")
    answer = asker.ask("GET", "/status.json")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    data = json.loads(answer.body)
    assert data["run"] is None
    assert data["paused"] is False
    assert [each["message"] for each in data["warnings"]] == ["a\\u202eb"]


def test_every_answer_forbids_foreign_content_and_caches(asker: Asker) -> None:
    for answer in (asker.ask("GET", "/status.json"), asker.ask("PUT", "/"), asker.ask("GET", "/x")):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Python" not in answer.headers["Server"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("HEAD", "/status.json", 200), ("GET", "/x", 404), ("POST", "/x", 404), ("PUT", "/", 501)],
)
def test_other_requests(asker: Asker, method: str, path: str, status: int) -> None:
    assert asker.ask(method, path, {"Authorization": BEARER}).status == status


@pytest.mark.parametrize(
    ("host", "origin", "legal"),
    [
        ("127.0.0.1:8089", None, True),
        ("LocalHost:8089", None, True),
        ("[::1]:8089", "http://[::1]:8089", True),
        ("127.0.0.1:8089", "http://127.0.0.1:8089", True),
        ("127.0.0.1:8089", "http://localhost:8089", False),
        ("127.0.0.1:8089", "https://127.0.0.1:8089", False),
        ("127.0.0.1:8089", "null", False),
        ("127.0.0.1", None, False),
        ("127.0.0.1:80", None, False),
        ("evil.example:8089", None, False),
        ("evil.example:8089", "http://evil.example:8089", False),
        ("10.0.0.1:8089", None, False),
        (None, None, False),
    ],
)
def test_which_places_a_request_may_come_from(
    host: str | None, origin: str | None, legal: bool
) -> None:
    rules = AccessRules({"127.0.0.1", "localhost", "[::1]"}, 8089, TOKEN, is_public=False)
    hosts, origins = ([] if value is None else [value] for value in (host, origin))
    claims = Claims(hosts, origins, [BEARER], "10.0.0.1")
    for changes in (False, True):
        assert rules.refusal(claims, changes=changes) == (None if legal else 403)


def test_two_hosts_are_none() -> None:
    rules = AccessRules({"localhost"}, 80, TOKEN, is_public=False)
    for hosts, refusal in ((["localhost"], None), (["localhost", "localhost"], 403)):
        assert rules.refusal(Claims(hosts, [], [], ""), changes=False) == refusal


@pytest.mark.parametrize(
    ("given", "reads", "changes"),
    [
        ([], False, False),
        ([BEARER], True, True),
        ([BASIC], True, False),
        ([BEARER, BEARER], False, False),
        ([f"Bearer {TOKEN}x"], False, False),
        (["Bearer"], False, False),
        (["Basic ???"], False, False),
        ([f"Digest {TOKEN}"], False, False),
    ],
)
def test_what_needs_the_token(given: list[str], reads: bool, changes: bool) -> None:
    own, public = (
        AccessRules({"a"}, 8089, TOKEN, is_public=is_public) for is_public in (False, True)
    )
    claims = Claims(["a:8089"], [], given, "10.0.0.1")
    assert own.refusal(claims, changes=False) is None
    assert public.refusal(claims, changes=False) == (None if reads else 401)
    for rules in (own, public):
        assert rules.refusal(claims, changes=True) == (None if changes else 401)


def test_the_address_that_a_request_reached_is_no_foreign_host() -> None:
    rules = AccessRules({"0.0.0.0"}, 8089, TOKEN, is_public=True)
    claims = Claims(["10.0.0.1:8089"], ["http://10.0.0.1:8089"], [BEARER], "10.0.0.1")
    assert rules.refusal(claims, changes=True) is None


def test_an_address_that_others_reach_asks_browsers_for_the_token() -> None:
    with serving("0.0.0.0") as asker:
        refused = asker.ask("GET", "/status.json")
        assert refused.status == 401
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")
        for value in (BASIC, BEARER):
            assert asker.ask("GET", "/status.json", {"Authorization": value}).status == 200
        assert asker.ask("GET", "/status.json", {"Host": "evil.example"}).status == 403


def test_a_taken_address() -> None:
    with serving() as asker, pytest.raises(OSError, match="in use"):
        StatusServer(StatusAddress("127.0.0.1", asker.port), Board(), TOKEN)


def test_too_many_connections_are_closed_and_leave_no_trace(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CONNECTIONS_MOST", 2)
    address = ("127.0.0.1", asker.port)
    with (
        socket.create_connection(address, 60) as one,
        socket.create_connection(address, 60) as two,
        socket.create_connection(address, 60) as third,
    ):
        assert third.recv(1) == b""
        for each in (one, two):
            each.sendall(b"GET /status.json HTTP/1.0\r\nHost: localhost:%d\r\n\r\n" % asker.port)
            while each.recv(65536):
                pass
    assert asker.ask("GET", "/status.json").status == 200


def test_a_client_that_never_ends_its_request_is_cut_off(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST", 0.0)
    with socket.create_connection(("127.0.0.1", asker.port), 60) as slow:
        slow.sendall(b"GET / HT")
        assert slow.recv(1) == b""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no masks of signals")
def test_its_threads_get_no_signals() -> None:
    masks = []

    def note_mask() -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))

    with signals.kept_from_new_threads():
        thread = threading.Thread(target=note_mask)
        thread.start()
    thread.join()
    note_mask()
    in_thread, afterwards = masks
    assert {signal.SIGINT, signal.SIGTERM} <= in_thread
    assert signal.SIGINT not in afterwards


def test_the_end_does_not_wait_for_clients() -> None:
    with serving() as asker, socket.create_connection(("127.0.0.1", asker.port)):
        pass
    names = {thread.name for thread in threading.enumerate()}
    assert "status" not in names
