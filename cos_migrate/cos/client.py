"""Uploads, copies and HEADs of objects, with retries.

Every upload is verified: COS must answer the CRC-64 of the bytes that were sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from cos_migrate.cos.errors import incomplete_answer
from cos_migrate.cos.payload import BytesPayload, Payload
from cos_migrate.cos.requests import Access, Headers
from cos_migrate.cos.sender import EMPTY, CosRequest, Sender
from cos_migrate.cos.verify import (
    NO_SOURCE_CRC64,
    Copied,
    ObjectHead,
    Stored,
    copy_error,
    is_etag_of_parts,
    mismatch_error,
    read_copy,
    read_object_head,
    read_result,
    verify_crc64,
    verify_head,
    verify_upload,
)
from cos_migrate.errors import Code, CosError, MigrateError
from cos_migrate.http.messages import Response
from cos_migrate.http.pacing import SidePace
from cos_migrate.http.xml_texts import find_text

T = TypeVar("T")

_REFUSED = frozenset({400, 403})
"""Statuses of refused credentials, among others."""
_COPY_SPEED = 4 << 20
"""Least bytes per second at which COS copies or joins; it may send nothing before it is done."""


class CosClient(Sender):
    """Moves objects to one bucket; belongs to one thread."""

    def __init__(self, access: Access, pace: SidePace | None = None) -> None:
        super().__init__(access, pace)
        self._upload_headers = access.upload_headers()
        self._limit_headers = access.limit_headers()

    def upload_object(
        self,
        cos_path: str,
        payload: Payload,
        headers: Headers,
        earlier: MigrateError | None = None,
    ) -> Stored:
        """Upload an object with one request and verify it.

        `headers` describe the object (lower-case names). `earlier`: the error of a first try that
        was made elsewhere. Raises CosError, TransportError and the errors of the payload.
        """
        sent = [*headers, *self._upload_headers, *self._limit_headers]

        def judge(response: Response) -> Stored:
            stored = self._verified(response, payload, "PutObject", cos_path)
            if not stored.unverified:
                return stored
            head = self.head_object(cos_path)
            return verify_head(head, cos_path, payload.size, payload.crc64, stored)

        return self.send(
            CosRequest("PutObject", "PUT", cos_path, (), sent, payload), judge, earlier
        )

    def initiate(self, cos_path: str, headers: Headers) -> str:
        """Begin a multipart upload and return its upload id."""

        def judge(response: Response) -> str:
            upload_id = find_text(response.body, "UploadId")
            if not upload_id:
                raise incomplete_answer(response, "InitiateMultipartUpload", cos_path)
            return upload_id

        sent = [*headers, *self._upload_headers]
        params = (("uploads", ""),)
        return self.send(
            CosRequest("InitiateMultipartUpload", "POST", cos_path, params, sent, EMPTY), judge
        )

    def upload_part(self, cos_path: str, upload_id: str, number: int, payload: Payload) -> Stored:
        """Upload part `number` (1-based) and verify it."""

        def judge(response: Response) -> Stored:
            return self._verified(response, payload, "UploadPart", cos_path)

        params = (("partNumber", str(number)), ("uploadId", upload_id))
        return self.send(
            CosRequest("UploadPart", "PUT", cos_path, params, self._limit_headers, payload), judge
        )

    def copy_object(self, cos_path: str, source: str, headers: Headers, size: int) -> Copied:
        """Let COS copy an object of `size` bytes from `source`, a value of `x-cos-copy-source`.

        Raises CosError (405, or 403 with operation `CopyObject`: COS refuses to copy), and
        SourceChanged or SourceError when the source object cannot be copied.
        """
        sent = [("x-cos-copy-source", source), *headers, *self._upload_headers]
        return self._copy("CopyObject", cos_path, (), sent, size)

    def copy_part(
        self,
        cos_path: str,
        upload_id: str,
        number: int,
        source: str,
        headers: Headers,
        offset: int,
        size: int,
    ) -> Copied:
        """Let COS copy `size` bytes of an object as part `number` (1-based).

        Raises what `copy_object` raises, with operation `UploadPartCopy`.
        """
        sent = [
            ("x-cos-copy-source", source),
            ("x-cos-copy-source-range", f"bytes={offset}-{offset + size - 1}"),
            *headers,
        ]
        params = (("partNumber", str(number)), ("uploadId", upload_id))
        return self._copy("UploadPartCopy", cos_path, params, sent, size)

    def _copy(
        self,
        operation: str,
        cos_path: str,
        params: Sequence[tuple[str, str]],
        headers: Headers,
        size: int,
    ) -> Copied:
        def judge(response: Response) -> Copied:
            return read_copy(response, operation, cos_path)

        silence = self.access.settings.timeouts.io + size / _COPY_SPEED
        try:
            return self.send(
                CosRequest(operation, "PUT", cos_path, params, headers, EMPTY, silence), judge
            )
        except CosError as error:
            raise copy_error(error) from error

    def verify_copy(self, cos_path: str, size: int, crc64: int, copied: Copied) -> Stored:
        """Compare a copy with its source, whose CRC-64 is `crc64`; -1: not known."""
        if crc64 >= 0 and copied.crc64 is not None:
            verify_crc64(copied.crc64, crc64, "CopyObject", cos_path, copied.request_id)
            return Stored(copied.etag, crc64, copied.request_id)
        return verify_head(self.head_object(cos_path), cos_path, size, crc64, copied)

    def complete(
        self,
        cos_path: str,
        upload_id: str,
        parts: Sequence[tuple[int, str]],
        size: int,
        crc64: int,
    ) -> Stored:
        """Join parts, given as (number, ETag), and verify the whole object.

        The object must have `size` bytes and the CRC-64 `crc64`; -1: not known.
        """
        items = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag></Part>"
            for number, etag in parts
        )
        body = f"<CompleteMultipartUpload>{items}</CompleteMultipartUpload>".encode()

        def judge(response: Response) -> Stored:
            joined = read_result(response, "CompleteMultipartUpload", cos_path)
            if joined.crc64 is None or crc64 < 0:
                return verify_head(self.head_object(cos_path), cos_path, size, crc64, joined)
            if joined.crc64 != crc64:
                # The parts are wrong, so joining them again cannot help.
                raise mismatch_error(
                    "CompleteMultipartUpload",
                    cos_path,
                    joined.request_id,
                    "CRC-64",
                    retryable=False,
                )
            return Stored(joined.etag, crc64, joined.request_id)

        try:
            return self.send(
                CosRequest(
                    "CompleteMultipartUpload",
                    "POST",
                    cos_path,
                    (("uploadId", upload_id),),
                    [("content-type", "application/xml")],
                    BytesPayload(body),
                    silence=self.access.settings.timeouts.io + size / _COPY_SPEED,
                ),
                judge,
            )
        except CosError as error:
            # The answer to an earlier try may be lost: then the object exists.
            if error.code == Code.NO_SUCH_UPLOAD:
                head = self.head_object(cos_path)
                if head and head.size == size and head.crc64 == crc64:
                    return Stored(head.etag, crc64, head.request_id)
                if (
                    head
                    and head.size == size
                    and crc64 < 0
                    and is_etag_of_parts(head.etag, len(parts))
                ):
                    return Stored(head.etag, crc64, head.request_id, NO_SOURCE_CRC64)
            raise

    def head_object(self, cos_path: str) -> ObjectHead | None:
        """Return the description of the object at a path; None: there is no object."""
        while True:
            credentials = self.access.credentials
            try:
                return self._head(cos_path)
            except CosError as error:
                if not credentials.token or error.status not in _REFUSED:
                    raise
                self._renew_ended(cos_path)
                if self.access.credentials is credentials:
                    raise

    def _renew_ended(self, cos_path: str) -> None:
        """Wait for new credentials if these have ended: the answer to HEAD has no code."""
        try:
            self.ask_acl(cos_path)
        except CosError as error:
            if error.credentials_ended:
                raise

    def _head(self, cos_path: str) -> ObjectHead | None:
        try:
            return self.send(CosRequest("HeadObject", "HEAD", cos_path), read_object_head)
        except CosError as error:
            if error.status == 404 and error.code == Code.NO_SUCH_KEY:  # noqa: PLR2004 - HTTP
                return None
            raise

    def ask_acl(self, cos_path: str) -> None:
        """Request an object's ACL: unlike that to HEAD, a refusal has a code. Raises CosError."""
        self.send(CosRequest("HeadObject", "GET", cos_path, (("acl", ""),)), lambda _: None)

    def _verified(
        self, response: Response, payload: Payload, operation: str, cos_path: str
    ) -> Stored:
        # The ETag of an object that COS encrypts is no MD5.
        etag_is_md5 = not self.access.settings.encryption
        return verify_upload(response, payload, operation, cos_path, etag_is_md5=etag_is_md5)
