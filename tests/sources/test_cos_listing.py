"""Listings of a source bucket on COS as something else may answer them: none loses a key."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from cos_migrate.errors import SourceError
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import Script, reply, scripted
from tests.sources.clouds import COS_KEY, CosCloud
from tests.sources.listings import names_of, second

KEYS = [f"k{number:02}" for number in range(7)]


def page(keys: list[str], truncated: str | None, *more: str) -> bytes:
    entries = "".join(
        f"<Contents><Key>{quote(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        '<ETag>"e"</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>'
        for key in keys
    )
    said = "" if truncated is None else f"<IsTruncated>{truncated}</IsTruncated>"
    inner = f"<EncodingType>url</EncodingType><Marker/>{said}{''.join(more)}{entries}"
    return f"<ListBucketResult>{inner}</ListBucketResult>".encode()


def answer(asked: Request) -> Answer:
    rest = [key for key in KEYS if key > dict(asked.params).get("marker", "")]
    return reply(page(rest[:3], "true" if len(rest) > 3 else "false"))


def listed(script: Script) -> list[str]:
    with scripted(script) as server:
        return names_of(CosCloud(server).source())


@pytest.mark.parametrize(
    "wrong",
    [
        reply(page(["k03"], None)),
        reply(page([], None)),
        reply(page(["k03"], "")),
        reply(page(["k03"], "maybe")),
        reply(page(["k03"], "false")[:-20]),
        reply(page(["k03"], "false").replace(b"<Size>1</Size>", b"")),
        reply(page(["k03"], "false").replace(b"<Key>k03</Key>", b"")),
        reply(page(["k03"], "false"), cut=50),
        reply(page(["k03"], "false"), cut=50, length=False),
        reply(b"<html><body>Sorry</body></html>"),
        reply(b"Welcome!"),
        reply(b""),
    ],
)
def test_a_page_that_is_none_is_asked_for_again(wrong: Answer) -> None:
    assert listed(second(wrong, answer)) == KEYS
    with pytest.raises(SourceError) as caught:
        listed(lambda _: wrong)
    assert caught.value.retryable
    assert caught.value.code in {"BadAnswer", "ConnectionBroken", "ConnectionReset"}
    assert COS_KEY not in str(caught.value)


def test_an_error_without_the_elements_that_the_sdk_expects() -> None:
    error = b"<Error><Code>NoSuchBucket</Code><Message>There is none.</Message></Error>"
    with pytest.raises(SourceError, match=r"There is none\..* srcBucketName") as caught:
        listed(lambda _: reply(error, 404))
    assert caught.value.code == "NoSuchBucket"


def test_a_wrong_clock_is_named() -> None:
    error = b"<Error><Code>RequestTimeTooSkewed</Code><Message>Too far.</Message></Error>"
    with pytest.raises(SourceError, match=r"set the clock of this machine: Too far\.") as caught:
        listed(lambda _: reply(error, 403))
    assert caught.value.fatal


def test_empty_pages_that_lead_on() -> None:
    def script(asked: Request) -> Answer:
        if dict(asked.params).get("marker", "") == "k02":
            return reply(page([], "true", "<NextMarker>k02%2Fx</NextMarker>"))
        return answer(asked)

    assert listed(script) == KEYS


@pytest.mark.parametrize("marker", ["", "k01", "k02"])
def test_an_empty_page_that_does_not_get_on(marker: str) -> None:
    def script(asked: Request) -> Answer:
        if dict(asked.params).get("marker", ""):
            return reply(page([], "true", f"<NextMarker>{marker}</NextMarker>"))
        return answer(asked)

    with pytest.raises(SourceError) as caught:
        listed(script)
    assert caught.value.code == "ListingOutOfOrder"


def test_a_page_that_comes_again() -> None:
    with pytest.raises(SourceError) as caught:
        listed(lambda _: reply(page(KEYS[:3], "true")))
    assert caught.value.code == "ListingOutOfOrder"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (lambda _: None, ""),
        (lambda _: reply(status=502), ""),
        (lambda _: reply(status=307, headers={"location": "http://elsewhere/"}), ""),
        (lambda _: reply(status=500, headers={"x-cos-request-id": "1"}), "Http500"),
        (lambda _: reply(b"<Error><Code>NoSuchBucket</Code></Error>", 404), "NoSuchBucket"),
    ],
)
def test_the_backup_domain_is_asked_where_cos_did_not_answer(script: Script, code: str) -> None:
    """Through a proxy, which passes on what is asked of the backup domain alone."""

    def gateway(asked: Request) -> Answer | None:
        return answer(asked) if ".tencentcos.cn" in asked.headers["host"] else script(asked)

    with scripted(gateway) as server:
        source = CosCloud(server).proxied()
        if not code:
            assert names_of(source) == KEYS
            return
        with pytest.raises(SourceError) as caught:
            names_of(source)
        assert caught.value.code == code
