"""What is wrong with [migrateAws], or with the service: one message that says where to look."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.errors import SourceError
from cos_migrate.http.retries import Retries
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.s3.aws import AwsSource
from tests.fakes.messages import Answer, Request
from tests.fakes.s3_server import BUCKET, KEY, Fault, S3Server
from tests.fakes.scripted import Script, reply, scripted
from tests.sources.clouds import AwsCloud
from tests.sources.contract import content, objects, only


def failed_listing(source: AwsSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        objects(source)
    assert KEY not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"
    return caught.value


@pytest.mark.parametrize(
    ("end_point", "message"),
    [
        ("s3.us-west-2.amazonaws.com", "endPoint=s3.eu-west-1.amazonaws.com"),
        ("s3.dualstack.us-east-1.amazonaws.com", "endPoint=s3.eu-west-1.amazonaws.com"),
    ],
)
def test_the_wrong_region_of_aws(end_point: str, message: str) -> None:
    with S3Server("eu-west-1") as s3:
        words: dict[str, Any] = {"proxy_host": "127.0.0.1", "proxy_port": s3.port}
        error = failed_listing(AwsCloud(s3).source(end_point=end_point, **words))
        assert message in str(error)
        assert "[migrateAws] endPoint" in str(error)
        assert error.fatal
        s3.put("f", b"x")
        with pytest.raises(SourceError) as caught:
            AwsCloud(s3).source(end_point=end_point, **words).stat(
                SourceObject("f", "f", Fingerprint(-1))
            )
        assert message in str(caught.value)
        right = AwsCloud(s3).source(end_point="s3.eu-west-1.amazonaws.com", **words)
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
        source = AwsCloud(server).source(end_point="s3.cn-north-1.amazonaws.com.cn", **through)
        error = failed_listing(source)
        assert words in str(error)
        assert error.fatal
        assert [asked.method for asked in server.asked_for] == ["GET", "HEAD"]


@pytest.mark.parametrize("end_point", ["s3.amazonaws.com", f"{BUCKET}.s3.amazonaws.com"])
def test_a_global_endpoint_of_aws_leads_to_the_region(end_point: str) -> None:
    with S3Server("eu-west-1") as s3:
        s3.put("f", b"x")
        words: dict[str, Any] = {"proxy_host": "127.0.0.1", "proxy_port": s3.port}
        source = AwsCloud(s3).source(end_point=end_point, **words)
        [obj] = Retries(2, threading.Event()).run(lambda: objects(source))
        assert content(source, obj) == b"x"
        assert [seen.host for seen in s3.seen] == [
            f"{BUCKET}.s3.amazonaws.com",
            f"{BUCKET}.s3.eu-west-1.amazonaws.com",
            f"{BUCKET}.s3.eu-west-1.amazonaws.com",
        ]


def test_the_region_of_another_service_is_learnt() -> None:
    """No key of the section could tell it."""
    with S3Server("nowhere-7") as s3:
        s3.put("f", b"x")
        source = AwsCloud(s3).source()
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


def of_region(region: str, refusal: bytes) -> Script:
    """Return the script of a service that lists for one region, and refuses any other."""

    def script(asked: Request) -> Answer:
        if f"/{region}/s3/" in asked.headers["authorization"]:
            return reply(listing(b"k"))
        code = b"<Error><Code>AuthorizationHeaderMalformed</Code>"
        return reply(code + b"<Message>" + refusal + b"</Message></Error>", 400)

    return script


def test_the_region_that_a_service_does_not_name() -> None:
    """Some say that the region is wrong, and not which is right."""
    script = of_region("RegionOne", b"The region is not one of ours: ask the help desk")
    with scripted(script) as server:
        error = failed_listing(AwsCloud(server).source())
        assert "ask the help desk" in str(error)
        assert "not in region us-east-1" in str(error)
        assert "look at [migrateAws] endPoint and region" in str(error)
        assert error.fatal
        named = AwsCloud(server).source(region="RegionOne")
        assert [obj.name for obj in objects(named)] == ["k"]


def test_the_region_that_a_message_names_is_learnt() -> None:
    script = of_region("eu-x-1", b"the region is wrong; expecting &apos;eu-x-1&apos;")
    with scripted(script) as server:
        once = failed_listing(AwsCloud(server).source())
        assert "set [migrateAws] region=eu-x-1" in str(once)
        source = AwsCloud(server).source()
        retries = Retries(2, threading.Event())
        assert [obj.name for obj in retries.run(lambda: objects(source))] == ["k"]


@pytest.mark.parametrize(
    ("word", "character"),
    [(b"&#x1;", "U+0001"), (b"&#27;", "U+001B"), (b"\x02", "U+0002"), (b"&#xFFFF;", "U+FFFF")],
)
def test_a_key_that_xml_cannot_carry_is_named(word: bytes, character: str) -> None:
    with scripted(lambda _: reply(listing(b"k" + word + b"k"))) as server:
        error = failed_listing(AwsCloud(server).source())
    assert error.code == "ListingUnreadable"
    assert f"a control character that XML cannot carry ({character})" in str(error)


def test_a_page_above_the_limit_is_named() -> None:
    with scripted(lambda _: reply(b" " * ((32 << 20) + 1))) as server:
        error = failed_listing(AwsCloud(server).source())
    assert error.code == "BadAnswer"
    assert error.retryable
    assert "larger than 32 MiB" in str(error)


def test_a_wrong_clock(s3: S3Server) -> None:
    s3.clock_offset = dt.timedelta(hours=1)
    error = failed_listing(AwsCloud(s3).source())
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
    source = AwsCloud(s3).source()
    assert content(source, only(source)) == b"x"


@pytest.mark.parametrize("code", ["RequestTimeout", "SlowDown", "Throttling"])
def test_what_asks_for_another_try_with_an_odd_status(s3: S3Server, code: str) -> None:
    """S3 answers 400 when a request came too slowly."""
    s3.put("f", b"x")
    obj = only(AwsCloud(s3).source())
    s3.faults.append(Fault("status", status=400, code=code, times=2))
    for attempt in (objects, lambda source: content(source, obj)):
        with pytest.raises(SourceError) as caught:
            attempt(AwsCloud(s3).source())
        assert caught.value.retryable


def test_a_head_without_a_length_leaves_the_listed_size() -> None:
    listed = SourceObject("a", "a", Fingerprint(5, -1, "e"))
    with scripted(lambda _: reply(headers={"etag": '"e"'}, length=False)) as server:
        assert AwsCloud(server).source().stat(listed).fingerprint.size == 5
