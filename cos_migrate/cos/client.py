"""The requests that move objects: simple and multipart uploads, and HEAD, each with its retries.

The only place that retries a request to COS and that waits between tries. Every upload is
verified: the CRC-64 that COS answers must be that of the bytes sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from cos_migrate.cos.errors import ARCHIVED, error_of, is_error, odd_answer
from cos_migrate.cos.payload import BytesPayload, Payload
from cos_migrate.cos.put_form import PutForm
from cos_migrate.cos.requests import Access, CosSettings
from cos_migrate.errors import (
    CosError,
    MigrateError,
    Side,
    SourceChanged,
    SourceError,
    TransportError,
)
from cos_migrate.http.connection import Connection, Response
from cos_migrate.http.network import Route
from cos_migrate.http.s3xml import text_of
from cos_migrate.model import NO_HEADERS

Headers = Sequence[tuple[str, str]]
T = TypeVar("T")

STALE = frozenset({"ConnectionReset", "ConnectionBroken"})
"""Codes of a kept-alive connection that the server closed, when no byte of an answer came."""
_OF_CONNECTION = frozenset({"", "exchange", "connect"})
"""Operations of errors that a connection raised: it knows neither the request nor its side."""
_EMPTY = BytesPayload(b"")
_COPY_SPEED = 4 << 20
"""Bytes a second that COS copies or joins at least: it may keep silent until that is done."""


class Stored(NamedTuple):
    """What COS says it has stored."""

    etag: str
    """Without quotes."""
    crc64: int
    request_id: str
    unverified: str = ""
    """Why only size and ETag could be compared; empty when the CRC-64 agreed."""


class Copied(NamedTuple):
    """What COS says of an object or a part that it has copied."""

    etag: str
    """Without quotes."""
    crc64: int | None
    request_id: str


class Head(NamedTuple):
    """An object as COS describes it."""

    size: int
    """Bytes."""
    etag: str
    """Without quotes."""
    crc64: int | None
    last_modified: str
    request_id: str
    headers: Mapping[str, str] = NO_HEADERS
    """All of them, with lower-case names."""


class CosClient:
    """One thread's client: it keeps one connection to each host."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._connections: dict[Route, Connection] = {}
        self._upload_headers = access.upload_headers()
        self._limit_headers = access.limit_headers()
        self._forms: dict[tuple[str, bool], PutForm] = {}

    @property
    def settings(self) -> CosSettings:
        """What another client of the bucket needs, with the credentials of now."""
        return self._access.settings

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def adopt(self, connection: Connection | None) -> None:
        """Use a connection to the bucket that somebody else opened."""
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
            return self._stored(response, payload, "PutObject", cos_path, head_tells_size=True)

        return self._call("PutObject", "PUT", cos_path, (), sent, payload, judge, earlier)

    def put_request(self, cos_path: str, size: int, headers: Headers) -> bytes:
        """Return the signed head of the first try that `put_object` would make."""
        access = self._access
        sent = [
            *headers,
            *self._upload_headers,
            *self._limit_headers,
            ("content-length", str(size)),
        ]
        return access.head(access.routes[0], "PUT", cos_path, (), sent)

    def plain_put_request(self, cos_path: str, size: int, content_type: str, md5: str) -> bytes:
        """Return what `put_request` does for an object that has these headers and no others.

        `md5`: the value of `x-cos-meta-md5` in hex; empty: none.
        """
        form = self._forms.get((content_type, bool(md5)))
        if form is None or form.key is not self._access.signing_key():
            headers = [("content-type", content_type), *self._upload_headers, *self._limit_headers]
            form = self._access.put_form(headers, md5=bool(md5))
            self._forms[content_type, bool(md5)] = form
        return form.head(cos_path, size, md5)

    def put_answer(self, cos_path: str, crc64: int, response: Response) -> str | None:
        """Verify the answer to such a try; None when it lacks the CRC-64 to compare.

        Return the request id. Raises CosError as `put_object` would for its first try.
        """
        if response.status >= 300:  # noqa: PLR2004 - HTTP
            raise error_of(response, "PutObject", cos_path)
        told = _crc_of(response)
        if told is None:
            return None
        request_id = response.header(b"x-cos-request-id")
        _must_equal(told, crc64, "PutObject", cos_path, request_id)
        return request_id

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
            return self._stored(response, payload, "UploadPart", cos_path, head_tells_size=False)

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
        judge = self._judge_copy(operation, cos_path)
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
            _must_equal(copied.crc64, crc64, "CopyObject", cos_path, copied.request_id)
            return Stored(copied.etag, crc64, copied.request_id)
        return self._compare_head(cos_path, size, crc64, copied.etag, copied.request_id)

    def _judge_copy(self, operation: str, cos_path: str) -> Callable[[Response], Copied]:
        def judge(response: Response) -> Copied:
            # A copy that takes long is begun with status 200; the body says how it ended.
            if is_error(response.body):
                raise error_of(response, operation, cos_path)
            etag = text_of(response.body, "ETag").strip('"')
            if not etag:
                raise odd_answer(response, operation, cos_path)
            told = _crc_of(response)
            text = text_of(response.body, "CRC64")
            if told is None and text.isdigit():
                told = int(text)
            return Copied(etag, told, response.header(b"x-cos-request-id"))

        return judge

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
            etag = text_of(response.body, "ETag").strip('"')
            if is_error(response.body):
                raise error_of(response, "CompleteMultipartUpload", cos_path)
            if not etag:
                raise odd_answer(response, "CompleteMultipartUpload", cos_path)
            request_id = response.header(b"x-cos-request-id")
            told = _crc_of(response)
            if told is None or crc64 < 0:
                return self._compare_head(cos_path, size, crc64, etag, request_id)
            if told != crc64:
                # Joining again cannot mend it: the whole upload has to be made anew.
                raise _mismatch(
                    "CompleteMultipartUpload", cos_path, request_id, "CRC-64", retryable=False
                )
            return Stored(etag, told, request_id)

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
                if head and head.size == size and crc64 < 0 and _is_joined(head.etag, len(parts)):
                    return Stored(head.etag, crc64, head.request_id, "the source told no CRC-64")
            raise

    def head_object(self, cos_path: str) -> Head | None:
        """Return what COS holds at a path, None when there is nothing."""

        def judge(response: Response) -> Head:
            return Head(
                int(response.header(b"content-length") or -1),
                response.header(b"etag").strip('"'),
                _crc_of(response),
                response.header(b"last-modified"),
                response.header(b"x-cos-request-id"),
                {name.decode("latin-1"): response.header(name) for name in response.headers},
            )

        try:
            return self._call("HeadObject", "HEAD", cos_path, (), (), None, judge)
        except CosError as error:
            if error.status == 404 and error.code == "NoSuchKey":  # noqa: PLR2004 - HTTP
                return None
            raise

    def ask_acl(self, cos_path: str) -> None:
        """Ask for an object's ACL. Raises CosError, by an answer that can name its code."""
        self._call("HeadObject", "GET", cos_path, (("acl", ""),), (), None, lambda _: None)

    def _stored(
        self,
        response: Response,
        payload: Payload,
        operation: str,
        cos_path: str,
        *,
        head_tells_size: bool,
    ) -> Stored:
        request_id = response.header(b"x-cos-request-id")
        etag = response.header(b"etag").strip('"')
        told = _crc_of(response)
        if told is not None:
            _must_equal(told, payload.crc64, operation, cos_path, request_id)
            return Stored(etag, told, request_id)
        if not etag:
            raise odd_answer(response, operation, cos_path)
        # An encrypted object's ETag is no MD5: then its size alone can be compared.
        if not self._access.settings.encryption and etag.lower() != payload.md5():
            raise _mismatch(operation, cos_path, request_id, "ETag")
        if head_tells_size:
            return self._compare_head(cos_path, payload.size, payload.crc64, etag, request_id)
        return Stored(etag, payload.crc64, request_id, "COS sent no CRC-64")

    def _compare_head(
        self, cos_path: str, size: int, crc64: int, etag: str, request_id: str
    ) -> Stored:
        """Compare by HEAD what an answer without CRC-64 did not tell."""
        head = self.head_object(cos_path)
        if head is None or head.size != size or head.etag != etag:
            raise _mismatch("HeadObject", cos_path, head.request_id if head else "", "size or ETag")
        if crc64 < 0:
            return Stored(etag, crc64, request_id, "the source told no CRC-64")
        if head.crc64 is not None:
            _must_equal(head.crc64, crc64, "HeadObject", cos_path, head.request_id)
            return Stored(etag, crc64, request_id)
        return Stored(etag, crc64, request_id, "COS sent no CRC-64")

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
        """Send a request until `judge` accepts the answer, it is hopeless, or tries ran out.

        `silence`: seconds that COS may take for it; 0: as usual.
        """
        access = self._access
        routes, tries = access.routes, access.retries.tries
        route, attempt = routes[0], 0
        while True:
            attempt += 1
            try:
                if earlier is not None:
                    first, earlier = earlier, None
                    raise first
                response = self._send(route, method, cos_path, params, headers, payload, silence)
                if response.status >= 300:  # noqa: PLR2004 - HTTP
                    raise error_of(response, operation, cos_path)
                return judge(response)
            except MigrateError as error:
                if isinstance(error, TransportError) and error.operation in _OF_CONNECTION:
                    error.operation, error.target, error.side = operation, cos_path, Side.COS
                backup = _should_switch(error, last_try=attempt + 1 >= tries)
                if backup and len(routes) > 1 and route is routes[0]:
                    route = routes[1]
                    if error.code == "WrongRegion":
                        attempt -= 1
                        continue
                if not error.retryable or attempt >= tries:
                    raise
                access.retries.pause(error, attempt)

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


