"""Verifies answers of COS: what was stored must be what was sent. Pure functions of one answer.

Both drivers of uploads use them: the event loop of small objects, and the client of the threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cos_migrate.cos.errors import ARCHIVED, error_of, incomplete_answer, is_error
from cos_migrate.cos.payload import Payload
from cos_migrate.errors import (
    CHANGED_SINCE_LISTED,
    DOES_NOT_EXIST,
    Code,
    CosError,
    SourceChanged,
    SourceError,
)
from cos_migrate.http.messages import Response
from cos_migrate.http.xml_texts import find_text
from cos_migrate.model import NO_HEADERS

NO_CRC64 = "COS sent no CRC-64"
NO_SOURCE_CRC64 = "the source has no CRC-64"


class Stored(NamedTuple):
    """What COS has answered about an object or part that was sent: ETag, request id, CRC-64."""

    etag: str
    """Without quotes."""
    crc64: int
    request_id: str
    unverified: str = ""
    """Why only size and ETag were compared; empty: the CRC-64 agreed."""


class Copied(NamedTuple):
    """What COS has answered about an object or part that it has copied."""

    etag: str
    """Without quotes."""
    crc64: int | None
    request_id: str


class ObjectHead(NamedTuple):
    """The description of an object in an answer to HEAD."""

    size: int
    """Bytes."""
    etag: str
    """Without quotes."""
    crc64: int | None
    last_modified: str
    request_id: str
    headers: Mapping[str, str] = NO_HEADERS
    """All headers, with lower-case names."""


def verify_put(response: Response, cos_path: str, crc64: int) -> str | None:
    """Compare the answer to PutObject with the CRC-64 of what was sent; return its request id.

    Returns None for an answer without a CRC-64. Raises CosError.
    """
    if response.status >= 300:  # noqa: PLR2004 - HTTP
        raise error_of(response, "PutObject", cos_path)
    stored = crc64_of(response)
    if stored is None:
        return None
    request_id = response.header(b"x-cos-request-id")
    verify_crc64(stored, crc64, "PutObject", cos_path, request_id)
    return request_id


def verify_upload(
    response: Response, payload: Payload, operation: str, cos_path: str, *, etag_is_md5: bool
) -> Stored:
    """Compare the answer to an upload with its payload, by CRC-64, else by ETag.

    Raises CosError.
    """
    request_id = response.header(b"x-cos-request-id")
    etag = response.header(b"etag").strip('"')
    stored = crc64_of(response)
    if stored is not None:
        verify_crc64(stored, payload.crc64, operation, cos_path, request_id)
        return Stored(etag, stored, request_id)
    if not etag:
        raise incomplete_answer(response, operation, cos_path)
    if etag_is_md5 and etag.lower() != payload.md5():
        raise mismatch_error(operation, cos_path, request_id, "ETag")
    return Stored(etag, payload.crc64, request_id, NO_CRC64)


def verify_head(
    head: ObjectHead | None, cos_path: str, size: int, crc64: int, answered: Copied | Stored
) -> Stored:
    """Compare an object whose upload was answered without CRC-64, by HEAD. Raises CosError.

    `size` (bytes) and `crc64` are those of the source; -1: not known.
    """
    etag, request_id = answered.etag, answered.request_id
    if head is None or head.size != size or head.etag != etag:
        raise mismatch_error(
            "HeadObject", cos_path, head.request_id if head else "", "size or ETag"
        )
    if crc64 < 0:
        return Stored(etag, crc64, request_id, NO_SOURCE_CRC64)
    if head.crc64 is not None:
        verify_crc64(head.crc64, crc64, "HeadObject", cos_path, head.request_id)
        return Stored(etag, crc64, request_id)
    return Stored(etag, crc64, request_id, NO_CRC64)


def read_object_head(response: Response) -> ObjectHead:
    """Read the answer to HEAD."""
    return ObjectHead(
        int(response.header(b"content-length") or -1),
        response.header(b"etag").strip('"'),
        crc64_of(response),
        response.header(b"last-modified"),
        response.header(b"x-cos-request-id"),
        {name.decode("latin-1"): response.header(name) for name in response.headers},
    )


def read_result(response: Response, operation: str, cos_path: str) -> Copied:
    """Read the result of a copy, or of joining parts. Raises CosError.

    COS sends the status 200 when it begins, and the result or an error in the body when it ends.
    """
    if is_error(response.body):
        raise error_of(response, operation, cos_path)
    etag = find_text(response.body, "ETag").strip('"')
    if not etag:
        raise incomplete_answer(response, operation, cos_path)
    return Copied(etag, crc64_of(response), response.header(b"x-cos-request-id"))


def read_copy(response: Response, operation: str, cos_path: str) -> Copied:
    """Read the result of a copy, whose CRC-64 may be in the body. Raises CosError."""
    copied = read_result(response, operation, cos_path)
    text = find_text(response.body, "CRC64")
    if copied.crc64 is None and text.isdigit():
        return copied._replace(crc64=int(text))
    return copied


def copy_error(error: CosError) -> CosError | SourceError:
    """Return the error of a copy, as one of the source where the source caused it."""
    kind, code, text = SourceError, error.code, ""
    if error.status == 412:  # noqa: PLR2004 - HTTP
        kind, code, text = SourceChanged, Code.CHANGED, CHANGED_SINCE_LISTED
    elif error.code == Code.NO_SUCH_KEY:
        text = DOES_NOT_EXIST
    elif error.code == ARCHIVED:
        text = "it is archived and must be restored before it can be copied"
    if not text:
        return error
    return kind(
        text,
        operation=error.operation,
        target=error.target,
        status=error.status,
        code=code,
        request_id=error.request_id,
        trace_id=error.trace_id,
        side=error.side,
    )


def is_etag_of_parts(etag: str, parts: int) -> bool:
    """Return whether an ETag is that of an object with this number of parts."""
    return etag.endswith(f"-{parts}")


def crc64_of(response: Response) -> int | None:
    """Return the CRC-64 in an answer; None: it has none."""
    text = response.headers.get(b"x-cos-hash-crc64ecma")
    return int(text) if text and (text.isdigit() or text.strip().isdigit()) else None


def verify_crc64(
    stored: int, expected: int, operation: str, cos_path: str, request_id: str
) -> None:
    """Raise CosError when the CRC-64 of what COS stored is not the expected one."""
    if stored != expected:
        raise mismatch_error(operation, cos_path, request_id, "CRC-64")


def mismatch_error(
    operation: str, cos_path: str, request_id: str, aspect: str, *, retryable: bool = True
) -> CosError:
    """Return the error of an object whose `aspect`, such as its size, differs on COS."""
    return CosError(
        f"the content that COS stored is not the one sent: its {aspect} differs",
        operation=operation,
        target=cos_path,
        code=Code.CHECKSUM_MISMATCH,
        request_id=request_id,
        retryable=retryable,
    )
