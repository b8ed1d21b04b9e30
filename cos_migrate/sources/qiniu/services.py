"""Qiniu's management services: listing, object information, regions and domains."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from cos_migrate.config.values import Secret
from cos_migrate.errors import DOES_NOT_EXIST, Code, SourceError, TransportError
from cos_migrate.http.bounded_json import MAX_JSON, parse_json, parse_json_object
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails

if TYPE_CHECKING:
    from cos_migrate.sources.qiniu.sdk import Signer

_PUBLIC = ("uc.qiniuapi.com", "kodo-config.qiniuapi.com", "uc.qbox.me")
"""Hosts of the public cloud that look up regions, in the order in which they are tried."""
_CODES = {
    301: "Redirected",
    302: "Redirected",
    307: "Redirected",
    308: "Redirected",
    401: "BadToken",
    403: "Forbidden",
    404: Code.NO_SUCH_KEY,
    612: Code.NO_SUCH_KEY,
    631: Code.NO_SUCH_BUCKET,
    640: "BadMarker",
}
"""Codes for Qiniu's statuses: its errors have a text, but no code."""
_MESSAGES = {Code.NO_SUCH_KEY: DOES_NOT_EXIST, "Redirected": "it leads elsewhere"}
_SERVICES = ("rs", "rsf")
"""Names of the services for objects and for listings."""
_UNREACHED = frozenset({"NameNotResolved", "ConnectionRefused", "CertificateInvalid", "TlsFailed"})
"""Codes of connections that were never made: the configuration may be the cause."""
_UNKNOWN_API = frozenset({400, 405, 501})
"""Statuses of a service that lacks an API, in addition to 404."""
_ANSWER_MOST = MAX_JSON + 1
"""Bytes of the largest answer; a page of 1,000 long keys has below 4 MiB."""

Failed = Callable[[str, str, ErrorDetails], SourceError]
"""Makes the error for an operation and its target, as `HttpSource.error` does."""
Refused = Callable[[str, str, ErrorAnswer, ErrorDetails], SourceError]
"""Makes the error for an answer, as `HttpSource.answer_error` does."""


@dataclass(frozen=True, slots=True)
class Account:
    """The credentials and the bucket of an account, and the addresses of its services."""

    access_key: Secret
    secret_key: Secret
    bucket: str
    rs_host: str
    """This and the other hosts: `[http[s]://]host[:port]`, empty for the public cloud's."""
    rsf_host: str
    uc_host: str
    tls: bool
    """Whether hosts that are named without a scheme are reached over HTTPS."""

    @property
    def is_private(self) -> bool:
        """Whether it is a private deployment: then no request goes to the public cloud."""
        return bool(self.rs_host or self.rsf_host or self.uc_host)

    def url(self, host: str) -> str:
        """Return a host with its scheme."""
        return host if "://" in host else f"{'https' if self.tls else 'http'}://{host}"


def parse_error(answer: ErrorAnswer) -> ErrorDetails:
    """Parse an error answer."""
    status = answer.status
    found = parse_json_object(answer.body)
    code = _CODES.get(status, "")
    message = str(found.get("error") or _MESSAGES.get(code) or f"Qiniu answered {status}")
    if code == "Redirected":
        message += f": {answer.headers.get(b'location', b'').decode('latin-1')}"
    return ErrorDetails(
        status,
        code,
        message,
        answer.headers.get(b"x-reqid", b"").decode("latin-1"),
    )


