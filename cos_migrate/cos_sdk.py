"""The official SDK of COS, set up like our own client: no proxies of the environment, our CAs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosClientError, CosServiceError
from requests.adapters import HTTPAdapter

from cos_migrate.errors import CosError, TransportError
from cos_migrate.network import Proxy
from cos_migrate.tls import context_of
from cos_migrate.web_pages import FOREIGN, foreign_message

_LOCAL = re.compile(r"(?:.+\.)?localhost$|[^.]+\.(\d+\.\d+\.\d+\.\d+)$")
_CONNECTIONS = 64
_REASONS = {
    "NameResolutionError": ("NameNotResolved", "the name of its host cannot be resolved"),
    "NewConnectionError": ("ConnectionRefused", "its host takes no connection"),
    "ConnectTimeoutError": ("Timeout", "its host did not answer in time"),
    "ReadTimeout": ("Timeout", "its host did not answer in time"),
    "ReadTimeoutError": ("Timeout", "its host did not answer in time"),
    "SSLError": ("TlsFailed", "no TLS connection to its host"),
    "SSLCertVerificationError": ("CertificateInvalid", "its host's certificate is not trusted"),
}
"""What the library raises -> our code, and what it means."""


class _Session(requests.Session):
    """Has the Host header signed as it is sent; the SDK alone would sign it without its port."""

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Name the host before the request is signed."""
        headers = dict(request.headers or {})
        headers.setdefault("Host", urlsplit(str(request.url)).netloc)
        request.headers = headers
        return super().prepare_request(request)


class _Adapter(HTTPAdapter):
    """Gives a proxy the credentials it wants, and trusts a private authority besides others."""

    def __init__(self, proxy: Proxy | None, ca_file: str = "") -> None:
        self._authorization = proxy.authorization if proxy else ""
        self._tls: dict[str, Any] = {"ssl_context": context_of(ca_file)} if ca_file else {}
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections with our trust."""
        super().init_poolmanager(*args, **(kwargs | self._tls))

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make those through a proxy with it too."""
        return super().proxy_manager_for(proxy, **(kwargs | self._tls))

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return our own headers: the credentials are in no URL."""
        found: dict[str, str] = super().proxy_headers(proxy)
        if self._authorization:
            found["Proxy-Authorization"] = self._authorization
        return found


class _LoopbackAdapter(_Adapter):
    """Reaches `*.localhost`, which not every resolver knows (RFC 6761), as loopback."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send with the Host header that was signed, to the address it stands for."""
        parts = urlsplit(request.url or "")
        found = _LOCAL.match(parts.hostname or "")
        if found and not kwargs.get("proxies"):
            request.headers["Host"] = parts.netloc
            netloc = found.group(1) or "127.0.0.1"
            if parts.port:
                netloc = f"{netloc}:{parts.port}"
            request.url = urlunsplit(parts._replace(netloc=netloc))
        return super().send(request, *args, **kwargs)


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
    silence: float,
    retry: int,
) -> Any:
    """Return a client that tries each request once and `retry` times more.

    `suffix` replaces `cos.<region>.myqcloud.com`, empty: that. `silence`: seconds.
    """
    session = _Session()
    session.trust_env = False
    session.mount("http://", _LoopbackAdapter(proxy))
    session.mount("https://", _Adapter(proxy, ca_file))
    proxies = None
    if proxy:
        proxies = dict.fromkeys(("http", "https"), f"http://{proxy.host}:{proxy.port}")
    config = CosConfig(
        Region=region,
        SecretId=secret_id,
        SecretKey=secret_key,
        Token=token or None,
        Scheme="https" if https else "http",
        Endpoint=suffix or None,
        Proxies=proxies,
        Timeout=int(silence),
    )
    return CosS3Client(config, retry=retry, session=session)


def call(
    operation: str, target: str, function: Callable[..., dict[str, Any]], **arguments: Any
) -> dict[str, Any]:
    """Return what a method of the client returns. Raises CosError and TransportError."""
    try:
        return function(**arguments)
    except CosServiceError as error:
        raise _service_error(error, operation, target) from error
    except CosClientError as error:
        code, text = _reason(error.__context__)
        raise TransportError(
            text, operation=operation, target=target, code=code, retryable=True
        ) from error


def _service_error(error: Any, operation: str, target: str) -> CosError:
    """Return the error for an answer that the SDK takes for one of COS."""
    digest, status = error.get_digest_msg(), int(error.get_status_code())
    told: Mapping[str, Any] = digest if isinstance(digest, Mapping) else {}
    code, message = str(told.get("code") or ""), str(told.get("message") or "no message")
    page = error.get_origin_msg()
    if not code and page:
        code, message = FOREIGN, foreign_message("COS", status, "", str(page).encode())
    return CosError(
        message,
        operation=operation,
        target=target,
        status=status,
        code=code or f"Http{status}",
        request_id=str(told.get("requestid") or told.get("x-cos-request-id") or ""),
        trace_id=str(told.get("traceid") or ""),
    )


def _reason(cause: BaseException | None) -> tuple[str, str]:
    """Return the code and the text of what kept a request from its answer."""
    inner = cause.args[0] if cause and cause.args else None
    name = type(getattr(inner, "reason", cause)).__name__
    return _REASONS.get(name, ("ConnectionBroken", "the request got no usable answer"))
