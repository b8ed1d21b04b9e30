"""The embedded COS judged by the official SDK and coscmd, and its signature check by tampering."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.payload import BytesPayload
from cos_migrate.cos.requests import Access
from cos_migrate.cos.settings import CosSettings
from cos_migrate.emulator import EmbeddedCos
from cos_migrate.model import Credentials
from tests.fakes.cos_server import coscmd
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Tool

MIB = 1 << 20
ODD_KEYS = [
    "a",
    "a/b",
    "a/",
    "A",
    "double//slash",
    "with blank",
    "100%41+plus",
    "ünï/코드/迁移",
    "emoji 🚚",
    "?query&amp=#x",
    "quote\"'<>",
    "back\\slash",
    "l" * 850,
    "é" * 425,
]


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    folder = tmp_path / "cos"
    folder.mkdir()
    with EmbeddedCos(folder, secret_id=SECRET_ID, secret_key=SECRET_KEY) as server:
        yield server


@pytest.fixture
def sdk(cos: EmbeddedCos) -> Any:
    return client_of(cos.port)


def client_of(port: int, secret_key: str = SECRET_KEY) -> Any:
    proxies = {"http": f"http://127.0.0.1:{port}"}
    config = CosConfig(
        Region="ap-guangzhou",
        SecretId=SECRET_ID,
        SecretKey=secret_key,
        Scheme="http",
        Proxies=proxies,
    )
    return CosS3Client(config, retry=0)


def test_odd_keys_round_trip(cos: EmbeddedCos, sdk: Any) -> None:
    for key in ODD_KEYS:
        sdk.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    listed: list[str] = []
    marker = ""
    while True:
        page = sdk.list_objects(Bucket=BUCKET, Marker=marker, MaxKeys=5, EncodingType="url")
        listed += [item["Key"] for item in page.get("Contents", [])]
        if page["IsTruncated"] == "false":
            break
        marker = page["NextMarker"]
    assert [unquote(key) for key in listed] == sorted(ODD_KEYS, key=str.encode)
    for key in ODD_KEYS:
        got = sdk.get_object(Bucket=BUCKET, Key=key)
        assert got["Body"].get_raw_stream().read() == key.encode()
    assert (cos.store.folder / BUCKET / "with blank").read_bytes() == b"with blank"
    sdk.delete_object(Bucket=BUCKET, Key="a")
    assert "a" not in cos.keys(BUCKET)
    assert "a/b" in cos.keys(BUCKET)


@pytest.mark.parametrize("key", ["../up", ".", "a/../b", "./c"])
def test_keys_that_look_like_ways_up(cos: EmbeddedCos, key: str, tmp_path: Path) -> None:
    """The SDK's HTTP library would resolve them; a plain client sends them as they are."""
    settings = CosSettings(
        BUCKET, "ap-guangzhou", Credentials(SECRET_ID, SECRET_KEY), suffix=f"localhost:{cos.port}"
    )
    client = CosClient(Access(settings))
    client.upload_object(f"/{key}", BytesPayload(b"up"), [])
    client.close()
    assert cos.object_bytes(BUCKET, key) == b"up"
    assert {path.name for path in tmp_path.iterdir()} == {"cos"}


def test_the_sdk_uploads_downloads_and_copies(cos: EmbeddedCos, sdk: Any, tmp_path: Path) -> None:
    content = os.urandom(5 * MIB + 77)
    (tmp_path / "big").write_bytes(content)
    sdk.upload_file(
        Bucket=BUCKET, Key="big", LocalFilePath=str(tmp_path / "big"), PartSize=2, EnableMD5=True
    )
    assert cos.object_bytes(BUCKET, "big") == content
    sdk.download_file(Bucket=BUCKET, Key="big", DestFilePath=str(tmp_path / "back"), PartSize=2)
    assert (tmp_path / "back").read_bytes() == content
    part = sdk.get_object(Bucket=BUCKET, Key="big", Range="bytes=10-19")
    assert part["Body"].get_raw_stream().read() == content[10:20]
    source = {"Bucket": BUCKET, "Key": "big", "Region": "ap-guangzhou"}
    sdk.copy_object(Bucket=BUCKET, Key="copy", CopySource=source)
    assert cos.object_bytes(BUCKET, "copy") == content
    upload = sdk.create_multipart_upload(Bucket=BUCKET, Key="joined")["UploadId"]
    etags = []
    for number, span in enumerate(("bytes=0-2097151", f"bytes=2097152-{len(content) - 1}"), 1):
        answer = sdk.upload_part_copy(
            Bucket=BUCKET,
            Key="joined",
            PartNumber=number,
            UploadId=upload,
            CopySource=source,
            CopySourceRange=span,
        )
        etags.append({"PartNumber": number, "ETag": answer["ETag"]})
    listed = sdk.list_parts(Bucket=BUCKET, Key="joined", UploadId=upload, MaxParts=1)
    assert (listed["IsTruncated"], listed["NextPartNumberMarker"]) == ("true", "1")
    sdk.complete_multipart_upload(
        Bucket=BUCKET, Key="joined", UploadId=upload, MultipartUpload={"Part": etags}
    )
    assert cos.object_bytes(BUCKET, "joined") == content
    upload = sdk.create_multipart_upload(Bucket=BUCKET, Key="dropped")["UploadId"]
    assert len(sdk.list_multipart_uploads(Bucket=BUCKET)["Upload"]) == 1
    sdk.abort_multipart_upload(Bucket=BUCKET, Key="dropped", UploadId=upload)
    with pytest.raises(CosServiceError) as caught:
        sdk.list_parts(Bucket=BUCKET, Key="dropped", UploadId=upload)
    assert caught.value.get_error_code() == "NoSuchUpload"