def copy_error(error: CosError) -> CosError | SourceError:
    """Return the error of a copy as one of its source, where it is that."""
    kind, code, text = SourceError, error.code, ""
    if error.status == 412:  # noqa: PLR2004 - HTTP
        kind, code, text = SourceChanged, "Changed", "it changed after it was listed"
    elif error.code == "NoSuchKey":
        text = "it does not exist (any more)"
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


def _is_joined(etag: str, parts: int) -> bool:
    """Return whether an ETag is that of an object joined from so many parts."""
    return etag.endswith(f"-{parts}")


def _should_switch(error: MigrateError, *, last_try: bool) -> bool:
    """Return whether the backup domain is worth the next try.

    As the official SDKs do it: before the last try after a server or network error, at once
    after a redirect, and only when nobody with a request id, that is COS itself, answered.
    """
    if error.request_id:
        return False
    if error.code == "WrongRegion":
        return True
    broken = isinstance(error, TransportError) or error.status >= 500  # noqa: PLR2004
    return last_try and broken and error.retryable


def _crc_of(response: Response) -> int | None:
    text = response.headers.get(b"x-cos-hash-crc64ecma")
    return int(text) if text and (text.isdigit() or text.strip().isdigit()) else None


def _must_equal(told: int, expected: int, operation: str, cos_path: str, request_id: str) -> None:
    if told != expected:
        raise _mismatch(operation, cos_path, request_id, "CRC-64")


def _mismatch(
    operation: str, cos_path: str, request_id: str, what: str, *, retryable: bool = True
) -> CosError:
    return CosError(
        f"what COS stored is not what was sent: its {what} differs",
        operation=operation,
        target=cos_path,
        code="ChecksumMismatch",
        request_id=request_id,
        retryable=retryable,
    )
