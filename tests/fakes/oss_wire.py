"""Requests, errors and XML of the OSS server."""

from __future__ import annotations

import base64
import ipaddress
import itertools
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote
from xml.sax.saxutils import escape

from tests.fakes import messages

_numbers = itertools.count(1)


class OssError(Exception):
    """An error that OSS answers with: status, code, message and further elements."""

    def __init__(self, status: int, code: str, message: str, **more: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.more = status, code, message, more


@dataclass(frozen=True)
class Request:
    """A request and the place that it is for."""

    method: str
    params: list[tuple[str, str]]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    host: str
    """In lower case, without a port."""
    bucket: str
    key: str
    fault: str

    @classmethod
    def of(cls, request: messages.Request) -> Request:
        """Find bucket and key in host and path."""
        path = unquote(request.path, errors="surrogateescape")[1:]
        host = request.host
        if is_service(host):
            bucket, _, key = path.partition("/")
        else:
            bucket, key = host.partition(".")[0], path
        headers = dict(request.headers)
        return cls(
            request.method, request.params, headers, request.body, host, bucket, key, request.fault
        )


@dataclass
class Answer:
    """An answer before it is framed."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    request_id: str = field(default_factory=lambda: f"{next(_numbers):024X}")


def is_service(host: str) -> bool:
    """Return whether a host names a region or a machine, and not a bucket."""
    if host == "localhost" or (host.startswith("oss-") and host.endswith(".aliyuncs.com")):
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def error_answer(error: OssError, request: Request) -> Answer:
    """Return the answer for an error; HEAD gets the document in a header."""
    answer = Answer(error.status)
    inner = {
        "Code": error.code,
        "Message": error.message,
        "RequestId": answer.request_id,
        "HostId": request.host,
        **error.more,
    }
    body = document("Error", "".join(tag(name, value) for name, value in inner.items()))
    if error.status == HTTPStatus.NOT_MODIFIED:
        return answer
    if request.method == "HEAD":
        answer.headers["x-oss-err"] = base64.b64encode(body).decode()
    else:
        answer.headers["Content-Type"] = "application/xml"
        answer.body = body
    return answer


def document(name: str, inner: str) -> bytes:
    """Return an XML document."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}>{inner}</{name}>'
    return text.encode("utf-8", "surrogateescape")


def tag(name: str, text: str) -> str:
    """Return an element that holds text."""
    return f"<{name}>{escape(text)}</{name}>"
