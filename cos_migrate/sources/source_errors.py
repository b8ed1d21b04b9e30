"""Classifies error answers of a source, and makes the `SourceError` of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from cos_migrate.config.options import Section, values_of
from cos_migrate.errors import Code, SourceError, TransportError
from cos_migrate.http.dates import parse_retry_after
from cos_migrate.http.web_pages import is_foreign_page, proxy_refusal
from cos_migrate.http.xml_texts import read_error
from cos_migrate.model import Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.versions import VersionedSource

_RETRYABLE_STATUS = frozenset({408, 429, 500, 502, 503, 504, 509, 573, 599})
_RETRYABLE_CODES = frozenset(
    {"OperationAborted", "RequestLimitExceeded", "RequestTimeout", Code.SLOW_DOWN, "Throttling"}
)
"""Codes that ask for another try, with any status (RequestTimeout comes with 400)."""
UNREADABLE_PAGE = "a page of the listing cannot be understood"
_UNREACHED = (
    "BadAnswer",
    "BadUrl",
    "CertificateInvalid",
    "ConnectionRefused",
    "ForeignAnswer",
    "NameNotResolved",
    Code.NO_SUCH_KEY,
    Code.PROXY_REFUSED,
    "Redirected",
    "TlsFailed",
)
"""Codes that a wrong address causes."""


class ErrorAnswer(NamedTuple):
    """An answer whose status is an error."""

    status: int
    headers: Mapping[bytes, bytes]
    """Lower-case names."""
    body: bytes


class ErrorDetails(NamedTuple):
    """The contents of an error answer, or of an SDK's exception."""

    status: int
    """HTTP status; 0: none."""
    code: str
    """The cloud's own error code; empty: none."""
    message: str
    request_id: str = ""


class ErrorExplainingSource(VersionedSource):
    """A source whose errors are classified by code and point to the key to look at."""

    advice: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Error code (or status) -> keys of the section to look at, such as `accessKeyId`.

    Without any, errors of unreachable servers point to the keys that name the place.
    """
    fatal_codes: ClassVar[frozenset[str]] = frozenset()
    """Error codes that concern every object."""
    ended_codes: ClassVar[frozenset[str]] = frozenset()
    """Error codes that other credentials cure, if there are any."""
    archived_codes: ClassVar[frozenset[str]] = frozenset({"InvalidObjectState"})
    """Error codes of an object that must be restored before it can be read."""

    def __init__(
        self, config: Section, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        places = [one.key for one, _ in values_of(config) if one.place]
        self._advice = self.advice or dict.fromkeys(_UNREACHED, " and ".join(places))

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        """Parse an error answer, by default the XML of S3, which most clouds send."""
        return ErrorDetails(answer.status, *read_error(answer.headers, answer.body))

    def error(self, operation: str, target: str, details: ErrorDetails) -> SourceError:
        """Return the error for `details`, classified, with the keys to look at."""
        status, code = details.status, details.code or f"Http{details.status}"
        message = details.message or f"the source answered {status}"
        if code in self.archived_codes:
            message = f"it is archived and must be restored before it can be read ({message})"
        if code == "RequestTimeTooSkewed":
            message = f"set the clock of this machine: {message}"
        keys = self._advice.get(code) or ("" if details.code else self._advice.get(str(status)))
        if keys:
            message = f"{message}; look at [{self.migrate_type}] {keys}"
        error = SourceError(
            message,
            operation=operation,
            target=self.mask(target),
            status=status,
            code=code,
            request_id=details.request_id,
            retryable=code not in self.fatal_codes
            and (status in _RETRYABLE_STATUS or code in _RETRYABLE_CODES),
            fatal=code in self.fatal_codes,
        )
        error.credentials_ended = code in self.ended_codes
        return error

    def bad_answer_error(
        self, operation: str, target: str, message: str, code: str = "BadAnswer"
    ) -> SourceError:
        """Return the error of an answer that cannot be used; another try may help."""
        error = self.error(operation, target, ErrorDetails(200, code, message))
        error.retryable = True
        return error

    def answer_error(
        self, operation: str, target: str, answer: ErrorAnswer, details: ErrorDetails
    ) -> SourceError:
        """Return the error for an answer; where a proxy sent it, the message names the proxy."""
        proxy = proxy_refusal(*answer, pages=not self.sends_web_pages)
        error = self.error(
            operation, target, ErrorDetails(answer.status, *proxy) if proxy else details
        )
        error.retry_after = parse_retry_after(
            answer.headers.get(b"retry-after", b"").decode("latin-1")
        )
        return error

    def transport_error(
        self, operation: str, target: str, error: TransportError, message: str = ""
    ) -> SourceError:
        """Return the error for a failed connection; the default message names the source."""
        details = ErrorDetails(error.status, error.code, message or f"the source: {error}")
        named = self.error(operation, target, details)
        named.retryable = error.retryable
        return named

    def is_foreign(self, answer: ErrorAnswer) -> bool:
        """Return whether an error answer came from a proxy or a firewall, not from the source."""
        return not self.sends_web_pages and is_foreign_page(answer.headers, answer.body)

    @contextmanager
    def name_errors(self, operation: str, target: str) -> Iterator[None]:
        """Name the operation and its target in errors of the connection."""
        try:
            yield
        except TransportError as error:
            raise self.transport_error(operation, target, error) from error


def bad_answer_text(error: ValueError) -> str:
    """Return the message about an answer that cannot be parsed."""
    return f"the source's answer cannot be parsed: {error}"
