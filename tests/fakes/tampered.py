"""A proxy in front of a server that changes its answers, or answers in its place."""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.fakes.http_base import FakeServer
from tests.fakes.messages import Answer, Request


@dataclass
class Asked:
    """One request; changes of `headers` are made for the server, too."""

    method: str
    target: str
    """Path and query as they came over the wire."""
    headers: dict[str, str]
    """Names in lower case."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class Answered:
    """One answer; `content-length` is that of the body where it is not among the headers."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


Refuse = Callable[[Asked], "Answered | None"]
"""Answers a request in place of the server; None: the request is forwarded."""
Alter = Callable[[Asked, Answered], Answered]
"""Returns what is sent instead of an answer."""


class Tampered(FakeServer):
    """The running proxy; its behaviour can be changed at any time. Operations are methods."""

    reads = "GET"
    header_encoding = "latin-1"

    def __init__(self, upstream: int, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.refuse: Refuse = lambda _: None
        self.alter: Alter = lambda _, answered: answered
        self._upstream = upstream

    def operation(self, request: Request) -> tuple[str, str]:
        return request.method, request.path

    def answer(self, operation: str, key: str, request: Request) -> Answer:  # noqa: ARG002
        target = f"http://{request.authority}{request.target}" if request.proxied else ""
        asked = Asked(request.method, target or request.target, dict(request.headers))
        answered = self.refuse(asked)
        if answered is None:
            answered = self.alter(asked, self._forwarded(asked))
        headers = {k: v for k, v in answered.headers.items() if k != "transfer-encoding"}
        framing = "chunked" if "transfer-encoding" in answered.headers else "length"
        return Answer(answered.status, headers, answered.body, framing=framing)

    def _forwarded(self, asked: Asked) -> Answered:
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=120)
        with contextlib.closing(upstream):
            upstream.putrequest(
                asked.method, asked.target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in asked.headers.items():
                if name != "connection":
                    upstream.putheader(name, value)
            upstream.endheaders()
            answer = upstream.getresponse()
            body = answer.read()
            left = {"connection", "transfer-encoding"}
            headers = {
                name.lower(): value
                for name, value in answer.getheaders()
                if name.lower() not in left
            }
            return Answered(answer.status, headers, body)


@contextlib.contextmanager
def tampered(upstream: int) -> Iterator[Tampered]:
    """Serve what the server at a port of the loopback serves, as long as nothing is changed."""
    with Tampered(upstream) as server:
        yield server
