"""Sources over HTTP: requests, answers compared with the listing, and readers.

The lean client (`http.client`) sends all requests. No cloud is named here, and nothing is retried.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from typing import ClassVar

from cos_migrate.config.options import Section
from cos_migrate.errors import DOES_NOT_EXIST, Code, SourceError
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.http.dates import parse_date_ns
from cos_migrate.http.messages import StreamedResponse
from cos_migrate.http.pacing import PacedRead, ThreadPace
from cos_migrate.http.routes import Proxy
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Credentials, Described, Fingerprint, SourceObject, Target
from cos_migrate.sources import metadata
from cos_migrate.sources.base import Reader, SourceOptions, StepwiseReads
from cos_migrate.sources.etags import read_etag
from cos_migrate.sources.http_reader import EmptyReader, EtagMismatches, HttpReader
from cos_migrate.sources.http_stepwise_reads import HttpStepwiseReads
from cos_migrate.sources.paged import PagedSource
from cos_migrate.sources.requests_ahead import RequestsAhead, span_of
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails, ErrorExplainingSource
from cos_migrate.sources.versions import VersionVerdict, without_fingerprint

_CONDITION_STATUS = frozenset({412, 501})
"""Statuses that refuse a condition: it does not hold, or conditions are not supported."""
_CONDITIONS = frozenset({"if-match", "if-unmodified-since"})
_REFUSED = frozenset({400, 403})
"""Statuses of refused credentials, among others."""
_OK, _PARTIAL, _FIRST_ERROR, _NO_SUCH_RANGE = 200, 206, 300, 416
_ERROR_BYTES = 64 << 10
"""Bytes that are read of an error answer."""


class HttpSource(PagedSource, ErrorExplainingSource):
    """A source whose objects come over HTTP.

    Subclasses implement `list_page` (or inherit from `KeyOrderedSource`). Most override `request`
    and `description`, and name in `advice` the keys that each error code points to.
    """

    one_host: ClassVar[bool] = True
    """Whether all objects come from one host."""
    parses_leniently: ClassVar[bool] = False
    """Whether answers are accepted that only browsers accept as HTTP."""

    def __init__(
        self, config: Section, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        ca_file, lenient = self.options.ca_file, self.parses_leniently
        self.fetcher = Fetcher(self.timeouts(), self.proxy(), ca_file, lenient=lenient)
        self.mismatches = EtagMismatches()
        self.ahead: RequestsAhead = RequestsAhead(self)

    # -- given by subclasses ---------------------------------------------------------------------

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        """Return a GET or HEAD request of an object, or of its `span`: (first byte, length).

        A cloud signs it, and pins it to the version in `obj.fingerprint` where it supports that
        (`If-Match`). By default the name is the URL. Called from several threads.
        """
        return Request(method, obj.name, tuple(conditional_headers(obj, span).items()))

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:  # noqa: ARG002
        """Describe the whole object by the headers of an answer (lower-case names).

        The caller fills in the size of its fingerprint; -1 when not known. By default the ETag is
        the version, and no user metadata is carried over.
        """
        standard = metadata.read_standard(headers)
        stored = {"content-type": "application/octet-stream", **standard.headers}
        version = Fingerprint(
            -1, parse_date_ns(headers.get(b"last-modified", b"")), read_etag(headers)
        )
        return Described(version, stored, warnings=standard.warnings)

    def timeouts(self) -> Timeouts:
        """Return the time-outs of requests to the source."""
        return Timeouts(request=self.options.request_timeout)

    def proxy(self) -> Proxy | None:
        """Return the proxy for all requests to the source; None: they go directly."""
        return None

    @property
    def credentials(self) -> Credentials | None:
        """The credentials that sign requests now; None: unsigned, or signed by fixed keys."""
        return None

    @property
    def stepwise(self) -> StepwiseReads | None:
        """Reads that one thread drives, of whole objects; None where they come from many hosts."""
        return HttpStepwiseReads(self) if self.one_host else None

    def takes_one_request(self, obj: SourceObject) -> bool:  # noqa: ARG002 - others look at the object
        """Return whether a whole object is read by one request, and needs no other."""
        return True

    def pace_by(self, pace: ThreadPace) -> None:
        """Send requests only as the meters of `pace` allow."""
        self.fetcher.pace = pace

    def close_idle(self) -> None:
        """Close the idle connections."""
        self.fetcher.close()

    # -- reading ---------------------------------------------------------------------------------

    def open(self, obj: SourceObject, start: int, length: int) -> AbstractContextManager[Reader]:
        """Request a range, or the whole object without a `Range` header."""
        return self._reading(obj, span_of(obj, start, length))

    def open_described(
        self, obj: SourceObject, start: int, length: int
    ) -> AbstractContextManager[Reader]:
        """Request the same as `open`; ask for nothing else that belongs to the object."""
        return self._reading(obj, span_of(obj, start, length), completed=False)

    def describe(self, obj: SourceObject) -> Described:
        """Request the headers of an object, and what belongs to it besides."""
        return self.complete_description(obj, self.describe_by_headers(obj))

    def describe_by_headers(self, obj: SourceObject) -> Described:
        """Request the headers of an object. Raises SourceError, SourceChanged."""
        with self.answer(obj, "HEAD", None) as incoming:
            return self.describe_answer(obj, incoming, None)

    def complete_description(self, obj: SourceObject, described: Described) -> Described:  # noqa: ARG002
        """Return the description of an object that is about to be stored, by further requests.

        Raises SourceError where it must not be stored.
        """
        return described

    def download_name(self, obj: SourceObject) -> str:
        """Return the object's own key."""
        return f"key: {obj.name}"

    # -- requests --------------------------------------------------------------------------------

    def fetch_document(
        self,
        operation: str,
        target: str,
        request: Request,
        most: int,
        accepted: Container[int] = (_OK,),
    ) -> ErrorAnswer:
        """Return the whole answer, of an accepted status and `most` bytes. Raises SourceError."""
        with self.name_errors(operation, target), self.fetcher.send(request) as incoming:
            answer = ErrorAnswer(incoming.status, incoming.headers, incoming.read_all(most + 1))
        if answer.status not in accepted:
            raise self.answer_error(operation, target, answer, self.error_details(answer))
        if len(answer.body) > most:
            limit = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
            text = f"the source's answer is larger than {limit}"
            raise self.bad_answer_error(operation, target, text)
        return answer

    def exchange(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> AbstractContextManager[StreamedResponse]:
        """Send the request for an object; return its answer, of any status."""
        request = self.request(obj, method, span)
        return self.fetcher.send(request, self.ahead.take(obj, method, span))

    @contextmanager
    def answer(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[StreamedResponse]:
        """Send the request for an object; return the answer, unless it is an error.

        Raises SourceError.
        """
        stack, credentials = ExitStack(), self.credentials
        try:
            pinned = self.pinned(obj)
            incoming = self._sent(stack, pinned, method, span)
            conditional = incoming.status in _CONDITION_STATUS
            if conditional and _is_conditional(self.request(pinned, method, span)):
                incoming = self._without_condition(stack, incoming, obj, method, span)
            if incoming.status == _NO_SUCH_RANGE and span is not None:
                self.describe(obj)  # raises where the object has a new version
                raise self._no_ranges(obj, incoming.status)
            if incoming.status >= _FIRST_ERROR:
                raise _refusal(self, obj, method, incoming, credentials)
            yield incoming
        finally:
            stack.close()

    def _sent(
        self, stack: ExitStack, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> StreamedResponse:
        with self.name_errors(_operation_of(method), obj.name):
            return stack.enter_context(self.exchange(obj, method, span))

    def _without_condition(
        self,
        stack: ExitStack,
        refused: StreamedResponse,
        obj: SourceObject,
        method: str,
        span: tuple[int, int] | None,
    ) -> StreamedResponse:
        """Send the request again without the refused condition; return its answer.

        Raises SourceChanged when the answer is of another version. When it is of the listed one,
        no more conditions are sent to this server.
        """
        with self.name_errors(_operation_of(method), obj.name):
            refused.read_all(_ERROR_BYTES)
        stack.close()
        incoming = self._sent(stack, without_fingerprint(obj), method, span)
        if incoming.status < _FIRST_ERROR:
            answered = self.description(obj, incoming.headers).fingerprint
            found = self.verdict(obj.fingerprint, answered._replace(size=_whole_size(incoming)))
            if found is VersionVerdict.CHANGED:
                raise self._changed(obj)
            if found is VersionVerdict.SAME:
                self.unpin(self.server_of(obj))
        return incoming

    @contextmanager
    def _reading(
        self, obj: SourceObject, span: tuple[int, int] | None, *, completed: bool = True
    ) -> Iterator[Reader]:
        """Open an object or a range; `completed`: whether its description is."""
        if span is not None and not span[1]:
            yield EmptyReader(self.describe(obj))
            return
        size = span[1] if span else obj.fingerprint.size
        with (
            closing(PacedRead(self.fetcher.pace.current.data, size)) as paced,
            self.answer(obj, "GET", span) as incoming,
        ):
            described = self.describe_answer(obj, incoming, span)
            if span is None and completed:
                described = self.complete_description(obj, described)
            length = span[1] if span else described.fingerprint.size
            if length < 0:
                length = obj.fingerprint.size  # a body without a length must have the listed size
            yield HttpReader(
                incoming,
                described,
                length,
                self.mismatches if span is None else None,
                name=obj.name,
                shown=self.mask(obj.name),
                proven=not obj.fingerprint.etag or bool(incoming.headers.get(b"etag")),
                named=partial(self.name_errors, "GetObject", obj.name),
                paced=paced,
            )

    def describe_answer(
        self, obj: SourceObject, incoming: StreamedResponse, span: tuple[int, int] | None
    ) -> Described:
        """Return the description of the whole object; its size is that of the content.

        Raises SourceChanged when it is of another version than the listed one, SourceError when
        it contradicts the listing or is not of the range.
        """
        described = self.description(obj, incoming.headers)
        fingerprint = described.fingerprint._replace(size=_whole_size(incoming))
        described = self.match_listing(
            obj,
            described._replace(fingerprint=fingerprint),
            incoming.headers,
            # An answer that ends with its head answers a HEAD.
            has_content=span is None and not incoming.ended,
        )
        if span is None:
            if incoming.status == _PARTIAL and not _is_whole(incoming):
                raise self.contradiction(obj, "a part of it came instead of all", status=_PARTIAL)
        elif incoming.status != _PARTIAL or not _starts_at(
            incoming.header(b"content-range"), span[0]
        ):
            raise self._no_ranges(obj, incoming.status)
        return described


def _refusal(
    source: HttpSource,
    obj: SourceObject,
    method: str,
    incoming: StreamedResponse,
    credentials: Credentials | None,
) -> SourceError:
    """Return the error of an answer to a request that `credentials`, or newer ones, have signed."""
    operation = _operation_of(method)
    with source.name_errors(operation, obj.name):
        body = incoming.read_all(_ERROR_BYTES)
    refused = ErrorAnswer(incoming.status, incoming.headers, body)
    details = source.error_details(refused)
    if not details.code and incoming.status in {404, 410}:  # to HEAD: no body
        details = details._replace(code=Code.NO_SUCH_KEY, message=DOES_NOT_EXIST)
    if method == "HEAD" and credentials and incoming.status in _REFUSED:
        details = _explained(source, obj, details)
    error = source.answer_error(operation, obj.name, refused, details)
    error.credentials_ended |= incoming.status in _REFUSED and source.credentials is not credentials
    return error


def _explained(source: HttpSource, obj: SourceObject, details: ErrorDetails) -> ErrorDetails:
    """Return the details of a refused HEAD: a GET of one byte shows whether a token has ended.

    The answer to HEAD itself has no body with a code.
    """
    if details.code in source.ended_codes or not (source.credentials and source.credentials.token):
        return details
    with source.name_errors("HeadSource", obj.name), source.exchange(obj, "GET", (0, 1)) as answer:
        if answer.status < _FIRST_ERROR:
            return details
        refused = ErrorAnswer(answer.status, answer.headers, answer.read_all(_ERROR_BYTES))
    found = source.error_details(refused)
    return found if found.code in source.ended_codes else details


def _is_conditional(request: Request) -> bool:
    return any(name.lower() in _CONDITIONS for name, _ in request.headers)


def conditional_headers(obj: SourceObject, span: tuple[int, int] | None) -> dict[str, str]:
    """Return the headers of a request for the listed version of an object, or a range of it."""
    headers = {"If-Match": f'"{obj.fingerprint.etag}"'} if obj.fingerprint.etag else {}
    if span is not None:
        headers["Range"] = format_range(span)
    return headers


def format_range(span: tuple[int, int]) -> str:
    """Return the `Range` header of (first byte, how many)."""
    return f"bytes={span[0]}-{span[0] + span[1] - 1}"


def _operation_of(method: str) -> str:
    # Another name than that of a HEAD to COS, whose errors have other advice.
    return "HeadSource" if method == "HEAD" else "GetObject"


def _starts_at(content_range: str, start: int) -> bool:
    """Return whether a `Content-Range` begins at byte `start`."""
    unit, _, rest = content_range.strip().partition(" ")
    return unit.lower() == "bytes" and rest.strip().startswith(f"{start}-")


def _whole_size(incoming: StreamedResponse) -> int:
    """Return the size of the whole object by the headers of an answer; -1 when not known."""
    if incoming.status == _PARTIAL:
        text = incoming.header(b"content-range").rpartition("/")[2]
    else:
        text = incoming.header(b"content-length")
    return int(text) if text.isascii() and text.isdigit() else -1


def _is_whole(incoming: StreamedResponse) -> bool:
    """Return whether a partial answer is of the whole object."""
    starts = _starts_at(incoming.header(b"content-range"), 0)
    return starts and incoming.header(b"content-length") == str(_whole_size(incoming))
