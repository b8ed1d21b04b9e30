"""Nothing that a listing or an answer holds can add a line to a request."""

from __future__ import annotations

import pytest

from cos_migrate.cos.requests import Access
from cos_migrate.cos.settings import CosSettings
from cos_migrate.errors import TransportError
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.http.request_head import encode_headers
from cos_migrate.http.routes import Route
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Credentials

BAD = ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rb", "\0", "a\x0bb", "\x7f", "\x1b[2J", "\udcff"]
ACCESS = Access(CosSettings("examplebucket-1250000000", "ap-guangzhou", Credentials("id", "key")))


@pytest.mark.parametrize("value", BAD)
def test_no_source_is_sent_it(value: str) -> None:
    fetcher = Fetcher(Timeouts())
    route = Route("localhost", 80)
    request = Request("GET", "http://localhost/a", (("Date", "x"), ("If-Match", f'"{value}"')))
    with pytest.raises(TransportError, match="the value of If-Match") as caught:
        fetcher.head_of(request, route)
    assert (caught.value.code, caught.value.retryable) == ("BadHeader", False)
    with pytest.raises(TransportError, match="path or query"):
        fetcher.head_of(Request("GET", f"http://localhost/{value}"), route)
    with pytest.raises(TransportError, match="path or query"):
        fetcher.head_of(Request("GET", "http://localhost/a HTTP/1.1"), route)


@pytest.mark.parametrize("value", BAD)
def test_cos_is_not_sent_it(value: str) -> None:
    headers = [("x-cos-copy-source-if-match", value)]
    with pytest.raises(TransportError, match="x-cos-copy-source-if-match") as caught:
        ACCESS.head(ACCESS.routes[0], "PUT", "/a", (), headers)
    assert caught.value.code == "BadHeader"
    with pytest.raises(TransportError, match="x-cos-copy-source-if-match"):
        ACCESS.put_form(headers, md5=True)
    # What stands in a path or in a parameter is escaped.
    if value.isascii():
        params = [("uploadId", value)]
        head = ACCESS.head(ACCESS.routes[0], "PUT", f"/{value}", params, ())
        assert head.count(b"\r\n") == ACCESS.head(
            ACCESS.routes[0], "PUT", "/a", [("uploadId", "a")], ()
        ).count(b"\r\n")


def test_what_a_header_may_hold() -> None:
    headers = [("a", "b\tc"), ("d", ""), ("e", "\u4e2d\u6587 \u200b")]
    assert encode_headers(headers) == "a: b\tc\r\nd: \r\ne: \u4e2d\u6587 \u200b\r\n".encode()
