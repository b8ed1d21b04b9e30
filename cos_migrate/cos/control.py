"""Requests that list the parts of an upload, abort it, or remove objects, by the official SDK.

The SDK builds and signs them, and reads the answers; `http.client` sends them, so that proxy,
certificates, limits and time-outs are those of all requests, and `http.retries` tries again. Few
runs need any, so the SDK, which takes 0.3 s to load, is loaded with this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosClientError
from requests.adapters import BaseAdapter

from cos_migrate.cos.backup import DomainChoice
from cos_migrate.cos.errors import error_of, incomplete_answer
from cos_migrate.cos.requests import Access
from cos_migrate.cos.settings import CosSettings, host_suffixes
from cos_migrate.errors import MigrateError, Side, TransportError
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.http.messages import Response
from cos_migrate.http.pacing import ThreadPace
from cos_migrate.http.s3xml import MAX_XML, check_xml

_MAX_ERROR = 64 << 10
"""Bytes that are read of an answer that is an error."""
_NOT_SENT = frozenset({"accept-encoding", "connection", "user-agent"})
"""Headers of the SDK that are set by the Fetcher or not needed; none of them is signed."""
_XML_TEXT = re.compile("[\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""Characters that XML 1.0 transports unchanged."""
_UNREADABLE = (SyntaxError, ValueError, LookupError, TypeError, AttributeError)
"""Errors of the SDK for an answer that is no XML (SyntaxError), or another document."""


class Control:
    """Lists parts, aborts uploads and removes objects."""

    def __init__(self, access: Access) -> None:
        settings = access.settings
        self._access = access
        fetcher = Fetcher(settings.timeouts, settings.proxy, settings.ca_file)
        fetcher.pace = ThreadPace(access.pace)
        session = _Session(fetcher)
        self._suffixes = host_suffixes(settings.region, settings.suffix)
        self._session = session

    def list_parts(self, cos_path: str, upload_id: str) -> list[tuple[int, str, int]]:
        """Return (number, ETag, size) of each part that COS has.

        Raises CosError and TransportError.
        """
        found: list[tuple[int, str, int]] = []
        marker = 0
        while marker >= 0:
            marker, parts = self._call(
                "ListParts",
                cos_path,
                CosS3Client.list_parts,
                _parts_in,
                UploadId=upload_id,
                MaxParts=1000,
                PartNumberMarker=marker,
            )
            found += parts
        return found

    def abort(self, cos_path: str, upload_id: str) -> None:
        """Abort an unfinished upload. Raises CosError and TransportError."""
        self._call(
            "AbortMultipartUpload",
            cos_path,
            CosS3Client.abort_multipart_upload,
            lambda _: None,
            UploadId=upload_id,
        )

    def delete(self, cos_paths: Sequence[str]) -> list[tuple[str, str]]:
        """Remove objects, at most 1,000; return those that COS refuses to remove, and why.

        Raises CosError and TransportError.
        """
        refused: list[tuple[str, str]] = []
        # The document of a request for many keys cannot hold control characters.
        alone = [path for path in cos_paths if not _XML_TEXT.fullmatch(path)]
        for path in alone:
            self._call("DeleteObject", path, CosS3Client.delete_object, lambda _: None)
        keys = [{"Key": path[1:]} for path in cos_paths if path not in alone]
        if keys:
            refused += self._call(
                "DeleteMultipleObjects",
                "",
                CosS3Client.delete_objects,
                _refusals_in,
                Delete={"Quiet": "true", "Object": keys},
            )
        return refused

    def _call(
        self,
        operation: str,
        cos_path: str,
        method: Callable[..., Any],
        read: Callable[[Any], Any],
        **arguments: Any,
    ) -> Any:
        """Return what `read` returns for the answer, trying again where that may help."""
        suffix = DomainChoice(self._suffixes)

        def send() -> Any:
            settings = self._access.settings
            if cos_path:
                arguments["Key"] = cos_path
            client = _client_of(settings, suffix.current, self._session)
            try:
                return read(method(client, Bucket=settings.bucket, **arguments))
            except CosClientError as error:
                raise _error_of(error.__context__, operation, cos_path) from error
            except _UNREADABLE as error:
                raise incomplete_answer(Response(200, {}, b""), operation, cos_path) from error

        return self._access.retries.run(send, suffix.switch)


