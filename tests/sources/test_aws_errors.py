"""What is wrong with [migrateAws], or with the service: one message that says where to look."""

from __future__ import annotations

import datetime as dt
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from cos_migrate.config.values import Secret
from cos_migrate.errors import SourceError
from cos_migrate.http.retries import Retries
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.s3.aws import AwsSource
from tests.fakes.messages import Answer, Request
from tests.fakes.s3_server import BUCKET, KEY, Fault, S3Server
from tests.fakes.scripted import reply, scripted
from tests.sources.contract import content, objects, only
from tests.sources.s3_sources import TARGET, config_for, source_of


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


def failed_listing(source: AwsSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        objects(source)
    assert KEY not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"
    return caught.value


@pytest.mark.parametrize(
    ("wrong", "code", "where"),
    [
        ({"access_key_id": Secret("nobody")}, "InvalidAccessKeyId", "accessKeyId"),
        ({"access_key_secret": Secret("wrong")}, "SignatureDoesNotMatch", "accessKeySecret"),
        ({"bucket": "another-bucket"}, "NoSuchBucket", "bucket"),
    ],
)
def test_wrong_settings(s3: S3Server, wrong: dict[str, Any], code: str, where: str) -> None:
    error = failed_listing(source_of(s3, **wrong))
    assert error.code == code
    assert f"[migrateAws] {where}" in str(error)
    assert error.fatal
    assert not error.retryable


def test_no_permission_to_list(s3: S3Server) -> None:
    s3.denied.add("ListObjectsV2")
    error = failed_listing(source_of(s3))
    assert (error.status, error.code) == (403, "AccessDenied")
    assert "[migrateAws] accessKeyId" in str(error)


def test_an_endpoint_that_nothing_answers(s3: S3Server) -> None:
    error = failed_listing(source_of(s3, end_point="127.0.0.1:1"))
    assert error.code == "ConnectionRefused"
    assert "[migrateAws] endPoint" in str(error)


class _Portal(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html><body>Welcome!</body></html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_an_endpoint_that_is_no_s3(s3: S3Server) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Portal) as portal:
        thread = threading.Thread(target=portal.handle_request)
        thread.start()
        error = failed_listing(source_of(s3, end_point=f"127.0.0.1:{portal.server_address[1]}"))
        thread.join()
    assert error.code == "BadAnswer"
    assert "[migrateAws] endPoint" in str(error)


@pytest.mark.parametrize(
    ("end_point", "message"),
    [
        ("s3.us-west-2.amazonaws.com", "endPoint=s3.eu-west-1.amazonaws.com"),
        ("s3.amazonaws.com", "endPoint=s3.eu-west-1.amazonaws.com"),
        ("s3.dualstack.us-east-1.amazonaws.com", "endPoint=s3.eu-west-1.amazonaws.com"),
    ],
)
def test_the_wrong_region_of_aws(end_point: str, message: str) -> None:
    with S3Server("eu-west-1") as s3:
        words: dict[str, Any] = {"proxy_host": "127.0.0.1", "proxy_port": s3.port}
        error = failed_listing(source_of(s3, end_point=end_point, **words))
        assert message in str(error)
        assert "[migrateAws] endPoint" in str(error)
        assert error.fatal
        s3.put("f", b"x")
        with pytest.raises(SourceError) as caught:
            source_of(s3, end_point=end_point, **words).stat(
                SourceObject("f", "f", Fingerprint(-1))
            )
        assert message in str(caught.value)
        right = source_of(s3, end_point="s3.eu-west-1.amazonaws.com", **words)
        assert content(right, only(right)) == b"x"
        assert s3.seen[-1].proxied
        assert s3.seen[-1].host == f"{BUCKET}.s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x-amz-bucket-region": "cn-northwest-1"}, "endPoint=s3.cn-northwest-1.amazonaws.com.cn"),
        ({}, "the bucket is not at"),
    ],
)
def test_a_region_that_no_answer_names_is_looked_up(headers: dict[str, str], words: str) -> None:
    def script(asked: Request) -> Answer:
        if asked.method == "HEAD":
            return reply(status=403, headers=headers)
        return reply(b"<Error><Code>TemporaryRedirect</Code></Error>", 307)

    with scripted(script) as server:
        through: dict[str, Any] = {"proxy_host": "127.0.0.1", "proxy_port": server.port}
        config = config_for(server.port, end_point="s3.cn-north-1.amazonaws.com.cn", **through)
        error = failed_listing(AwsSource(config, TARGET))
        assert words in str(error)
        assert error.fatal
        assert [asked.method for asked in server.asked_for] == ["GET", "HEAD"]


def test_the_region_of_another_service_is_learnt() -> None:
    """No key of the section could tell it."""
    with S3Server("nowhere-7") as s3:
        s3.put("f", b"x")
        source = source_of(s3)
        retries = Retries(2, threading.Event())
        [obj] = retries.run(lambda: objects(source))
        assert content(source, obj) == b"x"
        assert sum(each.status == 400 for each in s3.seen) == 1


