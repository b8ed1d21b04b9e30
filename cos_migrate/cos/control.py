"""The rare requests about multipart uploads, by the official SDK.

Only a run that continues or drops an unfinished upload makes them, so the SDK is loaded then and
not before.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosClientError, CosServiceError
from requests.adapters import HTTPAdapter

from cos_migrate.cos.access import CosSettings
from cos_migrate.cos.answers import FATAL_CODES
from cos_migrate.errors import CosError, TransportError
from cos_migrate.network import Proxy

_LOCAL = re.compile(r"(?:.+\.)?localhost$|[^.]+\.(\d+\.\d+\.\d+\.\d+)$")


class _Adapter(HTTPAdapter):
    """Shows a proxy the same credentials as our own connections do."""

    def __init__(self, proxy: Proxy | None) -> None:
        super().__init__()
        self._proxy_authorization = proxy.authorization if proxy else ""

    def proxy_headers(self, proxy: str) -> dict[str, str]:  # noqa: ARG002 - there is only one
        """Return what only the proxy gets to see."""
        if not self._proxy_authorization:
            return {}
        return {"Proxy-Authorization": self._proxy_authorization}


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


class Control:
    """The official client, set up like our own."""

    def __init__(self, settings: CosSettings) -> None:
        self._settings = settings
        session = requests.Session()
        session.trust_env = False
        session.verify = settings.ca_file or True
        session.mount("http://", _LoopbackAdapter(settings.proxy))
        session.mount("https://", _Adapter(settings.proxy))
        proxies = None
        if settings.proxy:
            proxy = settings.proxy
            proxies = {"http": f"http://{proxy.host}:{proxy.port}"}
            proxies["https"] = proxies["http"]
        config = CosConfig(
            Region=settings.region,
            SecretId=settings.credentials.secret_id,
            SecretKey=settings.credentials.secret_key,
            Token=settings.credentials.token or None,
            Scheme="https" if settings.https else "http",
            Endpoint=settings.suffix or None,
            Proxies=proxies,
            Timeout=int(settings.timeouts.io),
            VerifySSL=settings.ca_file or None,
        )
        self._client = CosS3Client(config, retry=settings.tries - 1, session=session)

    def list_parts(self, cos_path: str, upload_id: str) -> list[tuple[int, str, int]]:
        """Return (number, ETag, size) of each part the server has. Raises CosError."""
        found: list[tuple[int, str, int]] = []
        marker = 0
        while True:
            page = self._call(
                "ListParts",
                cos_path,
                UploadId=upload_id,
                MaxParts=1000,
                PartNumberMarker=marker,
            )
            found += [
                (int(part["PartNumber"]), part["ETag"].strip('"'), int(part["Size"]))
                for part in page.get("Part", [])
            ]
            if page.get("IsTruncated") != "true":
                return found
            marker = int(page["NextPartNumberMarker"])

    def abort(self, cos_path: str, upload_id: str) -> None:
        """Drop an unfinished upload. Raises CosError."""
        self._call("AbortMultipartUpload", cos_path, UploadId=upload_id)

    def _call(self, operation: str, cos_path: str, **arguments: Any) -> dict[str, Any]:
        calls = {
            "ListParts": self._client.list_parts,
            "AbortMultipartUpload": self._client.abort_multipart_upload,
        }
        try:
            answer: dict[str, Any] = calls[operation](
                Bucket=self._settings.bucket, Key=cos_path, **arguments
            )
        except CosServiceError as error:
            raise CosError(
                error.get_error_msg() or "no message",
                operation=operation,
                target=cos_path,
                status=int(error.get_status_code()),
                code=error.get_error_code(),
                request_id=error.get_request_id(),
                trace_id=error.get_trace_id(),
                fatal=error.get_error_code() in FATAL_CODES,
            ) from error
        except CosClientError as error:
            raise TransportError(
                "the request got no usable answer",
                operation=operation,
                target=cos_path,
                code="ConnectionBroken",
                retryable=True,
            ) from error
        return answer
