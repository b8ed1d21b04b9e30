"""What the sources that come over HTTP share: listing by pages, signed requests, readers.

A cloud's own SDK lists and signs; what it signs is sent by the lean client (`fetch`), which is
the second hot path of this tool. Nothing here retries, waits or knows a cloud by name.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from cos_migrate.checksums import Checking
from cos_migrate.config.options import declared
from cos_migrate.errors import SourceChanged, SourceError, TransportError
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.http.connection import Connection, Incoming, Response, Timeouts
from cos_migrate.http.dates import patience_of
from cos_migrate.http.network import Proxy, Route
from cos_migrate.http.s3xml import text_of
from cos_migrate.http.web_pages import is_foreign_page, told_by_proxy
from cos_migrate.model import Described, Fingerprint, Found, ListRange, Page, SourceObject, Target
from cos_migrate.sources.base import Reader, SourceOptions
from cos_migrate.sources.http_reader import HttpReader, Misreads, Nothing
from cos_migrate.sources.key_pages import KeyPage, folders_of, middle_of, ordered_page
from cos_migrate.sources.list_files import version_of
from cos_migrate.sources.slashes import same_target, twins
from cos_migrate.sources.versioned import VersionedSource, unknown
from cos_migrate.sources.versions import UNKNOWN, Verdict

_RETRYABLE_STATUS = frozenset({408, 429, 500, 502, 503, 504, 509, 573, 599})
_RETRYABLE_CODES = frozenset(
    {"OperationAborted", "RequestLimitExceeded", "RequestTimeout", "SlowDown", "Throttling"}
)
"""Codes that ask for another try, whatever their status (RequestTimeout comes with 400)."""
_CONDITION_STATUS = frozenset({412, 501})
"""Statuses by which a condition is refused: it does not hold, or no condition is known."""
_CONDITIONS = frozenset({"if-match", "if-unmodified-since"})
_OK, _PARTIAL, _NO_SUCH_RANGE = 200, 206, 416
_WAYS_THERE = frozenset(
    {
        "etagIsMd5",
        "proxyHost",
        "proxyPort",
        "region",
        "srcHttps",
        "srcConnectTimeout",
        "srcSocketTimeout",
    }
)
"""Keys that only say how a source is reached and read."""
_ERROR_MOST = 64 << 10
"""Bytes that are read of an answer that is an error."""


class Refusal(NamedTuple):
    """An answer that is an error."""

    status: int
    headers: Mapping[bytes, bytes]
    """Lower-case names."""
    body: bytes


class Told(NamedTuple):
    """What an error answer, or an SDK's exception, tells of an error."""

    status: int
    """HTTP status; 0: none."""
    code: str
    """The cloud's own error code; empty: none."""
    message: str
    request_id: str = ""


