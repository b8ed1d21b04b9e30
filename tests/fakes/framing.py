"""Answers of the test clouds as bytes, with the effect of a fault on them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus

from tests.fakes.faults import Fault
from tests.fakes.messages import Answer, Request, http_date

_NO_BODY = frozenset({204, 304})
_FRAMING = frozenset({"content-length", "transfer-encoding"})


@dataclass(frozen=True)
class Reply:
    """An answer as it goes out."""

    head: bytes
    body: bytes
    sent: int
    broken_off: bool
    stays: bool

    @classmethod
    def of(cls, request: Request, answer: Answer, fault: Fault | None, encoding: str) -> Reply:
        """Return an answer with the effect of a fault."""
        body = b"" if request.method == "HEAD" or answer.status in _NO_BODY else answer.body
        whole, cut = len(body), answer.cut
        at = fault.at if fault is not None and fault.at >= 0 else whole // 2
        if fault is not None and fault.kind == "flip" and body:
            at = min(at, whole - 1)
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        elif fault is not None and fault.kind == "cut":
            cut = at
        broken_off = 0 <= cut < whole
        body = body[:cut] if broken_off else body
        sent = len(body)
        names = {name.lower() for name in answer.headers}
        headers = dict(answer.headers)
        if answer.framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
            if request.method != "HEAD":
                body = b"%x\r\n%b\r\n" % (sent, body) if body else b""
                body += b"" if broken_off else b"0\r\n\r\n"
        elif answer.framing == "close":
            headers["Connection"] = "close"
        elif answer.framing == "length" and not (answer.status in _NO_BODY or names & _FRAMING):
            length = answer.length if answer.length >= 0 else len(answer.body)
            headers["Content-Length"] = str(length)
        if "date" not in names:
            headers["Date"] = http_date(time.time())
        try:
            phrase = HTTPStatus(answer.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {answer.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode(encoding, "surrogateescape")
        stays = not broken_off and answer.framing != "close"
        return cls(head, body, sent, broken_off, stays)
