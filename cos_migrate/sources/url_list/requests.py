"""Requests for URLs: follows redirects, and sends GET where HEAD fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import ClassVar

from cos_migrate.errors import SourceError, TransportError
from cos_migrate.http.client import Request
from cos_migrate.http.messages import StreamedResponse
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources import metadata
from cos_migrate.sources.http_source import HttpSource, format_range
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails
from cos_migrate.sources.url_list.answers import format_time, is_strong
from cos_migrate.sources.url_list.config import UrlListConfig
from cos_migrate.sources.url_list.urls import Address, BadUrl, follow_redirect, parse_url

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_MOST = 10
_REDIRECT_BODY = 64 << 10
"""Bytes read of the body of a redirect, so that the connection can be reused."""
_HEAD_APPLIES = frozenset({412, 429})
"""Answers to HEAD that apply to GET too. Other refusals can concern HEAD alone: those of a signed
URL that allows only GET, or of a program without HEAD."""
_HEAD_FAILS = frozenset({"BadAnswer", "ConnectionBroken", "ConnectionReset"})
"""Codes of a server that fails on HEAD."""
_SERVER_CODES = frozenset(
    {
        "NameNotResolved",
        "ConnectionRefused",
        "CertificateInvalid",
        "TlsFailed",
        "ConnectionReset",
        "ConnectionBroken",
        "Timeout",
    }
)
"""Codes of a server that cannot be reached."""
_PLAIN_STATUS = frozenset({200, 203})
_PARTIAL = 206


class UrlSource(HttpSource):
    """A source whose objects are named by their URLs, on any server."""

    config: UrlListConfig
    one_host: ClassVar[bool] = False
    parses_leniently: ClassVar[bool] = True
    sends_web_pages: ClassVar[bool] = True

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        """Return the request for a URL, pinned where its version is known."""
        return self._request(self._address(obj), obj.fingerprint, method, span)

    def _address(self, obj: SourceObject) -> Address:
        try:
            return parse_url(obj.name)
        except BadUrl as error:
            raise self._url_error(obj, str(error), "BadUrl") from None

    def _request(
        self, address: Address, listed: Fingerprint, method: str, span: tuple[int, int] | None
    ) -> Request:
        # Ask for the stored content, without an encoding for the transfer.
        headers = [("Accept", "*/*"), ("Accept-Encoding", "identity")]
        if span is not None:
            headers.append(("Range", format_range(span)))
        if is_strong(listed.etag):
            headers.append(("If-Match", f'"{listed.etag}"'))
        elif listed.mtime_ns >= 0:
            headers.append(("If-Unmodified-Since", format_time(listed.mtime_ns)))
        if address.authorization:
            headers.append(("Authorization", address.authorization))
        return Request(method, address.url, tuple(headers))

    @contextmanager
    def answer(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[StreamedResponse]:
        try:
            with super().answer(obj, method, span) as incoming:
                if incoming.status not in _PLAIN_STATUS | ({_PARTIAL} if span else set()):
                    text = f"its server answered {incoming.status}, without the content"
                    raise self._url_error(obj, text, f"Http{incoming.status}")
                yield incoming
        except SourceError as error:
            # Each URL can be on another server: its failure concerns no other.
            error.status = 0
            if error.code in _SERVER_CODES:
                error.code = f"Url{error.code}"
            raise

    @contextmanager
    def exchange(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[StreamedResponse]:
        """Follow redirects, and send GET where HEAD is refused or without headers."""
        with ExitStack() as stack:
            incoming = self._send_head(stack, obj) if method == "HEAD" else None
            if incoming is None:
                stack.close()
                # Only the headers are needed: the body is not read.
                incoming = stack.enter_context(self._follow(obj, "GET", span))
            yield incoming

    def _send_head(self, stack: ExitStack, obj: SourceObject) -> StreamedResponse | None:
        """Return the answer to HEAD; None where GET can have another."""
        try:
            incoming = stack.enter_context(self._follow(obj, "HEAD", None))
        except TransportError as error:
            if error.code in _HEAD_FAILS:
                return None
            if error.code == "Timeout":
                error.args = (f"{error} when asked by HEAD; [migrateUrl] isSkipHead=on sends none",)
            raise
        if incoming.status in _PLAIN_STATUS:
            # Some servers answer HEAD with a length of 0 for any content.
            return None if incoming.header(b"content-length") == "0" else incoming
        return incoming if incoming.status in _HEAD_APPLIES else None

    @contextmanager
    def _follow(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[StreamedResponse]:
        address = self._address(obj)
        for _ in range(_REDIRECTS_MOST + 1):
            request = self._request(address, obj.fingerprint, method, span)
            with self.fetcher.send(request) as incoming:
                location = incoming.headers.get(b"location")
                if incoming.status not in _REDIRECTS or location is None:
                    yield incoming
                    return
                incoming.read_all(_REDIRECT_BODY)
            before = address
            try:
                address = follow_redirect(address, metadata.decode_value(location))
            except BadUrl as error:
                raise self._url_error(obj, f"it is redirected, but {error}", "BadUrl") from None
            if before.is_secure and not address.is_secure and not self.config.allow_http_redirect:
                text = "it is redirected from https to http, where anyone can read and change it"
                raise self._url_error(obj, text, "Downgraded")
        text = f"it is redirected more than {_REDIRECTS_MOST} times"
        raise self._url_error(obj, text, "RedirectLoop")

    def _url_error(self, obj: SourceObject, text: str, code: str) -> SourceError:
        return SourceError(text, operation="GetObject", target=self.mask(obj.name), code=code)

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        """Parse an error answer: XML where an object storage sent it."""
        details = super().error_details(answer)
        if details.code and b"<Error" in answer.body:
            return details
        return ErrorDetails(answer.status, "", f"its server answered {answer.status}")

    def server_of(self, obj: SourceObject) -> str:
        """Return scheme, host and port."""
        return self._address(obj).origin
