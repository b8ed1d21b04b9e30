"""From Alibaba Cloud OSS to COS with the whole tool, as a user runs it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.emulator import Fault as CosFault
from cos_migrate.state.opening import open_store
from tests.fakes.oss_server import BEIJING, BUCKET, HANGZHOU, KEY_ID, SECRET, OssServer
from tests.fakes.oss_signature import Account
from tests.fakes.oss_store import Bucket
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.contract import (
    AccessContract,
    DownloadContract,
    PagesContract,
    SlashesContract,
)
from tests.functional.sites import AliSite, ServerSite
from tests.functional.tool import BUCKET as TARGET
from tests.functional.waiting import HeldCos

MIB = 1 << 20
BIG = 5 * MIB + 1000
"""Bytes of an object that is sent in parts: six of 1 MiB."""


class TestAli(AccessContract, DownloadContract, PagesContract, SlashesContract):
    wrong_access = (
        ({"accessKeyId": "LTAInobody"}, "[migrateAli] accessKeyId"),
        ({"accessKeySecret": "guessed"}, "[migrateAli] accessKeySecret"),
        ({"bucket": "none"}, "[migrateAli] bucket"),
    )
    refused = ((403, "AccessDenied"), (403, "UserDisable"), (400, "KmsServiceNotEnabled"))

    def test_a_prefix_through_a_proxy(self, site: ServerSite, cos: HeldCos) -> None:
        super().test_a_prefix_through_a_proxy(site, cos)
        assert {seen.notes["signed"] for seen in site.server.seen} == {"v4"}


@pytest.fixture(name="site")
def _site(tmp_path: Path, cos: EmbeddedCos, oss: OssServer) -> AliSite:
    return AliSite(tmp_path, cos, oss)


@pytest.fixture(name="ali")
def _ali(site: AliSite) -> CloudTool:
    return site.tool


def test_acls_are_carried_over(ali: CloudTool, oss: OssServer, cos: EmbeddedCos) -> None:
    oss.put("open", b"x", acl="public-read")
    oss.put("open-big", noise(BIG), acl="public-read")
    oss.put("closed", b"x", acl="private")
    oss.put("plain", b"x")
    ali.common["copyAcl"] = "on"
    assert ali.run().counts() == counted(new=4)
    acls = {key: cos.object_head(TARGET, key).acl for key in cos.keys(TARGET)}
    assert acls == {
        "open": "public-read",
        "open-big": "public-read",
        "closed": "private",
        "plain": "",
    }


def test_parts_without_an_md5_pass_through_a_file(
    ali: CloudTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    made = oss.put("parts", noise(BIG), parts=3)
    ended = ali.run()
    assert ended.counts() == counted(new=1)
    headers = cos.object_head(TARGET, "parts").headers
    assert headers["x-cos-meta-md5"] == hashlib.md5(made.data).hexdigest()
    assert headers["x-cos-meta-oss-etag"] == made.etag
    assert sum(seen.sent for seen in oss.downloads()) == len(made.data)
    assert not [path for path in (ali.folder / "tmp").rglob("*") if path.is_file()]


def test_a_wrong_endpoint_is_told(tmp_path: Path, cos: EmbeddedCos) -> None:
    with OssServer(buckets=(Bucket(BUCKET, endpoint=BEIJING),)) as oss:
        ali = AliSite(tmp_path, cos, oss).tool
        ali.cloud.update(endPoint=HANGZHOU, proxyHost="127.0.0.1", proxyPort=str(oss.port))
        ended = ali.run()
        assert (ended.code, ended.list_finished) == (1, False)
        assert BEIJING in ended.out + ended.err
        assert "[migrateAli] endPoint" in ended.out + ended.err


def test_no_permission_to_list_is_told(tmp_path: Path, cos: EmbeddedCos) -> None:
    blind = Account(KEY_ID, SECRET, denied=frozenset({"ListObjects"}))
    with OssServer(accounts=(blind,)) as oss:
        oss.put("a", b"x")
        ali = AliSite(tmp_path, cos, oss).tool
        ended = ali.run()
        assert (ended.code, ended.list_finished) == (1, False)
        assert "oss:ListObjects" in ended.out + ended.err
        keys = tmp_path / "keys"
        keys.write_text("a\nmissing\n")
        ali.cloud["uriList"] = str(keys)
        ended = ali.run()
        assert (ended.code, ended.list_finished) == (1, True)
        assert ended.counts() == counted(new=1, fail=1)
        assert stored(cos) == {"a": b"x"}
        assert ali.run().counts() == counted(skip=1, fail=1)


def test_compared_in_real_time(ali: CloudTool, oss: OssServer, cos: EmbeddedCos) -> None:
    oss.put("old", b"old", modified=time.time() - 3600)
    oss.put("new", b"new", modified=time.time() - 3600)
    ali.common["realTimeCompare"] = "on"
    assert ali.run().counts() == counted(update=2)
    oss.put("new", b"newer", modified=time.time() + 60)
    del oss.seen[:]
    ended = ali.run()
    assert ended.counts() == counted(update=1, skip=1)
    assert [seen.key for seen in oss.downloads()] == ["new"]
    assert stored(cos) == {"old": b"old", "new": b"newer"}


def test_downloads_are_told_as_by_the_java_tool(ali: CloudTool, oss: OssServer) -> None:
    oss.put("a b/c.txt", b"12345")
    ended = ali.run()
    assert ended.code == 0, ended.out + ended.err
    line = "[DownloadOk] [key: a b/c.txt] [byteDownload/ byteTotal/ percentage: 5/ 5/ 100.00%]"
    assert line in ended.out.splitlines()


def test_an_etag_that_is_the_md5_is_believed_when_the_content_agrees(
    ali: CloudTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    right, wrong = oss.put("right", noise(BIG)), oss.put("wrong", noise(BIG, 2))
    oss.store.put(BUCKET, replace(right, content_md5=""))
    oss.store.put(BUCKET, replace(wrong, content_md5="", etag="0" * 32))
    ended = ali.run()
    assert ended.counts() == counted(new=2)
    for made in (right, wrong):
        headers = cos.object_head(TARGET, made.key).headers
        assert headers["x-cos-meta-md5"] == hashlib.md5(made.data).hexdigest()
    read = sum(seen.sent for seen in oss.downloads() if seen.key == "right")
    assert read == len(right.data), "streamed"


def test_what_java_has_recorded_is_checked_by_what_oss_tells(
    ali: CloudTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    """The Java tool records no CRC-64."""
    for name in ("p/a", "p/b"):
        oss.put(name, b"12345")
    ali.cloud["prefix"] = "p/"
    assert ali.run().code == 0
    with open_store(ali.database) as state:
        state.write([], [key for key, _ in state.scan(b"[cosmigrate stored] ")])
    ali.common["check"] = "on"
    cos.faults.append(CosFault("wrong-crc", operation="HeadObject", key="b", times=-1))
    ended = ali.run()
    assert ended.code == 1
    assert ended.lines("[ok] check") == ["[ok] check ok: /a"]
    assert len(ended.lines("[fail] check crc64 fail: /b. ")) == 1