def _parts_in(page: Mapping[str, Any]) -> tuple[int, list[tuple[int, str, int]]]:
    """Return the marker of the next page, -1 for none, and the parts of this one."""
    parts = [
        (int(part["PartNumber"]), part["ETag"].strip('"'), int(part["Size"]))
        for part in page.get("Part", [])
    ]
    return int(page["NextPartNumberMarker"]) if page.get("IsTruncated") == "true" else -1, parts


def _refusals_in(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return path and reason of each object that was not removed."""
    return [
        (f"/{each['Key']}", f"{each.get('Code')}: {each.get('Message')}")
        for each in answer.get("Error") or ()
    ]


def _client_of(settings: CosSettings, suffix: str, session: _Session) -> Any:
    """Return a client that tries once; `suffix` follows the bucket's name in its host."""
    credentials = settings.credentials
    config = CosConfig(
        Region=settings.region,
        SecretId=credentials.secret_id,
        SecretKey=credentials.secret_key,
        Token=credentials.token or None,
        Scheme="https" if settings.https else "http",
        Endpoint=suffix,
    )
    return CosS3Client(config, retry=0, session=session)


class _Failed(requests.RequestException):
    """A request failed; the SDK makes an error of its own of this, and keeps it as the context."""

    def __init__(self, cause: Response | TransportError) -> None:
        super().__init__("the request failed")
        self.cause = cause


def _error_of(context: BaseException | None, operation: str, target: str) -> MigrateError:
    """Return the error for what the session has raised within the SDK."""
    cause = context.cause if isinstance(context, _Failed) else None
    if isinstance(cause, Response):
        return error_of(cause, operation, target)
    error = cause or TransportError("the request got no usable answer", code="ConnectionBroken")
    error.operation, error.target, error.side = operation, target, Side.COS
    return error


class _Session(requests.Session):
    """The SDK's HTTP session: sends by our client, with a Host header set before it is signed.

    The SDK would sign the host without its port.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__()
        self._fetcher = fetcher
        self.trust_env = False
        self.mount("http://", _Adapter(fetcher))
        self.mount("https://", _Adapter(fetcher))

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Set the Host header before the request is signed."""
        headers = dict(request.headers or {})
        headers.setdefault("Host", self._fetcher.route_of(str(request.url)).authority)
        request.headers = headers
        return super().prepare_request(request)


class _Adapter(BaseAdapter):
    """Sends the prepared requests of `requests` by a Fetcher."""

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def send(
        self,
        request: requests.PreparedRequest,
        *args: Any,  # noqa: ARG002 - as the base has it
        **kwargs: Any,  # noqa: ARG002 - time-outs and proxies are those of our client
    ) -> requests.Response:
        """Send a request; return its answer, read whole. Raises _Failed."""
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        given: Mapping[str, Any] = request.headers  # the SDK writes some of them as bytes
        headers = tuple(
            (name, value.decode("latin-1") if isinstance(value, bytes) else str(value))
            for name, value in given.items()
            if name.lower() not in _NOT_SENT and not (body and name.lower() == "content-length")
        )
        wanted = Request(str(request.method), str(request.url), headers, body)
        try:
            with self._fetcher.send(wanted) as incoming:
                failed = incoming.status >= 300  # noqa: PLR2004 - HTTP
                answered = incoming.read_all(_MAX_ERROR if failed else MAX_XML + 1)
            if failed:
                raise _Failed(Response(incoming.status, incoming.headers, answered))
            check_xml(answered)
        except TransportError as error:
            raise _Failed(error) from error
        except ValueError as error:
            text = f"its host's answer cannot be read: {error}"
            raise _Failed(TransportError(text, code="BadAnswer", retryable=True)) from error
        response = requests.Response()
        response.status_code = incoming.status
        response.request, response.url = request, str(request.url)
        response.encoding = "utf-8"
        for name, value in incoming.headers.items():
            response.headers[name.decode("latin-1")] = value.decode("latin-1")
        vars(response).update(_content=answered, _content_consumed=True)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._fetcher.close()
