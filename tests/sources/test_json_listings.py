"""Listings of Qiniu and Upyun as something else may answer them: none loses a name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cos_migrate.config.values import Secret
from cos_migrate.errors import SourceError
from cos_migrate.sources.http_source import HttpSource
from cos_migrate.sources.qiniu.config import QiniuConfig
from cos_migrate.sources.qiniu.source import QiniuSource
from cos_migrate.sources.upyun.config import UpyunConfig
from cos_migrate.sources.upyun.source import UpyunSource
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import Script, reply, scripted
from tests.sources.clouds import TARGET
from tests.sources.listings import names_of, second

NAMES = [f"k{number:02}" for number in range(7)]
UPYUN_END = "g2gCZAAEbmV4dGQAA2VvZg"
GARBLED = [b"", b"{}", b"[]", b'{"items":[{"key":"k03"', b"<html/>", b'{"error":"not now"}', b"0"]


def qiniu_source(port: int) -> HttpSource:
    host = f"127.0.0.1:{port}"
    config = QiniuConfig(
        bucket="b",
        access_key_id=Secret("id"),
        access_key_secret=Secret("key"),
        end_point=host,
        rs_host=host,
        rsf_host=host,
    )
    return QiniuSource(config, TARGET)


def qiniu(asked: Request) -> Answer:
    start = int(dict(asked.params).get("marker") or 0)
    items = [
        {"key": name, "fsize": 1, "hash": "h", "putTime": 0} for name in NAMES[start : start + 3]
    ]
    following = {"marker": str(start + 3)} if start + 3 < len(NAMES) else {}
    return reply(json.dumps({"items": items, **following}).encode())


def upyun_source(port: int) -> HttpSource:
    config = UpyunConfig(
        bucket="b",
        access_key_id=Secret("id"),
        access_key_secret=Secret("key"),
        end_point=f"127.0.0.1:{port}",
    )
    return UpyunSource(config, TARGET)


def upyun_page(names: list[str], **more: Any) -> Answer:
    files = [
        {"name": name, "type": "text/plain", "length": 1, "last_modified": 1} for name in names
    ]
    return reply(json.dumps({"files": files, **more}).encode())


def upyun(asked: Request) -> Answer:
    start = int(asked.headers.get("x-list-iter") or 0)
    following = str(start + 3) if start + 3 < len(NAMES) else UPYUN_END
    return upyun_page(NAMES[start : start + 3], iter=following)


def listed(build: Any, script: Script) -> list[str]:
    with scripted(script) as server:
        return names_of(build(server.port))


@pytest.mark.parametrize("body", GARBLED)
@pytest.mark.parametrize(("build", "right"), [(qiniu_source, qiniu), (upyun_source, upyun)])
def test_a_page_that_is_none_is_no_last_page(build: Any, right: Script, body: bytes) -> None:
    with pytest.raises(SourceError):
        listed(build, lambda _: reply(body))
    try:
        assert listed(build, second(reply(body), right)) == NAMES
    except SourceError as error:
        assert not error.retryable  # noqa: PT017 - it may give up, but must not go on without


@pytest.mark.parametrize("body", GARBLED)
def test_qiniu_is_asked_again(body: bytes) -> None:
    assert listed(qiniu_source, second(reply(body), qiniu)) == NAMES


def test_a_full_page_of_upyun_must_say_what_follows() -> None:
    names = [f"{number:04}" for number in range(1000)]
    with pytest.raises(SourceError) as caught:
        listed(upyun_source, lambda _: upyun_page(names))
    assert caught.value.retryable
    assert listed(upyun_source, lambda _: upyun_page(names[:999])) == names[:999]
