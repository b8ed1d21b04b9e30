"""The official SDK of COS, which sends its requests by `http.client`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosClientError, CosServiceError
from requests.adapters import BaseAdapter

from cos_migrate.errors import CosError, Side, TransportError
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.http.network import Proxy
from cos_migrate.http.pace import Timeouts
from cos_migrate.http.s3xml import XML_MOST, check_xml, text_of
from cos_migrate.http.web_pages import FOREIGN, foreign_message

_ERROR_MOST = 64 << 10
"""Bytes that are read of an answer that is an error."""
_NOT_SENT = frozenset({"accept-encoding", "connection", "user-agent"})
"""Headers of the SDK that are set by the Fetcher or not needed; none of them is signed."""


class _Unanswered(requests.ConnectionError):
    """A TransportError in the form that the SDK expects."""

    def __init__(self, error: TransportError) -> None:
        super().__init__(str(error))
        self.error = error


class _Session(requests.Session):
    """Has the Host header signed as it is sent; the SDK would sign it without the port."""

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
    """Sends by a Fetcher, whose proxy, certificates, limits and time-outs then apply."""

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def send(
        self,
        request: requests.PreparedRequest,
        *args: Any,  # noqa: ARG002 - as the base has it
        **kwargs: Any,  # noqa: ARG002 - time-outs and proxies are those of our client
    ) -> requests.Response:
        """Send a request without a body; read the whole answer."""
        given: Mapping[str, Any] = request.headers  # the SDK writes some of them as bytes
        headers = tuple(
            (name, value.decode("latin-1") if isinstance(value, bytes) else str(value))
            for name, value in given.items()
            if name.lower() not in _NOT_SENT
        )
        wanted = Request(str(request.method), str(request.url), headers)
        try:
            with self._fetcher.send(wanted) as incoming:
                failed = incoming.status >= 300  # noqa: PLR2004 - HTTP
                body = incoming.read_all(_ERROR_MOST if failed else XML_MOST + 1)
            if not failed or b"<!ENTITY" in body:  # an error may be the page of a proxy
                check_xml(body)
        except TransportError as error:
            raise _Unanswered(error) from error
        except ValueError as error:
            text = f"its host's answer cannot be read: {error}"
            raise _Unanswered(TransportError(text, code="BadAnswer", retryable=True)) from error
        response = requests.Response()
        response.status_code = incoming.status
        response.request, response.url = request, str(request.url)
        response.encoding = "utf-8"
        for name, value in incoming.headers.items():
            response.headers[name.decode("latin-1")] = value.decode("latin-1")
        vars(response).update(_content=body, _content_consumed=True)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._fetcher.close()


def client_of(
    *,
    region: str,
    secret_id: str,
    secret_key: str,
    token: str,
    suffix: str,
    https: bool,
    ca_file: str,
    proxy: Proxy | None,
    timeouts: Timeouts,
    retry: int,
) -> Any:
    """Return a client that makes `retry` further tries of each request.

    `suffix` replaces `cos.<region>.myqcloud.com`, empty: that.
    """
    session = _Session(Fetcher(timeouts, proxy, ca_file))
    config = CosConfig(
        Region=region,
        SecretId=secret_id,
        SecretKey=secret_key,
        Token=token or None,
        Scheme="https" if https else "http",
        Endpoint=suffix or None,
    )
    return CosS3Client(config, retry=retry, session=session)


def call(
    operation: str, target: str, function: Callable[..., dict[str, Any]], **arguments: Any
) -> dict[str, Any]:
    """Call a method of the client. Raises CosError and TransportError."""
    try:
        return function(**arguments)
    except CosServiceError as error:
        raise _service_error(error, operation, target) from error
    except CosClientError as error:
        cause = error.__context__
        told = cause.error if isinstance(cause, _Unanswered) else None
        raise TransportError(
            str(told or "the request got no usable answer"),
            operation=operation,
            target=target,
            code=told.code if told else "ConnectionBroken",
            retryable=told is None or told.retryable,
            side=Side.COS,
        ) from error


def _service_error(error: Any, operation: str, target: str) -> CosError:
    """Return the error for an answer that the SDK reports as one of COS."""
    digest, status = error.get_digest_msg(), int(error.get_status_code())
    told: Mapping[str, Any] = digest if isinstance(digest, Mapping) else {}
    code, message = str(told.get("code") or ""), str(told.get("message") or "no message")
    page = str(error.get_origin_msg() or "").encode()
    if not code and (code := text_of(page, "Code")):  # the SDK wants every element to be there
        message = text_of(page, "Message") or message
    elif not code and page:
        code, message = FOREIGN, foreign_message("COS", status, "", page)
    return CosError(
        message,
        operation=operation,
        target=target,
        status=status,
        code=code or f"Http{status}",
        request_id=str(told.get("requestid") or told.get("x-cos-request-id") or ""),
        trace_id=str(told.get("traceid") or ""),
    )