class CloudSource(VersionedSource):
    """A source whose objects come over HTTP.

    To add one: declare its section, then implement `ranges` and `list_page` (or inherit from
    `KeyOrderedSource`), `request`, `description`, the record texts, and say in `advice` which key
    of the section each error code points to.
    """

    advice: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Error code -> what of the configuration to look at, such as `accessKeyId`."""
    fatal_codes: ClassVar[frozenset[str]] = frozenset()
    """Error codes that no other object of the source can escape."""
    archived_codes: ClassVar[frozenset[str]] = frozenset()
    """Error codes of an object that must be restored before it can be read."""
    key_list: ClassVar[str] = "uriList"
    """The key of the section that names a file of keys to be migrated instead of a listing."""
    one_host: ClassVar[bool] = True
    """Whether all objects come from one host, by one request each that signing costs no waiting."""
    old_servers: ClassVar[bool] = False
    """Whether answers are taken that are HTTP to browsers only."""

    lists_where_it_reads: ClassVar[bool] = True
    """Whether listings and objects are asked for at one host with the same credentials."""

    def __init__(self, config: Any, target: Target, options: SourceOptions | None = None) -> None:
        super().__init__(config, target, options)
        self._fetcher = Fetcher(
            self.timeouts(), self.proxy(), self.options.ca_file, lenient=self.old_servers
        )
        self._misreads = Misreads()

    # -- what a cloud says -----------------------------------------------------------------------

    @abc.abstractmethod
    def ranges(self) -> tuple[ListRange, ...]:
        """Return the ranges that together hold everything there is to list."""

    @abc.abstractmethod
    def list_page(self, part: ListRange, marker: str) -> Page:
        """Return the page of a range that follows `marker` (empty: the first).

        Called from several threads. Raises SourceError (made by `error`), retryable where asking
        again may help.
        """

    @property
    def listing_proves(self) -> bool:
        """Whether a listed page shows that the source accepts the requests for objects.

        The page of a list file shows nothing.
        """
        return self.lists_where_it_reads and not list(self.lists())

    def ask_listing(self) -> None:
        """Ask for the first page of what is listed by requests. Raises SourceError."""
        files = set(self.lists())
        for part in self.ranges():
            if part.prefix not in files:
                self.list_page(part, "")
                return

    def split(self, part: ListRange, marker: str) -> tuple[ListRange, ListRange] | None:  # noqa: ARG002
        """Cut what is left of a range behind `marker` in two; None where it cannot be cut.

        The first of the two goes on with `marker`, the second begins anew.
        """
        return None

    @abc.abstractmethod
    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        """Return a signed GET or HEAD of an object, or of `span`: (first byte, how many).

        It must be pinned to the version in `obj.fingerprint` where the cloud can do that
        (`If-Match`). Called from several threads.
        """

    @abc.abstractmethod
    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        """Return what the headers of an answer (lower-case names) say of the whole object.

        The size in its fingerprint is filled in here; -1 when not known.
        """

    def told(self, refusal: Refusal) -> Told:
        """Return what an error answer tells; the default reads S3's XML, as most clouds write."""
        headers, body = refusal.headers, refusal.body
        request_id = headers.get(b"x-amz-request-id") or headers.get(b"x-oss-request-id") or b""
        return Told(
            refusal.status,
            text_of(body, "Code"),
            text_of(body, "Message"),
            request_id.decode("latin-1") or text_of(body, "RequestId"),
        )

    def timeouts(self) -> Timeouts:
        """Return how long the source may keep silent."""
        config = self.config
        return Timeouts(
            config.src_connect_timeout / 1000,
            config.src_socket_timeout / 1000,
            self.options.request_timeout,
        )

    def proxy(self) -> Proxy | None:
        """Return the proxy for all requests to the source."""
        if not self.config.proxy_host:
            return None
        return Proxy.of(self.config.proxy_host, self.config.proxy_port)

    def origin(self) -> str:
        """Return the job and every key of the section that may decide what is listed."""
        keys = [
            f"{one.option.key}={getattr(self.config, one.name)}"
            for one in declared(type(self.config))
            if not one.option.secret and one.option.key not in _WAYS_THERE
        ]
        return "\n".join([self.job_text(), *keys, *map(version_of, self.lists())])

    def lists(self) -> Iterable[str]:
        """Return the paths of the files that name what there is, where they are used.

        A position in one is good for nothing once it is written to: it could leave lines out.
        """
        paths = (one.name for one in declared(type(self.config)) if one.option.path)
        return [path for name in paths if (path := getattr(self.config, name))]

    # -- a step at a time, for one thread that drives many connections ---------------------------

    def begin(self, obj: SourceObject) -> tuple[Route, Connection] | None:
        """Ask for a whole object over a connection that is open; None when none is.

        The connection is to be given to `keep` when the answer is there. Raises TransportError.
        """
        request = self.request(self._pinned(obj), "GET", None)
        route = self._fetcher.route_of(request.url)
        connection = self._fetcher.take_idle(route)
        if connection is None:
            return None
        connection.begin(self._fetcher.head_of(request, route), b"")
        return route, connection

    def keep(self, route: Route, connection: Connection) -> None:
        """Take a connection back, for the next object unless it is closed."""
        if connection.reusable:
            self._fetcher.give_back(route, connection)

    def make_room(self) -> None:
        """Close the connections that wait for a request."""
        self._fetcher.close()

    def plain_content(self, obj: SourceObject, response: Response) -> tuple[bytes, Described]:
        """Return the content that the answer to a plain request holds, checked. Raises SourceError.

        What is not the plain case raises too: `open` meets it again, and judges it.
        """
        if response.status != _OK:
            raise SourceError("not the plain case", code="NotPlain")
        described = self.description(obj, response.headers)
        fingerprint = described.fingerprint._replace(size=len(response.body))
        described = described._replace(fingerprint=fingerprint)
        described = self._believed(obj, described, response.headers, has_content=True)
        checking = Checking(described.checks)
        checking.update(response.body)
        wrong = checking.wrong()
        if wrong:
            self._misreads.repeats(obj.name, described, wrong, checking)
            raise SourceError("not the plain case", code="NotPlain")
        return response.body, described

    # -- what follows from it --------------------------------------------------------------------

    def scan(self) -> Iterator[Found]:
        """Yield what all ranges hold, one after the other."""
        waiting = list(self.ranges())
        problem = None
        while waiting:
            part, marker = waiting.pop(0), ""
            while True:
                page = self.list_page(part, marker)
                yield from page.found
                waiting += page.more
                problem = problem or page.problem
                marker = page.next
                if not marker:
                    break
        if problem:
            raise SourceError(problem.message, operation=problem.operation, code=problem.code)

    def open(self, obj: SourceObject, start: int, length: int) -> AbstractContextManager[Reader]:
        """Request a range, or the whole object without a `Range` header."""
        whole = start == 0 and length in {-1, obj.fingerprint.size}
        return self._reading(obj, None if whole else (start, length))

    def describe(self, obj: SourceObject) -> Described:
        """Ask for the headers of an object."""
        with self.answer(obj, "HEAD", None) as incoming:
            return self._described(obj, incoming, None)

    def download_name(self, obj: SourceObject) -> str:
        """Return the object's own key."""
        return f"key: {obj.name}"

    def stat(self, obj: SourceObject) -> SourceObject:
        """Return `obj` as the source has it now: a new version, or the one that was listed."""
        return obj._replace(fingerprint=self._following(obj, self.describe(unknown(obj))))

    def examine(self, obj: SourceObject) -> Described:
        """Return what the source says now: of a new version, or of the one that was listed."""
        if obj.fingerprint != UNKNOWN:
            try:
                described = self.describe(obj)
            except SourceChanged:
                pass  # another answer must say the same
            else:
                return described._replace(fingerprint=self._following(obj, described))
        described = self.describe(unknown(obj))
        return described._replace(fingerprint=self._following(obj, described))

    def error(self, operation: str, target: str, told: Told) -> SourceError:
        """Return the error for what a cloud told, sorted by kind, with where to look."""
        status, code = told.status, told.code or f"Http{told.status}"
        message = told.message or f"the source answered {status}"
        if code in self.archived_codes:
            message = f"it is archived and must be restored before it can be read ({message})"
        where = self.advice.get(code) or (self.advice.get(str(status)) if not told.code else "")
        if where:
            message = f"{message}; look at [{self.migrate_type}] {where}"
        return SourceError(
            message,
            operation=operation,
            target=self.shown(target),
            status=status,
            code=code,
            request_id=told.request_id,
            retryable=code not in self.fatal_codes
            and (status in _RETRYABLE_STATUS or code in _RETRYABLE_CODES),
            fatal=code in self.fatal_codes,
        )

    def refused(self, operation: str, target: str, refusal: Refusal, told: Told) -> SourceError:
        """Return the error for an answer, with how long that asks to wait."""
        error = self.error(operation, target, self._by_whom(refusal, told))
        after = refusal.headers.get(b"retry-after", b"")
        error.retry_after = patience_of(after.decode("latin-1"))
        return error

    def is_foreign(self, refusal: Refusal) -> bool:
        """Return whether an error answer came from a proxy or a firewall, not from the source."""
        return not self.sends_pages and is_foreign_page(refusal.headers, refusal.body)

    def _by_whom(self, refusal: Refusal, told: Told) -> Told:
        """Return what an error answer tells; of one that a proxy sent, that it did so."""
        proxy = told_by_proxy(*refusal, pages=not self.sends_pages)
        return Told(refusal.status, *proxy) if proxy else told

    def exchange(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> AbstractContextManager[Incoming]:
        """Send the request for an object and give its answer, whatever that says."""
        return self._fetcher.send(self.request(obj, method, span))

    @contextmanager
    def answer(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[Incoming]:
        """Send the request for an object; the answer is no error. Raises SourceError."""
        operation, stack = _operation_of(method), ExitStack()
        try:
            asked = self._pinned(obj)
            incoming = self._sent(stack, asked, method, span)
            if incoming.status in _CONDITION_STATUS and self._is_conditional(asked, method, span):
                incoming = self._without_condition(stack, incoming, obj, method, span)
            if incoming.status == _NO_SUCH_RANGE and span is not None:
                self.describe(obj)  # raises where the object has become another
                raise self._no_ranges(obj, incoming.status)
            if incoming.status >= 300:  # noqa: PLR2004 - HTTP
                with self._named(operation, obj):
                    body = incoming.read_all(_ERROR_MOST)
                refusal = Refusal(incoming.status, incoming.headers, body)
                told = self.told(refusal)
                if not told.code and incoming.status in {404, 410}:  # to HEAD: no body
                    told = told._replace(code="NoSuchKey", message="it does not exist (any more)")
                raise self.refused(operation, obj.name, refusal, told)
            yield incoming
        finally:
            stack.close()

    def _sent(
        self, stack: ExitStack, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Incoming:
        with self._named(_operation_of(method), obj):
            return stack.enter_context(self.exchange(obj, method, span))

    def _is_conditional(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> bool:
        headers = self.request(obj, method, span).headers
        return any(name.lower() in _CONDITIONS for name, _ in headers)

    def _without_condition(
        self,
        stack: ExitStack,
        refused: Incoming,
        obj: SourceObject,
        method: str,
        span: tuple[int, int] | None,
    ) -> Incoming:
        """Ask once more without the condition that was refused; return the answer to that.

        Raises SourceChanged when it is of another version. When it is of the listed one,
        conditions are of no use at this server, and no other request has any.
        """
        with self._named(_operation_of(method), obj):
            refused.read_all(_ERROR_MOST)
        stack.close()
        incoming = self._sent(stack, unknown(obj), method, span)
        if incoming.status < 300:  # noqa: PLR2004 - HTTP
            now = self.description(obj, incoming.headers).fingerprint
            found = self.verdict(obj.fingerprint, now._replace(size=_whole_size(incoming)))
            if found is Verdict.CHANGED:
                raise self._changed(obj)
            if found is Verdict.SAME:
                self._unpin(self.server_of(obj))
        return incoming

    @contextmanager
    def _named(self, operation: str, obj: SourceObject) -> Iterator[None]:
        """Name the operation and the object in an error of the connection."""
        try:
            yield
        except TransportError as error:
            told = Told(error.status, error.code, f"the source: {error}")
            named = self.error(operation, obj.name, told)
            named.retryable = error.retryable
            raise named from error

    @contextmanager
    def _reading(self, obj: SourceObject, span: tuple[int, int] | None) -> Iterator[Reader]:
        if span is not None and not span[1]:
            yield Nothing(self.describe(obj))
            return
        with self.answer(obj, "GET", span) as incoming:
            described = self._described(obj, incoming, span)
            length = span[1] if span else described.fingerprint.size
            if length < 0:
                length = obj.fingerprint.size  # a body without a length has to have the listed one
            yield HttpReader(
                incoming,
                described,
                length,
                self._misreads if span is None else None,
                name=obj.name,
                shown=self.shown(obj.name),
                proven=not obj.fingerprint.etag or bool(incoming.headers.get(b"etag")),
                named=partial(self._named, "GetObject", obj),
            )

    def _described(
        self, obj: SourceObject, incoming: Incoming, span: tuple[int, int] | None
    ) -> Described:
        """Return the description of the whole object; its size is that of the content.

        Raises SourceChanged when it is of another version than the listed one, SourceError when
        it contradicts the listing or is not of the range.
        """
        described = self.description(obj, incoming.headers)
        fingerprint = described.fingerprint._replace(size=_whole_size(incoming))
        described = self._believed(
            obj,
            described._replace(fingerprint=fingerprint),
            incoming.headers,
            # An answer that is over behind its head is one to HEAD.
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


def _operation_of(method: str) -> str:
    # COS is sent HEADs too, and what its errors call for is something else.
    return "HeadSource" if method == "HEAD" else "GetObject"


def _starts_at(content_range: str, start: int) -> bool:
    """Return whether a part of an object is the one that was asked for."""
    unit, _, rest = content_range.strip().partition(" ")
    return unit.lower() == "bytes" and rest.strip().startswith(f"{start}-")


def _whole_size(incoming: Incoming) -> int:
    """Return the size of the whole object that an answer tells, -1 when it does not."""
    if incoming.status == _PARTIAL:
        text = incoming.header(b"content-range").rpartition("/")[2]
    else:
        text = incoming.header(b"content-length")
    return int(text) if text.isascii() and text.isdigit() else -1


def _is_whole(incoming: Incoming) -> bool:
    """Return whether an answer that says that it is a part is one of everything."""
    starts = _starts_at(incoming.header(b"content-range"), 0)
    return starts and incoming.header(b"content-length") == str(_whole_size(incoming))


class KeyOrderedSource(CloudSource):
    """A source that lists its keys in the order of their bytes, behind any key.

    Such a listing can be cut anywhere, so that several stretches of it are listed at once.
    """

    @abc.abstractmethod
    def list_keys(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        """Return the next page of keys that begin with `prefix` and stand behind `after`.

        With a `delimiter` what stands between the prefix and it is folded, as S3 does it.
        Raises SourceError (made by `error`).
        """

    def ask_listing(self) -> None:
        """Ask for a page of keys, even where a list file names them. Raises SourceError."""
        if list(self.lists()):
            self.list_keys("", "", "")
        else:
            super().ask_listing()

    def list_page(self, part: ListRange, marker: str) -> Page:
        """Return the next page of a range, held to its prefix and to the order it must have."""
        return ordered_page(self.list_keys(part.prefix, marker or part.after, ""), part, marker)

    def key_of(self, name: str) -> str:
        """Return what of a name is its key below `cosPath`: a worker is told the name alone."""
        return name

    def twins_of(self, obj: SourceObject) -> Iterable[str]:
        """Return the names of fewer leading slashes that would have the key of `obj` on COS."""
        key = self.key_of(obj.name)
        return twins(self.target, obj._replace(key=key)) if key[:1] == "/" else ()

    def refuse_twin(self, obj: SourceObject) -> None:
        """Raise SourceError when an object of fewer leading slashes has the key of this one."""
        for name in self.twins_of(obj):
            try:
                with self.answer(SourceObject(name, "", Fingerprint(-1)), "HEAD", None):
                    pass
            except SourceError as error:
                # 403 is what S3 says of a missing key to those who may not list.
                if error.status not in {403, 404}:
                    raise
            else:
                raise self.error("GetObject", obj.name, Told(0, "SameTarget", same_target(name)))

    def split(self, part: ListRange, marker: str) -> tuple[ListRange, ListRange] | None:
        """Cut at a folder in the middle of what is left, looking from the top downwards."""
        for folder in folders_of(marker, part.prefix):
            middle = middle_of(self.list_keys(folder, marker, "/"), folder, marker, part.until)
            if middle:
                return part._replace(until=middle), part._replace(after=middle)
        return None


def base_of(prefix: str) -> str:
    """Return what a prefix takes away from a key: all up to its last `/`."""
    return prefix[: prefix.rfind("/") + 1]
