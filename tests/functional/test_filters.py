"""The filters of `[common]`, of files, buckets, lists of keys and URLs."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.fakes.s3_server import BUCKET as SOURCE
from tests.fakes.s3_server import KEY, KEY_ID, S3Server
from tests.fakes.web_server import WebServer
from tests.functional.cloud_tool import CloudTool, counted
from tests.functional.tool import BUCKET, Ended, Tool

DAY = 86_400
RULES = {
    "include": "*.jpg; docs/** ;/top",
    "exclude": "raw/;draft-?.{jpg,txt};photos/old",
    "minSize": "2",
    "maxSize": "1K",
    "modifiedAfter": "2001-09-09",
    "modifiedBefore": "1d",
}
OLD = 1_000_500_000
LEFT_OUT = {
    "a.png": "include",
    "photos/old/a.jpg": "exclude",
    "photos/draft-1.jpg": "exclude",
    "docs/raw/a": "exclude",
    "ignored.jpg": "filterFile",
    "small.jpg": "minSize",
    "large.jpg": "maxSize",
    "ancient.jpg": "modifiedAfter",
    "young.jpg": "modifiedBefore",
}
TAKEN = ["docs/a.txt", "photos/a.jpg", "photos/draft-10.jpg", "raw", "top/b"]
SIZES = {"small.jpg": 1, "large.jpg": 1025}
TIMES = {"ancient.jpg": 900_000_000}


def settings(folder: Path) -> dict[str, str]:
    path = folder / "ignore"
    path.write_text("*ignored*\n!docs\n", encoding="utf-8")
    return {**RULES, "include": RULES["include"] + ";raw", "filterFile": str(path)}


def reasons(ended: Ended) -> dict[str, str]:
    """Return the reason for each name that was left out."""
    found = {}
    for line in ended.lines("[condition_not_match]"):
        reason, _, name = line.removeprefix("[condition_not_match] [reason: ").partition("]  [")
        found[name.partition(": ")[2].removesuffix("]")] = reason
    return found


def test_every_filter_of_files(cos: EmbeddedCos, tool: Tool) -> None:
    now = time.time()
    for name in (*LEFT_OUT, *TAKEN):
        stamp = now if name == "young.jpg" else TIMES.get(name, OLD)
        tool.put(name, b"x" * SIZES.get(name, 2), mtime=stamp)
    tool.put("nothing/here/a.png", mtime=OLD)
    tool.common |= settings(tool.folder)
    ended = tool.run()
    expected = {f"{tool.data}/{name}": reason for name, reason in LEFT_OUT.items()}
    folders = {
        "docs/raw/a": "docs/raw/",
        "photos/old/a.jpg": "photos/old/",
    }
    for name, folder in folders.items():
        expected[f"{tool.data}/{folder}"] = expected.pop(f"{tool.data}/{name}")
    expected[f"{tool.data}/nothing/here/a.png"] = "include"
    assert reasons(ended) == expected
    assert ended.counts() == counted(new=len(TAKEN), unmatched=len(expected))
    assert cos.keys(BUCKET) == sorted(TAKEN)
    assert (ended.code, ended.status) == (0, "ALL_OK")
    assert tool.run().counts() == counted(skip=len(TAKEN), unmatched=len(expected))


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_folder_of_which_nothing_is_taken_is_not_read(tool: Tool, processes: str) -> None:
    for name in ("photos/a.jpg", "photos/raw/b.jpg", "docs/c.jpg", "docs/d/e.jpg", "f.jpg"):
        tool.put(name)
    tool.common |= {
        "include": "photos/**",
        "exclude": "photos/raw/",
        "workerProcessNum": processes,
    }
    ended = tool.run()
    assert reasons(ended) == {
        f"{tool.data}/docs/": "include",
        f"{tool.data}/f.jpg": "include",
        f"{tool.data}/photos/raw/": "exclude",
    }
    assert ended.counts() == counted(new=1, unmatched=3)


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path, cos: EmbeddedCos, s3: S3Server) -> CloudTool:
    cloud = {
        "bucket": SOURCE,
        "accessKeyId": KEY_ID,
        "accessKeySecret": KEY,
        "endPoint": f"127.0.0.1:{s3.port}",
        "prefix": "from/",
    }
    return CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateAws", cloud=cloud)


def fill(s3: S3Server) -> None:
    for name in (*LEFT_OUT, *TAKEN):
        stamp = time.time() if name == "young.jpg" else TIMES.get(name, OLD)
        modified = datetime.fromtimestamp(int(stamp), timezone.utc)
        s3.put(f"from/{name}", b"x" * SIZES.get(name, 2), modified=modified)


def test_every_filter_of_a_bucket(cloud: CloudTool, s3: S3Server, cos: EmbeddedCos) -> None:
    fill(s3)
    cloud.common |= settings(cloud.folder)
    ended = cloud.run()
    assert reasons(ended) == {f"/from/{name}": reason for name, reason in LEFT_OUT.items()}
    assert ended.counts() == counted(new=len(TAKEN), unmatched=len(LEFT_OUT))
    assert cos.keys(BUCKET) == sorted(TAKEN)


def test_every_filter_of_a_list_of_keys(cloud: CloudTool, s3: S3Server, cos: EmbeddedCos) -> None:
    fill(s3)
    cloud.common |= settings(cloud.folder)
    keys = cloud.folder / "keys.txt"
    keys.write_text("".join(f"from/{name}\n" for name in (*LEFT_OUT, *TAKEN)), encoding="utf-8")
    cloud.cloud["uriList"] = str(keys)
    ended = cloud.run()
    assert reasons(ended) == {f"/from/{name}": reason for name, reason in LEFT_OUT.items()}
    assert cos.keys(BUCKET) == sorted(TAKEN)
    asked = {seen.key for seen in s3.seen}
    by_name = {"include", "exclude", "filterFile"}
    assert asked.isdisjoint(f"from/{n}" for n, reason in LEFT_OUT.items() if reason in by_name)


def test_what_failed_before_is_not_sent_against_a_new_filter(
    cloud: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    s3.put("from/a.jpg", b"x")
    s3.put("from/b.tmp", b"x")
    cos.faults.append(
        Fault("status", "PutObject", "b", times=-1, status=400, code="InvalidArgument")
    )
    assert cloud.run().counts() == counted(new=1, fail=1)
    cos.faults.clear()
    cloud.common["exclude"] = "*.tmp"
    assert cloud.run().counts() == counted(skip=1, unmatched=1)
    assert cos.keys(BUCKET) == ["a.jpg"]


def test_what_urls_cannot_answer(tmp_path: Path, cos: EmbeddedCos) -> None:
    with WebServer() as web:
        for name in ("a.jpg", "b.jpg", "c.png"):
            web.put(f"/{name}", b"content")
        listed = tmp_path / "urls.txt"
        urls = [f"{web.url}/{name}?sign=topsecret\n" for name in ("a.jpg", "b.jpg", "c.png")]
        listed.write_text("".join(urls), encoding="utf-8")
        cloud = {"urllistPath": str(listed), "isSkipHead": "on"}
        tool = CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateUrl", cloud=cloud)
        tool.common |= {"exclude": "*.png", "modifiedAfter": "2020-01-01", "maxSize": "1"}
        ended = tool.run()
    assert reasons(ended) == {"/c.png": "exclude"}
    assert ended.counts() == counted(new=2, unmatched=1)
    said = [line for line in ended.err.splitlines() if "cannot be applied to" in line]
    assert [line.split("[common] ")[1].split(" ")[0] for line in said] == [
        "maxSize",
        "modifiedAfter",
    ]
    assert "topsecret" not in ended.out + ended.err


def test_limits_between_which_nothing_lies(tool: Tool) -> None:
    tool.common |= {"minSize": "2K", "maxSize": "2047"}
    tool.common |= {"modifiedAfter": "1h", "modifiedBefore": "2h"}
    ended = tool.run()
    assert ended.code == 2
    assert "maxSize is smaller than minSize" in ended.err
    assert "modifiedBefore is before modifiedAfter" in ended.err
