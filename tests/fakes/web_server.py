"""A plain file server on the loopback, over HTTP and HTTPS.

It knows no more than RFC 9110 of files: HEAD, ranges, validators, Basic credentials, redirects.
"""

from __future__ import annotations

import base64
import email.utils
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from tests.fakes.faults import Fault
from tests.fakes.http_base import FakeServer
from tests.fakes.messages import Answer, Request

__all__ = ["Fault", "Page", "WebServer"]

_START = 1_700_000_000


@dataclass
class Page:
    """What lies under a path."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    modified: int = _START
    """Seconds since 1970; 0: no Last-Modified."""
    etag: str = ""
    """With its quotes; empty: no ETag."""
    redirect: tuple[int, str] | None = None
    """A status and a Location instead of the body."""
    users: Mapping[str, str] = field(default_factory=dict)
    """Users with their passwords who may read it; empty: all may."""


class WebServer(FakeServer):
    """Serves `pages`, whose names are decoded paths; operations are methods, keys are paths."""

    reads = "GET"
    header_encoding = "latin-1"

    def __init__(self, *, tls: tuple[str, str] | None = None) -> None:
        """`tls`: files of a certificate and its key."""
        context: ssl.SSLContext | None = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
        super().__init__(tls=context)
        self.pages: dict[str, Page] = {}
        self.ranges = True
        """Whether ranges are honoured."""
        self.lengths = True
        """Whether lengths are sent; bodies are chunked otherwise."""
        self.head_lengths: str | None = None
        """Content-Length of HEAD instead of the right one; empty: none."""
        self.head_status = 0
        """Status of HEAD; 0: as it should be."""
        self.closing = False
        """Whether bodies without length end with the connection (HTTP/1.0)."""

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    @property
    def cuts_reset(self) -> bool:  # type: ignore[override]
        return not self.closing

    def put(self, path: str, body: bytes, **more: object) -> Page:
        """Place a page, or replace it by one that is a second younger."""
        page = Page(body, **more)  # type: ignore[arg-type]
        old = self.pages.get(path)
        if old and page.modified == _START:
            page.modified = old.modified + 1
        self.pages[path] = page
        return page

    def operation(self, request: Request) -> tuple[str, str]:
        return request.method, unquote(request.path, errors="surrogateescape")

    def refusal(self, fault: Fault, request: Request) -> Answer:  # noqa: ARG002
        return _error(fault.status)

    def answer(self, operation: str, key: str, request: Request) -> Answer:
        page = self.pages.get(key)
        if page is None:
            return _error(404)
        if page.users and not _may_read(page.users, request):
            return _error(401)
        if page.redirect:
            return Answer(page.redirect[0], {"Location": page.redirect[1]})
        if operation == "HEAD" and self.head_status:
            return _error(self.head_status)
        if not _matches(page, request):
            return _error(412)
        return self._content(page, request)

    def _content(self, page: Page, request: Request) -> Answer:
        size = len(page.body)
        headers = {"Content-Type": "application/octet-stream", **page.headers}
        if page.modified:
            headers["Last-Modified"] = email.utils.formatdate(page.modified, usegmt=True)
        if page.etag:
            headers["ETag"] = page.etag
        status, start, end = 200, 0, size
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if found and self.ranges:
            status, start, end = 206, int(found[1]), min(int(found[2]) + 1, size)
            if start >= size:
                return _error(416)
            first = start + 1 if request.fault == "foreign-range" else start
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
        body = page.body[start:end]
        answer = Answer(status, headers, body, length=len(body))
        if request.method == "HEAD" and self.head_lengths is not None:
            if self.head_lengths:
                headers["Content-Length"] = self.head_lengths
                return answer
            return replace(answer, framing="none")
        if not self.lengths:
            answer = replace(answer, framing="close" if self.closing else "chunked")
        if request.fault == "longer":
            answer = replace(answer, body=body + b"!")
        return answer


def _matches(page: Page, request: Request) -> bool:
    match = request.headers.get("if-match")
    if match:
        return match == page.etag and not match.startswith("W/")
    since = request.headers.get("if-unmodified-since")
    if since and page.modified:
        return page.modified <= email.utils.parsedate_to_datetime(since).timestamp()
    return True


def _may_read(users: Mapping[str, str], request: Request) -> bool:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    name, _, password = base64.b64decode(token).decode().partition(":")
    return kind == "Basic" and users.get(name) == password


def _error(status: int) -> Answer:
    return Answer(status, {"Content-Type": "text/html"}, b"<html>no</html>")
