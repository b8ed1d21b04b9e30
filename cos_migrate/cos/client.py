"""The requests that move objects: simple and multipart uploads, copies and HEAD, with retries.

Every upload is verified: the CRC-64 that COS answers must be that of the bytes sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from cos_migrate.cos.errors import error_of, odd_answer
from cos_migrate.cos.payload import BytesPayload, Payload
from cos_migrate.cos.requests import Access, CosSettings, Headers
from cos_migrate.cos.verify import (
    NO_SOURCE_CRC64,
    Copied,
    Head,
    Stored,
    copy_error,
    is_joined,
    mismatch,
    must_equal,
    read_copy,
    read_head,
    read_result,
    verify_head,
    verify_upload,
)
from cos_migrate.errors import (
    CosError,
    MigrateError,
    Side,
    TransportError,
)
from cos_migrate.http.connection import Connection
from cos_migrate.http.messages import Response
from cos_migrate.http.network import Route
from cos_migrate.http.s3xml import text_of

T = TypeVar("T")

STALE = frozenset({"ConnectionReset", "ConnectionBroken"})
"""Codes of a kept-alive connection that the server closed, when no byte of an answer came."""
_OF_CONNECTION = frozenset({"", "exchange", "connect"})
"""Operations of errors that a connection raised: it knows neither the request nor its side."""
_EMPTY = BytesPayload(b"")
_COPY_SPEED = 4 << 20
"""Bytes a second that COS copies or joins at least: it may keep silent until that is done."""


class CosClient:
    """A client for one thread; keeps one connection to each host."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._connections: dict[Route, Connection] = {}
        self._upload_headers = access.upload_headers()
        self._limit_headers = access.limit_headers()

    @property
    def settings(self) -> CosSettings:
        """The settings for another client of the bucket, with the present credentials."""
        return self._access.settings

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def adopt(self, connection: Connection | None) -> None:
        """Use a connection to the bucket that was opened elsewhere."""
        if connection is not None:
            self._connections[self._access.routes[0]] = connection

    def release(self) -> Connection | None:
        """Give the connection to the bucket away."""
        return self._connections.pop(self._access.routes[0], None)

    def put_object(
        self,
        cos_path: str,
        payload: Payload,
        headers: Headers,
        earlier: MigrateError | None = None,
    ) -> Stored:
        """Upload an object with one request and verify it.

        `headers` describe the object (lower-case names); `earlier` is how a try that was made
        elsewhere failed. Raises CosError, TransportError and what reading the payload raises.
        """
        sent = [*headers, *self._upload_headers, *self._limit_headers]

        def judge(response: Response) -> Stored:
            stored = self._verified(response, payload, "PutObject", cos_path)
            if not stored.unverified:
                return stored
            head = self.head_object(cos_path)
            return verify_head(head, cos_path, payload.size, payload.crc64, stored)

        return self._call("PutObject", "PUT", cos_path, (), sent, payload, judge, earlier)

    def initiate(self, cos_path: str, headers: Headers) -> str:
        """Begin a multipart upload and return its upload id."""

        def judge(response: Response) -> str:
            upload_id = text_of(response.body, "UploadId")
            if not upload_id:
                raise odd_answer(response, "InitiateMultipartUpload", cos_path)
            return upload_id

        return self._call(
            "InitiateMultipartUpload",
            "POST",
            cos_path,
            (("uploads", ""),),
            [*headers, *self._upload_headers],
            _EMPTY,
            judge,
        )

    def upload_part(self, cos_path: str, upload_id: str, number: int, payload: Payload) -> Stored:
        """Upload part `number` (1-based) and verify it."""

        def judge(response: Response) -> Stored:
            return self._verified(response, payload, "UploadPart", cos_path)

        params = (("partNumber", str(number)), ("uploadId", upload_id))
        return self._call(
            "UploadPart", "PUT", cos_path, params, self._limit_headers, payload, judge
        )

    def copy_object(self, cos_path: str, source: str, headers: Headers, size: int) -> Copied:
        """Have COS copy an object of `size` bytes from `source`, a value of `x-cos-copy-source`.

        Raises CosError; status 405, or 403 with operation `CopyObject`: COS will not copy it.
        Raises SourceChanged and SourceError when it is the source that cannot be copied.
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
        """Have COS copy `size` bytes of an object as part `number` (1-based).

        Raises as `copy_object` does, with operation `UploadPartCopy`.
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

        silence = self._access.settings.timeouts.io + size / _COPY_SPEED
        try:
            return self._call(
                operation, "PUT", cos_path, params, headers, _EMPTY, judge, silence=silence
            )
        except CosError as error:
            raise copy_error(error) from error

    def verify_copy(self, cos_path: str, size: int, crc64: int, copied: Copied) -> Stored:
        """Compare a copy with its source; `crc64` is what the source tells, -1: nothing."""
        if crc64 >= 0 and copied.crc64 is not None:
            must_equal(copied.crc64, crc64, "CopyObject", cos_path, copied.request_id)
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
        """Join the parts, given as (number, ETag), and verify the whole object.

        `size` (bytes) and `crc64` are what the object must have; a `crc64` of -1 is not known.
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
                # Joining again cannot mend it: the whole upload has to be made anew.
                raise mismatch(
                    "CompleteMultipartUpload",
                    cos_path,
                    joined.request_id,
                    "CRC-64",
                    retryable=False,
                )
            return Stored(joined.etag, crc64, joined.request_id)

        try:
            return self._call(
                "CompleteMultipartUpload",
                "POST",
                cos_path,
                (("uploadId", upload_id),),
                [("content-type", "application/xml")],
                BytesPayload(body),
                judge,
                silence=self._access.settings.timeouts.io + size / _COPY_SPEED,
            )
        except CosError as error:
            # The answer to an earlier try may have been lost: then the object is there.
            if error.code == "NoSuchUpload":
                head = self.head_object(cos_path)
                if head and head.size == size and head.crc64 == crc64:
                    return Stored(head.etag, crc64, head.request_id)
                if head and head.size == size and crc64 < 0 and is_joined(head.etag, len(parts)):
                    return Stored(head.etag, crc64, head.request_id, NO_SOURCE_CRC64)
            raise

    def head_object(self, cos_path: str) -> Head | None:
        """Return what COS holds at a path, None when there is nothing."""
        try:
            return self._call("HeadObject", "HEAD", cos_path, (), (), None, read_head)
        except CosError as error:
            if error.status == 404 and error.code == "NoSuchKey":  # noqa: PLR2004 - HTTP
                return None
            raise

    def ask_acl(self, cos_path: str) -> None:
        """Ask for an object's ACL. Raises CosError, by an answer that can name its code."""
        self._call("HeadObject", "GET", cos_path, (("acl", ""),), (), None, lambda _: None)

    def _verified(
        self, response: Response, payload: Payload, operation: str, cos_path: str
    ) -> Stored:
        # An object that COS encrypts has an ETag that is no MD5.
        etag_is_md5 = not self._access.settings.encryption
        return verify_upload(response, payload, operation, cos_path, etag_is_md5=etag_is_md5)

    def _call(
        self,
        operation: str,
        method: str,
        cos_path: str,
        params: Sequence[tuple[str, str]],
        headers: Headers,
        payload: Payload | None,
        judge: Callable[[Response], T],
        earlier: MigrateError | None = None,
        silence: float = 0.0,
    ) -> T:
        """Send a request until `judge` accepts the answer, or trying again cannot help.

        `earlier`: how a first try that was made elsewhere failed. `silence`: seconds that COS may
        take before it answers; 0: as usual.
        """
        routes = self._access.routes
        route = routes[0]

        def send() -> T:
            response = self._send(route, method, cos_path, params, headers, payload, silence)
            if response.status >= 300:  # noqa: PLR2004 - HTTP
                raise error_of(response, operation, cos_path)
            return judge(response)

        def failed(error: MigrateError, *, next_is_last: bool) -> bool:
            nonlocal route
            if isinstance(error, TransportError) and error.operation in _OF_CONNECTION:
                error.operation, error.target, error.side = operation, cos_path, Side.COS
            if len(routes) == 1 or route is not routes[0]:
                return False
            if not _should_switch(error, next_is_last=next_is_last):
                return False
            route = routes[1]
            return error.code == "WrongRegion"

        # A lack of descriptors is waited for above, where what is held can be closed.
        return self._access.retries.run(send, failed, earlier=earlier, patiently=False)

    def _send(
        self,
        route: Route,
        method: str,
        cos_path: str,
        params: Sequence[tuple[str, str]],
        headers: Headers,
        payload: Payload | None,
        silence: float,
    ) -> Response:
        """Send once; a kept-alive connection that the server had closed does not count."""
        access = self._access
        connection = self._connections.get(route)
        no_body = method == "HEAD"
        if payload is not None:
            headers = [*headers, ("content-length", str(payload.size))]
        head = access.head(route, method, cos_path, params, headers)
        if connection is not None and connection.reusable:
            try:
                return connection.exchange(
                    head, payload.start() if payload else b"", no_body=no_body, silence=silence
                )
            except TransportError as error:
                if connection.answered or error.code not in STALE:
                    raise
        connection = access.network.connect(route)
        self._connections[route] = connection
        response = connection.exchange(
            head, payload.start() if payload else b"", no_body=no_body, silence=silence
        )
        if route.tls:
            access.network.remember(route, connection)
        return response


def _should_switch(error: MigrateError, *, next_is_last: bool) -> bool:
    """Return whether the next try goes to the backup domain.

    As in the official SDKs: before the last try after a server or network error, at once after a
    redirect, and only when the answer has no request id, that is, is not from COS itself.
    """
    if error.request_id:
        return False
    if error.code == "WrongRegion":
        return True
    broken = isinstance(error, TransportError) or error.status >= 500  # noqa: PLR2004
    return next_is_last and broken and error.retryable
