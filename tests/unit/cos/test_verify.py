"""Answers of COS are compared with what was sent: which are believed, and which are not."""

from __future__ import annotations

import hashlib

import pytest

from cos_migrate.cos import verify
from cos_migrate.cos.payload import BytesPayload
from cos_migrate.cos.verify import Copied, ObjectHead
from cos_migrate.errors import CosError, SourceChanged
from cos_migrate.http.messages import Response

BODY = BytesPayload(b"hello")
MD5 = hashlib.md5(b"hello").hexdigest()
COPY = Copied("etag", None, "id")


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Response:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Response(status, named, body)


def test_a_redirected_put_is_no_success() -> None:
    right = str(BODY.crc64)
    for given in (right, f"{right} \t"):  # blanks behind a value are none of it
        assert verify.verify_put(answer(x_cos_hash_crc64ecma=given), "/a", BODY.crc64) == ""
    assert verify.verify_put(answer(), "/a", BODY.crc64) is None
    for wrong in (
        answer(302, x_cos_hash_crc64ecma=right),
        answer(x_cos_hash_crc64ecma="1"),
        answer(x_cos_hash_crc64ecma=f"{BODY.crc64 + 1} \t"),
    ):
        with pytest.raises(CosError):
            verify.verify_put(wrong, "/a", BODY.crc64)


def test_without_a_crc_64_the_etag_of_an_upload_counts() -> None:
    for etag in (MD5, MD5.upper()):
        stored = verify.verify_upload(
            answer(etag=f'"{etag}"'), BODY, "PutObject", "/a", etag_is_md5=True
        )
        assert (stored.etag, stored.unverified) == (etag, verify.NO_CRC64)
    for wrong in (answer(), answer(etag="0" * 32)):
        with pytest.raises(CosError):
            verify.verify_upload(wrong, BODY, "PutObject", "/a", etag_is_md5=True)


@pytest.mark.parametrize(
    "head", [None, ObjectHead(6, "etag", None, "", ""), ObjectHead(5, "other", None, "", "")]
)
def test_another_object_at_the_path_is_noticed(head: ObjectHead | None) -> None:
    with pytest.raises(CosError, match="size or ETag differs"):
        verify.verify_head(head, "/a", 5, 17, COPY)


@pytest.mark.parametrize(
    ("crc64", "told", "unverified"),
    [(17, 17, ""), (17, None, verify.NO_CRC64), (-1, 17, verify.NO_SOURCE_CRC64)],
)
def test_what_a_head_proves(crc64: int, told: int | None, unverified: str) -> None:
    stored = verify.verify_head(ObjectHead(5, "etag", told, "", ""), "/a", 5, crc64, COPY)
    assert stored.unverified == unverified


def test_the_crc_64_of_a_copy_is_that_of_the_header_where_there_is_one() -> None:
    body = b"<CopyObjectResult><ETag>e</ETag><CRC64>5</CRC64></CopyObjectResult>"
    assert verify.read_copy(answer(200, body), "PutObjectCopy", "/a").crc64 == 5
    both = answer(200, body, x_cos_hash_crc64ecma="7")
    assert verify.read_copy(both, "PutObjectCopy", "/a").crc64 == 7


def test_a_refused_condition_of_a_copy_is_a_change_of_the_source() -> None:
    error = CosError("no", operation="PutObjectCopy", target="/a", status=412)
    assert isinstance(verify.copy_error(error), SourceChanged)
