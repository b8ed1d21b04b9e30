"""A server whose answers a test writes itself: what no honest cloud would send."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tests.fakes.http_base import FakeServer
from tests.fakes.messages import Answer, Request

Script = Callable[[Request], "Answer | None"]
"""Makes the answer to a request; None: the connection is closed without one."""


class Scripted(FakeServer):
    """The running server; operations are methods."""

    reads = "GET"
    header_encoding = "latin-1"

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.asked_for: list[Request] = []
        self._script = script

    def operation(self, request: Request) -> tuple[str, str]:
        self.asked_for.append(request)
        return request.method, request.path

    def answer(self, operation: str, key: str, request: Request) -> Answer | None:  # noqa: ARG002
        return self._script(request)


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """Serve the answers of `script` on a port of the loopback."""
    with Scripted(script) as server:
        yield server


def reply(
    body: bytes = b"",
    status: int = 200,
    headers: dict[str, str] | None = None,
    *,
    length: bool = True,
    cut: int = -1,
) -> Answer:
    """Return an answer; without `length` its body ends with the connection."""
    framing = "length" if length else "close"
    return Answer(status, headers or {}, body, framing=framing, cut=cut)