def test_an_object_that_is_missing(sdk: Any) -> None:
    with pytest.raises(CosServiceError) as caught:
        sdk.get_object(Bucket=BUCKET, Key="none")
    assert (caught.value.get_status_code(), caught.value.get_error_code()) == (404, "NoSuchKey")


def test_a_presigned_url(cos: EmbeddedCos, sdk: Any) -> None:
    sdk.put_object(Bucket=BUCKET, Key="a b", Body=b"content")
    url = sdk.get_presigned_url(Bucket=BUCKET, Key="a b", Method="GET", Expired=100)
    opener = build_opener(ProxyHandler({"http": f"http://127.0.0.1:{cos.port}"}))
    with opener.open(url) as answer:
        assert answer.read() == b"content"
    with pytest.raises(Exception, match="403"):
        opener.open(url.replace("a%20b", "other"))


def test_the_official_tools_see_what_we_uploaded(cos: EmbeddedCos, tmp_path: Path) -> None:
    """Migrate with our tool, then look with the SDK and with coscmd."""
    tool = Tool(tmp_path / "tool", cos.port)
    tool.put("docs/a b+%.txt", "hello")
    tool.put("docs/ünï 코드.txt", "unicode")
    tool.put("docs/big.bin", os.urandom(11 * MIB))
    assert tool.run("-Dcommon.cosPath=/up/").code == 0
    files = {f"up/{p.relative_to(tool.data).as_posix()}": p for p in tool.data.rglob("*.*")}
    sdk = client_of(cos.port)
    page = sdk.list_objects(Bucket=BUCKET)
    assert {item["Key"] for item in page["Contents"]} == set(files)
    for key, path in files.items():
        got = sdk.get_object(Bucket=BUCKET, Key=key)
        assert got["Body"].get_raw_stream().read() == path.read_bytes()
        assert got["x-cos-meta-md5"] == hashlib.md5(path.read_bytes()).hexdigest()

    back = tmp_path / "back"
    back.mkdir()
    own = partial(coscmd, cos, tmp_path, bucket=BUCKET, keys=(SECRET_ID, SECRET_KEY))
    listing = own("list", "-r", "up/")
    assert "big.bin" in listing
    own("download", "-r", "up/docs/", f"{back}/")
    for key, path in files.items():
        assert (back / key.removeprefix("up/docs/")).read_bytes() == path.read_bytes()


def test_as_a_program(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            *("-m", "cos_migrate.emulator", "--dir", str(tmp_path / "d"), "--port", "0"),
            *("--secret-id", SECRET_ID, "--secret-key", SECRET_KEY),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    line = process.stdout.readline()
    try:
        assert line.startswith("embedded COS listening on http://127.0.0.1:")
        client_of(int(line.rpartition(":")[2])).put_object(Bucket=BUCKET, Key="k", Body=b"x")
        assert (tmp_path / "d" / BUCKET / "k").read_bytes() == b"x"
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0


def test_it_needs_no_resolver(cos: EmbeddedCos) -> None:
    request = Request(f"http://127.0.0.1:{cos.port}/", headers={"Host": f"{BUCKET}.localhost"})
    with pytest.raises(Exception, match="403"):
        build_opener(ProxyHandler({})).open(request)
