"""Inventories in place of listings, with the whole tool, as a user runs it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.fakes.oss_server import BUCKET as OSS_BUCKET
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import BUCKET as S3_BUCKET
from tests.fakes.s3_server import Fault, S3Server
from tests.fakes.s3_store import Bucket, kept_of
from tests.functional.cloud_tool import counted, stored
from tests.functional.more_sites import CopySite
from tests.functional.sites import SOURCE, AliSite, AwsSite, ServerSite
from tests.functional.waiting import HeldCos

KEYS = ("plain", "a b+c%41&d?.txt", "\u6587/\u4ef6 \U0001f600.txt")
SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"


@pytest.fixture(name="aws")
def _aws(tmp_path: Path, cos: HeldCos, s3: S3Server) -> AwsSite:
    return AwsSite(tmp_path, cos, s3)


@pytest.fixture(name="site", params=["aws", "ali", "copy"])
def _site(
    request: pytest.FixtureRequest, tmp_path: Path, cos: HeldCos, s3: S3Server
) -> Iterator[ServerSite]:
    if request.param == "aws":
        yield AwsSite(tmp_path, cos, s3)
    elif request.param == "ali":
        with OssServer() as oss:
            yield AliSite(tmp_path, cos, oss)
    else:
        site = CopySite(tmp_path, cos)
        with site.server:
            yield site


def row_of(site: ServerSite, key: str, **changed: str) -> list[str]:
    """Return the row of an object as it is now; COS states the storage class besides."""
    _, value = site.record_of(key, f"/{key}")
    found = re.search(r"ize: (\d+)\],? \[\w*tag: ([^]]*)\]", value)
    assert found
    cells = {
        "bucket": "b",
        "key": quote(key, safe="").replace("%20", "+"),
        "version": "v1",
        "latest": "true",
        "marker": "false",
        "size": found[1],
        "time": "2026-01-02T03:04:05.000Z",
        "etag": found[2],
        "class": "STANDARD",
    }
    return list((cells | changed).values())


def csv_of(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


def manifest_of(site: ServerSite, files: dict[str, bytes], **changed: object) -> bytes:
    owner = {}
    bucket = OSS_BUCKET if isinstance(site, AliSite) else S3_BUCKET
    if isinstance(site, CopySite):
        bucket, _, appid = SOURCE.rpartition("-")
        owner = {"sourceAppid": appid}
    listed = [
        {"key": f"inv/data/{name}", "size": len(body), "MD5checksum": _md5(body).upper()}
        for name, body in files.items()
    ]
    schema = f"{SCHEMA}, StorageClass"
    fixed = {"sourceBucket": bucket, "fileFormat": "CSV", "fileSchema": schema, "files": listed}
    return json.dumps(fixed | owner | changed).encode()


def _md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def place(folder: Path, manifest: bytes, files: dict[str, bytes]) -> str:
    """Write an inventory as it is downloaded; return the path of its manifest."""
    folder.mkdir(exist_ok=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    path = folder / "manifest.json"
    path.write_bytes(manifest)
    return str(path)


def test_rows_are_the_list(site: ServerSite, cos: HeldCos, tmp_path: Path) -> None:
    for key in (*KEYS, "not-in-it"):
        site.put(key, f"content of {key}".encode())
    one, *others = [row_of(site, key) for key in KEYS]
    old = row_of(site, "not-in-it", latest="false")
    removed = row_of(site, "not-in-it", marker="true")
    files = {
        "1.csv.gz": gzip.compress(csv_of([one, old])) + gzip.compress(csv_of([removed])),
        "2.csv": csv_of(others),
    }
    place(tmp_path / "inventory", manifest_of(site, files), files)
    site.tool.cloud["inventory"] = str(tmp_path / "inventory" / "manifest.json")
    site.forget()
    ended = site.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=len(KEYS))), ended.err
    assert stored(cos) == {key: f"content of {key}".encode() for key in KEYS}
    assert not site.idle & set(site.operations())
    ended = site.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(skip=len(KEYS))), ended.err


def test_an_inventory_in_another_bucket(aws: AwsSite, s3: S3Server, cos: HeldCos) -> None:
    """Its objects are asked about where it has no ETags; keys outside the prefix are left out."""
    rows = []
    for key in ("in/a", "in/b", "out"):
        s3.put(key, key.encode())
        rows.append([S3_BUCKET, key, "", ""])
    files = {"1.csv.gz": gzip.compress(csv_of(rows))}
    held = s3.buckets["inventories"] = Bucket()
    manifest = manifest_of(aws, files, fileSchema="Bucket, Key, VersionId, Size")
    held.put("inv/manifest.json", kept_of(manifest))
    held.put("inv/data/1.csv.gz", kept_of(files["1.csv.gz"]))
    aws.tool.cloud |= {"inventory": "bucket://inventories/inv/manifest.json", "prefix": "in/"}
    aws.forget()
    ended = aws.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.err
    assert stored(cos) == {"a": b"in/a", "b": b"in/b"}
    assert not s3.asked("ListObjectsV2")


def test_an_inventory_of_another_bucket(aws: AwsSite, tmp_path: Path, cos: HeldCos) -> None:
    manifest = manifest_of(aws, {}, sourceBucket="other")
    aws.tool.cloud["inventory"] = place(tmp_path / "inventory", manifest, {})
    ended = aws.tool.run()
    assert ended.code == 2
    assert "it is the inventory of the bucket other, not of source-bucket" in ended.err
    aws.tool.cloud["uriList"] = aws.tool.cloud["inventory"]
    ended = aws.tool.run()
    assert ended.code == 2
    assert "uriList names the objects already" in ended.err
    assert not cos.operations()


@pytest.mark.parametrize("damage", ["changed", "broken", "missing"])
def test_damaged_data_files(aws: AwsSite, tmp_path: Path, damage: str) -> None:
    aws.put("a", b"x")
    files = {"1.csv.gz": gzip.compress(csv_of([row_of(aws, "a")]))}
    path = place(tmp_path / "inventory", manifest_of(aws, files), files)
    aws.tool.cloud["inventory"] = path
    data = tmp_path / "inventory" / "1.csv.gz"
    if damage == "changed":
        data.write_bytes(files["1.csv.gz"] + gzip.compress(b""))
    elif damage == "broken":
        data.write_bytes(files["1.csv.gz"][:-10])
    else:
        data.unlink()
    ended = aws.tool.run()
    assert (ended.code, ended.list_finished) == (1, False), ended.err
    assert "the inventory's file inv/data/1.csv.gz cannot be used" in ended.err


def test_a_manifest_that_cannot_be_read(aws: AwsSite, s3: S3Server) -> None:
    s3.buckets["inventories"] = Bucket()
    aws.tool.cloud["inventory"] = "bucket://inventories/manifest.json"
    ended = aws.tool.run()
    assert (ended.code, ended.list_finished) == (1, False)
    assert "manifest.json: it does not exist" in ended.err
    s3.buckets["inventories"].put("manifest.json", kept_of(manifest_of(aws, {})))
    s3.faults.append(Fault("status", "GetObject", times=2, status=503))
    ended = aws.tool.run()
    assert (ended.code, ended.counts()) == (0, counted()), ended.err


def test_tables_without_the_extra(aws: AwsSite, tmp_path: Path) -> None:
    """What the tool's own environment answers, which has no pyarrow."""
    schema = "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); }"
    manifest = manifest_of(aws, {}, fileFormat="Parquet", fileSchema=schema)
    aws.tool.cloud["inventory"] = place(tmp_path / "inventory", manifest, {})
    aws.tool.code = (
        "import sys; sys.modules['pyarrow'] = None; "
        "from cos_migrate.cli.main import main; raise SystemExit(main())"
    )
    ended = aws.tool.run()
    assert ended.code == 2
    assert (
        "PARQUET, which need the extra inventory: start the tool with --install inventory"
        in ended.err
    )
