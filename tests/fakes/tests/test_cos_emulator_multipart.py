"""Multipart uploads, copies and ACLs of the embedded COS."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fastcrc
import pytest
from qcloud_cos.cos_exception import CosServiceError

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.cos_server import sdk_of, serve, texts
from tests.fakes.cos_wire import BUCKET, HOST, SECRET_ID, SECRET_KEY, Got, call

MIB = 1 << 20


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    with serve(tmp_path / "cos", min_part_size=4) as server:
        yield server


def begin(cos: EmbeddedCos, key: str, **headers: str) -> str:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    got = call(cos.port, "POST", key, params=(("uploads", ""),), headers=sent)
    return texts("UploadId", got)[0]


def put_part(cos: EmbeddedCos, key: str, upload: str, number: int, body: bytes) -> str:
    params = (("partNumber", str(number)), ("uploadId", upload))
    got = call(cos.port, "PUT", key, params=params, body=body)
    assert got.headers["x-cos-hash-crc64ecma"] == str(fastcrc.crc64.xz(body))
    return got.headers["ETag"]


def complete(cos: EmbeddedCos, key: str, upload: str, parts: list[tuple[int, str]]) -> Got:
    listed = "".join(
        f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in parts
    )
    body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    return call(cos.port, "POST", key, params=(("uploadId", upload),), body=body)


def test_a_multipart_upload(cos: EmbeddedCos) -> None:
    key = "dir/100%25 é&"
    kept = {
        "x_cos_meta_a": "b",
        "x_cos_acl": "public-read",
        "x_cos_server_side_encryption": "AES256",
    }
    upload = begin(cos, key, **kept)
    pieces = [os.urandom(500), os.urandom(400), b"last"]
    etags = [put_part(cos, key, upload, n, piece) for n, piece in enumerate(pieces, 1)]
    put_part(cos, key, upload, 2, b"thought better of it")
    etags[1] = put_part(cos, key, upload, 2, pieces[1])
    assert cos.keys(BUCKET) == []
    got = complete(cos, key, upload, list(enumerate(etags, 1)))
    md5s = b"".join(hashlib.md5(piece).digest() for piece in pieces)
    assert texts("ETag", got) == [f'"{hashlib.md5(md5s).hexdigest()}-3"']
    whole = b"".join(pieces)
    assert got.headers["x-cos-hash-crc64ecma"] == str(fastcrc.crc64.xz(whole))
    assert call(cos.port, "GET", key).body == whole
    head = call(cos.port, "HEAD", key).headers
    assert (head["x-cos-meta-a"], head["x-cos-server-side-encryption"]) == ("b", "AES256")
    assert cos.object_head(BUCKET, key).acl == "public-read"
    assert complete(cos, key, upload, list(enumerate(etags, 1))).code == "NoSuchUpload"
    assert not list((cos.store.folder / ".uploads").iterdir())


def test_completions_that_are_refused(cos: EmbeddedCos) -> None:
    upload = begin(cos, "k")
    one, two = (put_part(cos, "k", upload, n, b"x" * n) for n in (1, 2))

    def code(*parts: tuple[int, str]) -> str:
        return complete(cos, "k", upload, list(parts)).code

    assert code() == "MalformedXML"
    assert code((2, two), (1, one)) == "InvalidPartOrder"
    assert code((1, one), (1, one)) == "InvalidPartOrder"
    assert code((2, two)) == "InvalidPart"
    assert code((1, one), (3, two)) == "InvalidPart"
    assert code((1, two)) == "InvalidPart"
    assert code((1, one), (2, two)) == "EntityTooSmall"
    assert complete(cos, "other", upload, [(1, one)]).code == "NoSuchUpload"
    for body in (b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>", b"<Other/>"):
        got = call(cos.port, "POST", "k", params=(("uploadId", upload),), body=body)
        assert got.code == "MalformedXML"
    for number in ("0", "10001", "x", ""):
        params = (("partNumber", number), ("uploadId", upload))
        assert call(cos.port, "PUT", "k", params=params).code == "InvalidArgument"
    assert code((1, one)) == ""
    assert cos.object_bytes(BUCKET, "k") == b"x"


def test_parts_are_listed_in_pages_and_uploads_at_once(cos: EmbeddedCos) -> None:
    sdk, key = sdk_of(cos), "k%41 +"
    upload = begin(cos, key)
    for number in (1, 2, 5, 9, 10):
        put_part(cos, key, upload, number, b"x" * number)
    numbers: list[str] = []
    marker = 0
    while True:
        page = sdk.list_parts(BUCKET, key, upload, MaxParts=2, PartNumberMarker=marker)
        assert page["Key"] == key
        numbers += [part["PartNumber"] for part in page["Part"]]
        if page["IsTruncated"] == "false":
            break
        marker = int(page["NextPartNumberMarker"])
    assert numbers == ["1", "2", "5", "9", "10"]

    others = {begin(cos, "m"), begin(cos, "m"), begin(cos, "n")}
    found = sdk.list_multipart_uploads(BUCKET)["Upload"]
    assert [item["Key"] for item in found] == [key, "m", "m", "n"]
    assert {item["UploadId"] for item in found} == {upload, *others}
    sdk.abort_multipart_upload(BUCKET, key, upload)
    with pytest.raises(CosServiceError) as caught:
        sdk.list_parts(BUCKET, key, upload)
    assert caught.value.get_error_code() == "NoSuchUpload"


def test_copies(cos: EmbeddedCos) -> None:
    kept = {"content-type": "text/x-odd", "x-cos-meta-a": "1", "x-cos-storage-class": "ARCHIVE"}
    etag = call(cos.port, "PUT", "from +%41é", headers=kept, body=b"0123456789").headers["ETag"]
    source = {"x-cos-copy-source": f"{HOST}/from%20%2B%2541%C3%A9"}

    def copy(key: str = "to", **headers: str) -> Got:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(cos.port, "PUT", key, headers=source | sent)

    got = copy()
    assert texts("ETag", got) == [etag]
    assert texts("CRC64", got) == [got.headers["x-cos-hash-crc64ecma"]]
    head = call(cos.port, "HEAD", "to").headers
    assert (head["Content-Type"], head["x-cos-meta-a"]) == ("text/x-odd", "1")
    assert "x-cos-storage-class" not in head, "a copy's storage class is its own"
    copy(x_cos_metadata_directive="Replaced", x_cos_meta_b="2", x_cos_storage_class="COLD")
    head = call(cos.port, "HEAD", "to").headers
    assert (head.get("x-cos-meta-a"), head["x-cos-meta-b"]) == (None, "2")
    assert head["x-cos-storage-class"] == "COLD"
    assert copy("from +%41é").code == "InvalidRequest"
    assert copy("from +%41é", x_cos_metadata_directive="Replaced").status == 200
    assert copy(x_cos_metadata_directive="other").code == "InvalidArgument"
    assert copy(x_cos_copy_source_if_match=etag).status == 200
    assert copy(x_cos_copy_source_if_match='"0"').code == "PreconditionFailed"
    assert copy(x_cos_copy_source_if_none_match=etag).code == "PreconditionFailed"
    assert call(cos.port, "PUT", "k", headers={"x-cos-copy-source": f"{HOST}/none"}).code == (
        "NoSuchKey"
    )
    upload = begin(cos, "joined")
    etags: list[tuple[int, str]] = []
    part = (("partNumber", "1"), ("uploadId", upload))
    for span in ("bytes=5-10", "bytes=10-10", "bytes=99-100", "bytes=9-5"):
        ranged = source | {"x-cos-copy-source-range": span}
        got = call(cos.port, "PUT", "joined", params=part, headers=ranged)
        assert (got.status, got.code) == (416, "InvalidRange"), span
    for number, span in enumerate(("bytes=5-9", "bytes=0-4"), 1):
        params = (("partNumber", str(number)), ("uploadId", upload))
        ranged = source | {"x-cos-copy-source-range": span}
        got = call(cos.port, "PUT", "joined", params=params, headers=ranged)
        etags.append((number, texts("ETag", got)[0]))
    assert complete(cos, "joined", upload, etags).status == 200
    assert cos.object_bytes(BUCKET, "joined") == b"5678901234"


def test_acls(cos: EmbeddedCos) -> None:
    sdk = sdk_of(cos)

    def grants(key: str = "k") -> list[tuple[str, str]]:
        found = sdk.get_object_acl(BUCKET, key)["AccessControlList"]["Grant"]
        return [(g["Permission"], g["Grantee"].get("URI") or g["Grantee"]["ID"]) for g in found][1:]

    everyone = "http://cam.qcloud.com/groups/global/AllUsers"
    sdk.put_object(BUCKET, b"x", "k", ACL="public-read")
    assert grants() == [("READ", everyone)]
    assert call(cos.port, "GET", "k", params=(("acl", ""),)).headers["x-cos-acl"] == "public-read"
    someone = "qcs::cam::uin/1:uin/2"
    sdk.put_object(BUCKET, b"x", "k", GrantRead=f'id="{someone}"', GrantFullControl='id="b"')
    assert grants() == [("READ", someone), ("FULL_CONTROL", "b")]
    sdk.put_object(BUCKET, b"x", "k")
    assert grants() == []
    source = {"Bucket": BUCKET, "Key": "k", "Region": "ap-guangzhou"}
    sdk.copy_object(BUCKET, "copy", source, ACL="public-read-write")
    assert grants("copy") == [("READ", everyone), ("WRITE", everyone)]


# --- the official command line


def test_coscmd_uploads_in_parts(cos: EmbeddedCos, tmp_path: Path) -> None:
    content = os.urandom(21 * MIB + 5)  # coscmd takes nothing up to 20 MiB apart
    (tmp_path / "a b%.bin").write_bytes(content)
    (tmp_path / "cos.conf").write_text(
        f"[common]\nsecret_id = {SECRET_ID}\nsecret_key = {SECRET_KEY}\nbucket = {BUCKET}\n"
        "region = ap-guangzhou\nmax_thread = 2\npart_size = 10\nmultiupload_threshold = 20\n"
        "retry = 1\ntimeout = 20\n"
        "schema = http\nverify = md5\nanonymous = False\n",
        encoding="utf-8",
    )
    words = ("-c", "cos.conf", "-l", "c.log", "upload", "a b%.bin", "up/")
    answer = subprocess.run(
        [Path(sys.executable).with_name("coscmd"), *words],
        cwd=tmp_path,
        env={**os.environ, "http_proxy": f"http://127.0.0.1:{cos.port}", "PYTHONUTF8": "1"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert cos.object_bytes(BUCKET, "up/a b%.bin") == content
    assert cos.operations().count("UploadPart") == 3
