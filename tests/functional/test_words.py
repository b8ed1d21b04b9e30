"""What a user is told when something fails: what is the matter, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.faults import Fault
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import reply, scripted
from tests.functional.cloud_tool import CloudTool, section_at
from tests.functional.tool import BUCKET, Ended, Tool

PAGE = b"<html><head><title>Blocked by ACME</title></head></html>"
HTML = {"Content-Type": "text/html"}


def cloud_tool(folder: Path, port: int, migrate_type: str, **cloud: str) -> CloudTool:
    common = {"requestTryCount": "1"}
    return CloudTool(folder, port, common=common, migrate_type=migrate_type, cloud=cloud)


def row(ended: Ended, code: str) -> str:
    """Return the line of the table of causes that tells of a code."""
    (line,) = (line for line in ended.out.splitlines() if f"  {code}  " in line)
    return line


def test_a_proxys_page_in_the_place_of_cos(tmp_path: Path) -> None:
    with scripted(lambda _: reply(PAGE, 403, HTML)) as server:
        tool = Tool(tmp_path, server.port, common={"workerProcessNum": "0"})
        tool.put("a")
        ended = tool.run()
    assert ended.code == 1
    assert "look at [common] proxyHost, endPointSuffix" in row(ended, "ForeignAnswer")
    assert "right to write" not in ended.out
    assert "run again" not in ended.out
    assert '"Blocked by ACME"' in tool.log("error.log")


def test_a_refused_key_is_to_be_corrected(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common |= {"secretId": "AKIDanother", "workerProcessNum": "0"}
    tool.put("a")
    ended = tool.run()
    assert ended.code == 1
    assert "look at [common] secretId" in row(ended, "InvalidAccessKeyId")
    assert "correct the causes in the table" in ended.out
    assert "run again" not in ended.out + ended.err
    assert cos.requests


def test_a_refused_listing_is_not_an_empty_one(cos: EmbeddedCos, tmp_path: Path) -> None:
    refusal = b"<Error><Code>InvalidAccessKeyId</Code><Message>unknown</Message></Error>"
    with scripted(lambda _: reply(refusal, 403)) as server:
        section = section_at(f"127.0.0.1:{server.port}")
        tool = cloud_tool(tmp_path / "tool", cos.port, "migrateAws", **section)
        ended = tool.run()
    assert (ended.code, ended.list_finished) == (1, False)
    assert "the list is not complete: unknown; look at [migrateAws] accessKeyId" in ended.err
    assert "nothing was found to migrate" not in ended.out
    assert "run again" not in ended.out + ended.err


def test_a_listing_that_is_unreadable_names_the_list_of_keys(
    cos: EmbeddedCos, tmp_path: Path
) -> None:
    document = (
        b"<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><Contents>"
        b"<Key>a&#x1;b</Key><Size>1</Size><ETag>e</ETag></Contents></ListBucketResult>"
    )
    keys = tmp_path / "keys.txt"
    keys.write_bytes(b"a\x01b\n")

    def script(asked: Request) -> Answer:
        return reply(b"x", 200, {"ETag": '"e"'}) if "%01" in asked.path else reply(document)

    with scripted(script) as server:
        section = section_at(f"127.0.0.1:{server.port}")
        tool = cloud_tool(tmp_path / "tool", cos.port, "migrateAws", **section)
        ended = tool.run()
        assert (ended.code, ended.list_finished) == (1, False)
        assert "a control character that XML cannot carry (U+0001)" in ended.err
        assert "a file of keys ([migrateAws] uriList) is migrated without it" in ended.err
        tool.cloud["uriList"] = str(keys)
        assert tool.run().counts()["new"] == 1


def test_what_is_wrong_with_a_list_of_urls(cos: EmbeddedCos, tmp_path: Path) -> None:
    def script(asked: Request) -> Answer:
        return reply(b"x") if asked.path == "/a" else reply(PAGE, 404, HTML)

    with scripted(script) as server:
        urls = tmp_path / "urls.txt"
        lines = [
            f"{server.url}/a?v=1",
            f"{server.url}/a?v=2",
            f"{server.url}/gone",
            "ftp://user:hush@host/b?sign=hush",
            f"{server.url}/c\x1bd?sign=hush",
        ]
        urls.write_text("\n".join(lines) + "\n", encoding="utf-8")
        tool = cloud_tool(tmp_path / "tool", cos.port, "migrateUrl", urllistPath=str(urls))
        ended = tool.run()
        assert all(
            "\x1b" not in asked.path and "%1B" not in asked.path for asked in server.asked_for
        )
    assert (ended.code, ended.counts()["new"], ended.counts()["fail"]) == (1, 1, 4)
    assert "take one of the two lines out of the list" in row(ended, "SameTarget")
    assert "correct that line of the list" in row(ended, "NotMigratable")
    assert "it is gone from the source" in row(ended, "NoSuchKey")
    assert "section of the source" not in ended.out
    errors = tool.log("error.log")
    assert f"line 4 of {urls}: its scheme ftp: is not supported" in errors
    assert "ftp://***@host/b?***" in errors
    assert f"line 5 of {urls}: it holds a control character (U+001B)" in errors
    assert f"[url: {urls}:4: ftp://***@host/b?***]" in ended.out
    assert "hush" not in errors + ended.out + ended.err


def test_a_server_that_never_answers_head(cos: EmbeddedCos, tmp_path: Path) -> None:
    with scripted(lambda _: reply(b"x")) as server:
        server.faults.append(Fault("hang", "HEAD", times=-1))
        urls = tmp_path / "urls.txt"
        urls.write_text(f"{server.url}/a\n", encoding="utf-8")
        tool = cloud_tool(tmp_path / "tool", cos.port, "migrateUrl", urllistPath=str(urls))
        tool.common |= {"requestTimeoutEnable": "on", "requestTimeoutMs": "500"}
        ended = tool.run()
        assert ended.counts()["fail"] == 1
        assert "set [migrateUrl] isSkipHead=on" in row(ended, "UrlTimeout")
        assert "isSkipHead=on sends none" in tool.log("error.log")
        tool.cloud["isSkipHead"] = "on"
        assert tool.run().counts()["new"] == 1


@pytest.mark.parametrize("migrate_type", ["migrateUrl", "migrateAws"])
@pytest.mark.parametrize("size", [5, 3 << 20])
def test_headers_that_are_not_utf8(
    cos: EmbeddedCos, tmp_path: Path, migrate_type: str, size: int
) -> None:
    gbk = "\u4e2d\u6587".encode("gbk").decode("latin-1")  # as http.server sends it
    headers = {
        "ETag": '"e"',
        "Content-Type": "text/plain",
        "Content-Disposition": f'attachment; filename="{gbk}.txt"',
        "x-amz-meta-title": gbk,
    }

    def script(asked: Request) -> Answer:
        if "list-type" in dict(asked.params):
            document = (
                "<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><Contents>"
                f"<Key>a</Key><Size>{size}</Size><ETag>e</ETag></Contents></ListBucketResult>"
            )
            return reply(document.encode())
        return reply(b"x" * size, 200, headers)

    with scripted(script) as server:
        urls = tmp_path / "urls.txt"
        urls.write_text(f"{server.url}/a\n", encoding="utf-8")
        keys = {
            "bucket": "source",
            "accessKeyId": "id",
            "accessKeySecret": "hush",
            "endPoint": f"127.0.0.1:{server.port}",
        }
        cloud = {"urllistPath": str(urls)} if migrate_type == "migrateUrl" else keys
        tool = cloud_tool(tmp_path / "tool", cos.port, migrate_type, **cloud)
        ended = tool.run()
    assert ended.counts()["new"] == 1
    stored = cos.object_head(BUCKET, "a").headers
    assert stored["x-cos-meta-title"] == "%D6%D0%CE%C4"
    assert "content-disposition" not in stored
    assert stored["content-type"] == "text/plain"
    assert "its content-disposition is not carried over: the value is not UTF-8" in ended.err


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (["b", "a"], "the listing is out of order"),
        (["a", "a"], "the listing is out of order"),
        (["a&#x1;b"], "a control character that XML cannot carry"),
    ],
)
def test_a_listing_of_cos_that_cannot_be_used(
    cos: EmbeddedCos, tmp_path: Path, keys: list[str], says: str
) -> None:
    entries = "".join(
        f"<Contents><Key>{key}</Key><Size>1</Size><ETag>e</ETag></Contents>" for key in keys
    )
    document = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
    with scripted(lambda _: reply(document.encode())) as server:
        tool = cloud_tool(
            tmp_path / "tool",
            cos.port,
            "migrateBucketCopy",
            srcRegion="ap-shanghai",
            srcBucketName="source-1250000000",
            srcSecretId="id",
            srcSecretKey="hush",
            srcCosPath="/",
            srcEndPointSuffix=f"localhost:{server.port}",
        )
        ended = tool.run()
    assert (ended.code, ended.list_finished) == (1, False)
    assert says in ended.err
    assert "a file of keys ([migrateBucketCopy] srcFileList) is migrated without it" in ended.err
