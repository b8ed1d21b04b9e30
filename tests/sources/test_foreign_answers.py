"""Answers that proxies, firewalls and logins send in a cloud's place, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cos_migrate.cos.errors import error_of, incomplete_answer, is_foreign
from cos_migrate.errors import SourceError
from cos_migrate.http.messages import Response
from cos_migrate.http.web_pages import page_title
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.http_source import HttpSource
from cos_migrate.sources.qiniu.source import QiniuSource
from cos_migrate.sources.url_list.config import UrlListConfig
from cos_migrate.sources.url_list.source import UrlListSource
from tests.fakes.http_base import FakeServer
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import reply, scripted
from tests.sources.clouds import TARGET, AwsCloud, CosCloud, OssCloud, QiniuCloud, UpyunCloud

PAGE = b"<!DOCTYPE html><html><head><title>Blocked by ACME</title></head><body>no</body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}
OBJECT = SourceObject("a/b", "a/b", Fingerprint(-1))
STATUSES = [403, 404, 502, 503, 504]


def qiniu(server: FakeServer) -> QiniuSource:
    here = f"127.0.0.1:{server.port}"
    hosts: dict[str, Any] = dict.fromkeys(("end_point", "rs_host", "rsf_host", "uc_host"), here)
    return QiniuCloud(SimpleNamespace(port=0, domain="", uc="")).source(**hosts)


SOURCES: dict[str, Callable[[FakeServer], HttpSource]] = {
    "aws": lambda server: AwsCloud(server).source(),
    "ali": lambda server: OssCloud(server).source(),
    "qiniu": qiniu,
    "upyun": lambda server: UpyunCloud(server).source(),
    "cos": lambda server: CosCloud(server).source(),
}


def refused(call: Callable[[], object]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", SOURCES)
def test_a_page_in_the_place_of_an_object(name: str, status: int) -> None:
    with scripted(lambda _: reply(PAGE, status, HTML)) as server:
        source = SOURCES[name](server)

        def read() -> object:
            with source.open(OBJECT, 0, -1) as reader:
                return reader.read(10)

        for error in (refused(read), refused(lambda: source.describe(OBJECT))):
            assert (error.status, error.code) == (status, "ForeignAnswer")
            assert "a proxy or a firewall answers in the place of the source" in str(error)
            assert error.retryable is (status >= 500)
            assert not error.fatal
        assert '"Blocked by ACME"' in str(refused(read))
        assert "proxyHost" in str(refused(read))


@pytest.mark.parametrize("status", [403, 502, 503])
@pytest.mark.parametrize("name", SOURCES)
def test_a_page_in_the_place_of_a_listing(name: str, status: int) -> None:
    with scripted(lambda _: reply(PAGE, status, HTML)) as server:
        source = SOURCES[name](server)
        error = refused(lambda: list(source.scan()))
        assert error.code == "ForeignAnswer"
        assert '"Blocked by ACME"' in str(error)
        assert "proxyHost" in str(error)
        assert "permission" not in str(error)


@pytest.mark.parametrize("name", SOURCES)
def test_a_page_that_leads_elsewhere(name: str) -> None:
    led = {**HTML, "Location": "https://login.example/a?token=hush"}
    with scripted(lambda _: reply(PAGE, 302, led)) as server:
        source = SOURCES[name](server)
        error = refused(lambda: source.describe(OBJECT))
    assert error.code == "Redirected"
    assert "requests are redirected to https://login.example/a" in str(error)
    assert "proxyHost" in str(error)


@pytest.mark.parametrize("name", ["aws", "ali", "qiniu", "upyun"])
def test_a_proxy_that_wants_a_login(name: str) -> None:
    with scripted(lambda _: reply(PAGE, 407, HTML)) as server:
        source = SOURCES[name](server)
        error = refused(lambda: source.describe(OBJECT))
        assert error.code == "ProxyRefused"
        assert "proxyHost" in str(error)


def test_a_page_for_a_folder_of_upyun_is_not_a_folder_that_was_removed() -> None:
    def script(asked: Request) -> Answer:
        if asked.path.endswith("/sub/"):
            return reply(PAGE, 404, HTML)
        return reply(b'{"files":[{"name":"sub","type":"folder"}],"iter":"g2gCZAAEbmV4dGQAA2VvZg"}')

    with scripted(script) as server:
        source = SOURCES["upyun"](server)
        assert refused(lambda: list(source.scan())).code == "ForeignAnswer"


def test_a_page_with_a_request_id_is_the_clouds_own() -> None:
    own = {**HTML, "x-amz-request-id": "0123"}
    with scripted(lambda _: reply(PAGE, 403, own)) as server:
        assert refused(lambda: SOURCES["aws"](server).describe(OBJECT)).code == "Http403"


def test_the_page_of_a_web_server_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.touch()
    source = UrlListSource(UrlListConfig(urllist_path=str(path)), TARGET)
    with scripted(lambda _: reply(PAGE, 403, HTML)) as server:
        url = SourceObject(f"http://127.0.0.1:{server.port}/a", "a", Fingerprint(-1))
        assert refused(lambda: source.describe(url)).code == "Http403"


def response(status: int, body: bytes = b"", **headers: str) -> Response:
    told = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Response(status, told, body)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("body", "kind"),
    [(PAGE, "text/html"), (b"", "text/html"), (b"RBAC: access denied", "text/plain"), (b"no", "")],
)
def test_a_page_in_the_place_of_cos(status: int, body: bytes, kind: str) -> None:
    error = error_of(response(status, body, content_type=kind), "PutObject", "/a")
    assert (error.status, error.code) == (status, "ForeignAnswer")
    assert "a proxy or a firewall answers in the place of COS" in str(error)
    assert error.retryable is (status >= 500)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (response(403, b"<Error><Code>AccessDenied</Code></Error>"), "AccessDenied"),
        (response(403, x_cos_request_id="1"), "AccessDenied"),
        (response(404, x_cos_request_id="1", content_type="text/html"), "NoSuchKey"),
        (response(404), "NoSuchKey"),
        (response(404, content_type="application/xml"), "NoSuchKey"),
        (response(407, PAGE, content_type="text/html"), "ProxyRefused"),
        (response(302, PAGE, content_type="text/html", location="http://login/"), "WrongRegion"),
    ],
)
def test_what_is_no_page_in_the_place_of_cos(answer: Response, code: str) -> None:
    assert error_of(answer, "HeadObject", "/a").code == code


def test_a_page_that_looks_like_success() -> None:
    error = incomplete_answer(response(200, PAGE, content_type="text/html"), "PutObject", "/a")
    assert (error.status, error.code, error.retryable) == (200, "ForeignAnswer", True)
    assert '"Blocked by ACME"' in str(error)
    own = incomplete_answer(response(200, b"", x_cos_request_id="1"), "PutObject", "/a")
    assert own.code == "BadAnswer"


def test_a_login_that_requests_are_led_to() -> None:
    answer = response(302, PAGE, content_type="text/html", location="http://login/")
    assert is_foreign(answer)
    assert "a proxy wants a login: see http://login/" in str(error_of(answer, "PutObject", "/a"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><body><h1>403\n Forbidden</h1>by squid</body></html>", '"403 Forbidden by squid"'),
        (b"<title>\x1b[31mRed</title>", '"[31mRed"'),
        (b"<TITLE lang=en>http://user:pw@h/x?token=pw</TITLE>", '"http://***@h/x?***"'),
        (b"<title>" + b"x" * 1_000_000, f'"{"x" * 100}"'),
        (b"\xff\xfe\x00", '"\ufffd\ufffd"'),
        (b"", ""),
    ],
)
def test_the_words_of_a_page(body: bytes, words: str) -> None:
    assert page_title(body) == words
