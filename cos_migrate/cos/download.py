"""Downloads objects from COS in pieces, each with retries."""

from __future__ import annotations

from collections.abc import Iterator

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.crc64 import crc64
from cos_migrate.cos.sender import CosRequest
from cos_migrate.cos.verify import ObjectHead
from cos_migrate.errors import Code, CosError
from cos_migrate.http.messages import Response
from cos_migrate.http.parser import MAX_BODY

_PIECE = MAX_BODY
"""Bytes read by one request."""


class DownloadClient(CosClient):
    """A client of COS that downloads objects."""

    def download(self, cos_path: str, head: ObjectHead) -> Iterator[bytes]:
        """Yield the content of the version that `head` describes, and verify it at the end.

        Raises CosError and TransportError.
        """
        crc = 0
        for start in range(0, head.size, _PIECE):
            data = self._range(cos_path, start, min(_PIECE, head.size - start), head.etag)
            crc = crc64(data, crc)
            yield data
        if head.crc64 is not None and head.crc64 != crc:
            raise CosError(
                "the content was damaged on its way: its CRC-64 differs",
                operation="GetObject",
                target=cos_path,
                code=Code.CHECKSUM_MISMATCH,
                request_id=head.request_id,
            )

    def _range(self, cos_path: str, start: int, size: int, etag: str) -> bytes:
        headers = [("range", f"bytes={start}-{start + size - 1}"), ("if-match", f'"{etag}"')]

        def judge(response: Response) -> bytes:
            if len(response.body) != size:
                raise CosError(
                    f"{len(response.body)} bytes arrived instead of {size}",
                    operation="GetObject",
                    target=cos_path,
                    status=response.status,
                    code="BadAnswer",
                    request_id=response.header(b"x-cos-request-id"),
                    retryable=True,
                )
            return response.body

        return self.send(CosRequest("GetObject", "GET", cos_path, headers=headers), judge)