def listing(key: bytes) -> bytes:
    return (
        b"<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><Contents><Key>"
        + key
        + b"</Key><Size>1</Size><ETag>e</ETag></Contents></ListBucketResult>"
    )


def test_the_region_that_a_service_does_not_name() -> None:
    """Some say that the region is wrong, and not which is right."""

    def script(asked: Request) -> Answer:
        if "/RegionOne/s3/" in asked.headers["authorization"]:
            return reply(listing(b"k"))
        return reply(
            b"<Error><Code>AuthorizationHeaderMalformed</Code>"
            b"<Message>The region is not one of ours: ask the help desk</Message></Error>",
            400,
        )

    with scripted(script) as server:
        error = failed_listing(AwsSource(config_for(server.port), TARGET))
        assert "ask the help desk" in str(error)
        assert "not in region us-east-1" in str(error)
        assert "look at [migrateAws] endPoint and region" in str(error)
        assert error.fatal
        named = AwsSource(config_for(server.port, region="RegionOne"), TARGET)
        assert [obj.name for obj in objects(named)] == ["k"]


def test_the_region_that_a_message_names_is_learnt() -> None:
    def script(asked: Request) -> Answer:
        if "/eu-x-1/s3/" in asked.headers["authorization"]:
            return reply(listing(b"k"))
        return reply(
            b"<Error><Code>AuthorizationHeaderMalformed</Code>"
            b"<Message>the region is wrong; expecting &apos;eu-x-1&apos;</Message></Error>",
            400,
        )

    with scripted(script) as server:
        once = failed_listing(AwsSource(config_for(server.port), TARGET))
        assert "set [migrateAws] region=eu-x-1" in str(once)
        source = AwsSource(config_for(server.port), TARGET)
        retries = Retries(2, threading.Event())
        assert [obj.name for obj in retries.run(lambda: objects(source))] == ["k"]


@pytest.mark.parametrize(
    ("word", "character"),
    [(b"&#x1;", "U+0001"), (b"&#27;", "U+001B"), (b"\x02", "U+0002"), (b"&#xFFFF;", "U+FFFF")],
)
def test_a_key_that_xml_cannot_carry_is_named(word: bytes, character: str) -> None:
    with scripted(lambda _: reply(listing(b"k" + word + b"k"))) as server:
        error = failed_listing(AwsSource(config_for(server.port), TARGET))
    assert error.code == "ListingUnreadable"
    assert f"a control character that XML cannot carry ({character})" in str(error)


def test_a_page_above_the_limit_is_named() -> None:
    with scripted(lambda _: reply(b" " * ((32 << 20) + 1))) as server:
        error = failed_listing(AwsSource(config_for(server.port), TARGET))
    assert error.code == "BadAnswer"
    assert error.retryable
    assert "larger than 32 MiB" in str(error)


def test_a_wrong_clock(s3: S3Server) -> None:
    s3.clock_offset = dt.timedelta(hours=1)
    error = failed_listing(source_of(s3))
    assert "clock" in str(error)
    assert error.fatal


def test_settings_of_the_machine_are_not_heeded(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    for name, value in {
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "other",
        "AWS_SECRET_ACCESS_KEY": "other",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_PROFILE": "none",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }.items():
        monkeypatch.setenv(name, value)
    s3.put("f", b"x")
    source = source_of(s3)
    assert content(source, only(source)) == b"x"


def test_tls_with_a_private_ca(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with S3Server(tls=context) as s3:
        s3.put("f", b"x")
        config = config_for(s3.port, end_point=f"localhost:{s3.port}", src_https=True)
        options = SourceOptions(ca_file=str(tmp_path / "ca.pem"))
        source = AwsSource(config, TARGET, options)
        assert content(source, only(source)) == b"x"
        error = failed_listing(AwsSource(config, TARGET))
        assert error.code == "CertificateInvalid"
        assert "[common] caFile" in str(error)
        assert not error.retryable


def test_a_source_that_is_silent(s3: S3Server) -> None:
    source = source_of(s3, src_socket_timeout=100)
    s3.faults.append(Fault("hang", seconds=1))
    error = failed_listing(source)
    assert error.code == "Timeout"
    assert error.retryable


@pytest.mark.parametrize("code", ["RequestTimeout", "SlowDown", "Throttling"])
def test_what_asks_for_another_try_with_an_odd_status(s3: S3Server, code: str) -> None:
    """S3 answers 400 when a request came too slowly."""
    s3.put("f", b"x")
    obj = only(source_of(s3))
    s3.faults.append(Fault("status", status=400, code=code, times=2))
    for attempt in (objects, lambda source: content(source, obj)):
        with pytest.raises(SourceError) as caught:
            attempt(source_of(s3))
        assert caught.value.retryable