def build_marker(after: str) -> str:
    """Return a marker that follows a key, as Qiniu's own tools build it.

    Qiniu does not document it: pass over keys that the listing returns before `after`.
    """
    text = json.dumps({"c": 0, "k": after}, ensure_ascii=False, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode("ascii")


def read_marker(marker: str) -> str:
    """Return the key in a marker, empty for a marker of another form."""
    try:
        found = parse_json(urlsafe_b64decode(marker + "=" * (-len(marker) % 4)))
    except ValueError:
        return ""
    return str(found.get("k", "")) if isinstance(found, dict) else ""


class Services:
    """Requests to the management services of one account; thread-safe."""

    def __init__(
        self,
        account: Account,
        signer: Signer,
        fetcher: Fetcher,
        failed: Failed,
        refused: Refused,
    ) -> None:
        self._account = account
        self._signer = signer
        self._fetcher = fetcher
        self._failed = failed
        self._refused = refused
        self._lock = threading.Lock()
        self._found: Mapping[str, str] = {}
        self._public = 0

    def list_keys(self, prefix: str, marker: str, delimiter: str) -> Mapping[str, Any]:
        """Return a page of at most 1,000 keys, as Qiniu answers. Raises SourceError."""
        params = {"bucket": self._account.bucket, "limit": "1000"}
        given = {"prefix": prefix, "marker": marker, "delimiter": delimiter}
        params |= {name: value for name, value in given.items() if value}
        host = self._host("rsf", self._account.rsf_host)
        target = f"/list?{urlencode(params, quote_via=quote)}"
        return self._request_object("ListObjects", prefix, host, target)

    def stat(self, key: str) -> Mapping[str, Any] | None:
        """Return the entry of an object; None: a private deployment without services to ask.

        Raises SourceError, with the code `NoSuchKey` when there is no such object.
        """
        account = self._account
        if account.is_private and not (account.rs_host or account.uc_host):
            return None
        entry = urlsafe_b64encode(f"{account.bucket}:{key}".encode()).decode("ascii")
        return self._request_object(
            "StatObject", key, self._host("rs", account.rs_host), f"/stat/{entry}"
        )

    def domains(self) -> tuple[str, ...]:
        """Return the download domains that are bound to the bucket. Raises SourceError."""
        if self._account.is_private and not self._account.uc_host:
            return ()
        url = self._account.url(self._account.uc_host or _PUBLIC[0])
        target = f"/v2/domains?tbl={quote(self._account.bucket)}"
        body = self._get_signed("ListDomains", self._account.bucket, url, target)
        try:
            return tuple(str(name) for name in parse_json(body))
        except (ValueError, TypeError):
            return ()

    def _request_object(
        self, operation: str, shown: str, host: str, target: str
    ) -> Mapping[str, Any]:
        answer = parse_json_object(self._get_signed(operation, shown, host, target))
        if not answer:
            failed = self._failed(operation, shown, _not_qiniu(host))
            failed.retryable = True  # it may have been damaged in transit
            raise failed
        return answer

    def _host(self, service: str, private: str) -> str:
        """Return the address of a service; the bucket's region is looked up where needed."""
        if private:
            return self._account.url(private)
        with self._lock:
            if not self._found:
                self._found = self._region()
            host = self._found.get(service, "")
        if not host:
            details = ErrorDetails(
                200, "NotQiniu", f"the region of the bucket names no {service} service"
            )
            raise self._failed("QueryRegion", self._account.bucket, details)
        return self._account.url(host)

    def _region(self) -> Mapping[str, str]:
        """Return the first host of each service. Raises SourceError.

        Needs no signature; an unknown key or bucket is an error that names it.
        """
        account = self._account
        host = account.uc_host or _PUBLIC[self._public % len(_PUBLIC)]
        try:
            found = self._request_region(host, "/v4/query")
            if not found and account.uc_host:
                found = self._request_region(host, "/v2/query")  # an older private deployment
        except SourceError as error:
            self._public += error.retryable
            raise
        if not found:
            raise self._failed("QueryRegion", account.bucket, _not_qiniu(host))
        return found

    def _request_region(self, host: str, path: str) -> Mapping[str, str]:
        """Return the hosts by one version of the API; empty where the service lacks it."""
        account = self._account
        query = {"ak": account.access_key.reveal(), "bucket": account.bucket}
        url = f"{account.url(host)}{path}?{urlencode(query, quote_via=quote)}"
        try:
            body = self._send("QueryRegion", account.bucket, Request("GET", url))
        except SourceError as error:
            if error.code == "NotQiniu" or error.status in _UNKNOWN_API:
                return {}
            raise
        return _read_hosts(body)

    def _get_signed(self, operation: str, shown: str, host: str, target: str) -> bytes:
        """Return the body of the answer to a signed GET."""
        url = f"{host}{target}"
        headers = self._signer.service_headers(url, self._fetcher.route_of(host).authority)
        return self._send(operation, shown, Request("GET", url, headers))

    def _send(self, operation: str, shown: str, request: Request) -> bytes:
        host = request.url.partition("://")[2].partition("/")[0]
        try:
            with self._fetcher.send(request) as incoming:
                body = incoming.read_all(_ANSWER_MOST)
                answer = ErrorAnswer(incoming.status, incoming.headers, body)
        except TransportError as error:
            code = "Unreachable" if error.code in _UNREACHED else error.code
            details = ErrorDetails(error.status, code, f"{host}: {error}")
            failed = self._failed(operation, shown, details)
            failed.retryable = error.retryable
            raise failed from error
        if answer.status == 200:  # noqa: PLR2004 - HTTP
            return body
        details = parse_error(answer)
        if answer.status == 404:  # noqa: PLR2004 - of an object it would be 612
            details = details._replace(code="NotQiniu", message=f"{host} has no such service")
            raise self._failed(operation, shown, details)
        if operation == "QueryRegion" and details.code == Code.NO_SUCH_KEY:
            details = details._replace(code="NoSuchAccessKey")
        raise self._refused(operation, shown, answer, details)


def _not_qiniu(host: str) -> ErrorDetails:
    return ErrorDetails(200, "NotQiniu", f"{host} does not answer as Qiniu does")


def _read_hosts(body: bytes) -> Mapping[str, str]:
    """Return the first host of each service that is needed; empty where one is missing.

    The second version of the query holds one region, and each service by kind of network.
    """
    found = parse_json_object(body)
    try:
        if "hosts" in found:
            region = found["hosts"][0]
            return {name: str(region[name]["domains"][0]) for name in _SERVICES}
        kinds = {name: found[name].get("acc") or found[name]["src"] for name in _SERVICES}
        return {name: str(kind["main"][0]) for name, kind in kinds.items()}
    except (LookupError, TypeError, AttributeError):
        return {}
