"""What the sources that come over HTTP share: listing by pages, signed requests, readers.

A cloud's own SDK lists and signs; what it signs is sent by the lean client (`fetch`), which is
the second hot path of this tool. Nothing here retries, waits or knows a cloud by name.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from cos_migrate.checks import Checking
from cos_migrate.errors import SourceChanged, SourceError, TransportError
from cos_migrate.fetch import Fetcher, Request
from cos_migrate.http import Connection, Incoming, Response, Timeouts
from cos_migrate.http_dates import patience_of
from cos_migrate.model import (
    Described,
    Fingerprint,
    Found,
    ListRange,
    Page,
    SourceObject,
    Target,
)
from cos_migrate.network import Proxy, Route
from cos_migrate.options import declared
from cos_migrate.sources.base import Reader, Source, SourceOptions
from cos_migrate.sources.key_pages import KeyPage, folders_of, middle_of, ordered_page
from cos_migrate.sources.list_files import version_of
from cos_migrate.sources.slashes import same_target, twins
from cos_migrate.web_pages import FOREIGN, foreign_message, is_foreign_page
from cos_migrate.xml_text import text_of

_RETRYABLE_STATUS = frozenset({408, 429, 500, 502, 503, 504, 509, 573, 599})
_RETRYABLE_CODES = frozenset(
    {"OperationAborted", "RequestLimitExceeded", "RequestTimeout", "SlowDown", "Throttling"}
)
"""Codes that ask for another try, whatever their status (RequestTimeout comes with 400)."""
_CHANGED_STATUS = frozenset({412, 416})
_WAYS_THERE = frozenset(
    {"proxyHost", "proxyPort", "region", "srcHttps", "srcConnectTimeout", "srcSocketTimeout"}
)
"""Keys that only say how a source is reached."""
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


class CloudSource(Source):
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
    sends_pages: ClassVar[bool] = False
    """Whether its own errors come as web pages; else these come from a proxy or a firewall."""
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
        request = self.request(obj, "GET", None)
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

    def plain_content(self, obj: SourceObject, response: Response) -> tuple[bytes, Described]:
        """Return the content that the answer to a plain request holds, checked. Raises SourceError.

        What is not the plain case raises too: `open` meets it again, and judges it.
        """
        if response.status != 200:  # noqa: PLR2004 - HTTP
            raise SourceError("not the plain case", code="NotPlain")
        described = self.description(obj, response.headers)
        fingerprint = described.fingerprint._replace(size=len(response.body))
        described = self._held(obj, described._replace(fingerprint=fingerprint))
        checking = Checking(described.checks)
        checking.update(response.body)
        if checking.wrong():
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
            described = self._described(obj, incoming, None)
        return self._held(obj, described)

    def download_name(self, obj: SourceObject) -> str:
        """Return the object's own key."""
        return f"key: {obj.name}"

    def stat(self, obj: SourceObject) -> SourceObject:
        """Return `obj` as the source has it now."""
        unknown = obj._replace(fingerprint=Fingerprint(-1))
        return obj._replace(fingerprint=self.describe(unknown).fingerprint)

    def error(self, operation: str, target: str, told: Told) -> SourceError:
        """Return the error for what a cloud told, sorted by kind, with where to look."""
        status, code = told.status, told.code or f"Http{told.status}"
        message = told.message or f"the source answered {status}"
        if code in self.archived_codes:
            message = f"it is archived and must be restored before it can be read ({message})"
        where = self.advice.get(code) or (self.advice.get(str(status)) if not told.code else "")
        if where:
            message = f"{message}; look at [{self.migrate_type}] {where}"
        kind = SourceChanged if status in _CHANGED_STATUS else SourceError
        return kind(
            message,
            operation=operation,
            target=self.shown(target),
            status=status,
            code="Changed" if kind is SourceChanged else code,
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
        status, headers, body = refusal
        if status == 407:  # noqa: PLR2004 - HTTP
            return Told(status, "ProxyRefused", "the proxy wants a user name and a password")
        if not self.is_foreign(refusal):
            return told
        kind = headers.get(b"content-type", b"").decode("latin-1")
        return Told(status, FOREIGN, foreign_message("the source", status, kind, body))

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
        # COS is sent HEADs too, and what its errors call for is something else.
        operation = "HeadSource" if method == "HEAD" else "GetObject"
        with self._named(operation, obj):
            context = self.exchange(obj, method, span)
            incoming = context.__enter__()
        try:
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
            context.__exit__(None, None, None)

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
            yield _Nothing(self.describe(obj))
            return
        with self.answer(obj, "GET", span) as incoming:
            described = self._held(obj, self._described(obj, incoming, span))
            length = span[1] if span else described.fingerprint.size
            if length < 0:
                length = obj.fingerprint.size  # a body without a length has to have the listed one
            yield _HttpReader(self, obj, incoming, described, length, whole=span is None)

    def _described(
        self, obj: SourceObject, incoming: Incoming, span: tuple[int, int] | None
    ) -> Described:
        """Return the description of the whole object; its size is that of the content."""
        if span is not None and (
            incoming.status != 206  # noqa: PLR2004 - HTTP
            or not _starts_at(incoming.header(b"content-range"), span[0])
        ):
            raise SourceError(
                "the source sends no ranges of it",
                operation="GetObject",
                target=self.shown(obj.name),
                status=incoming.status,
                code="RangeIgnored",
            )
        described = self.description(obj, incoming.headers)
        size = _whole_size(incoming, span)
        return described._replace(fingerprint=described.fingerprint._replace(size=size))

    def _held(self, obj: SourceObject, described: Described) -> Described:
        """Return what an answer describes, completed by what was listed: both are one version.

        Raises SourceChanged when what the source has now is not what was listed.
        """
        listed, now = obj.fingerprint, described.fingerprint
        if (
            (listed.size >= 0 and now.size >= 0 and now.size != listed.size)
            or (listed.etag and now.etag and now.etag != listed.etag)
            or (not listed.etag and _differ(listed.mtime_ns, now.mtime_ns))
        ):
            raise SourceChanged(
                "it changed after it was listed",
                operation="GetObject",
                target=self.shown(obj.name),
                code="Changed",
            )
        mtime_ns = now.mtime_ns if now.mtime_ns >= 0 else listed.mtime_ns
        told = Fingerprint(now.size, mtime_ns, now.etag or listed.etag)
        return described._replace(fingerprint=told)


class _Nothing:
    """An empty range."""

    def __init__(self, described: Described) -> None:
        self.described = described

    def read(self, size: int) -> bytes:  # noqa: ARG002 - there is nothing to read
        return b""

    def check_unchanged(self) -> None:
        return


class _HttpReader:
    """The body of an answer, summed up where it is the whole object."""

    def __init__(
        self,
        source: CloudSource,
        obj: SourceObject,
        incoming: Incoming,
        described: Described,
        length: int,
        *,
        whole: bool,
    ) -> None:
        """`length`: bytes that must come; -1: as many as do."""
        self.described = described
        self._source = source
        self._obj = obj
        self._incoming = incoming
        self._left = length
        self._bounded = length >= 0
        self._checking = Checking(described.checks) if whole else Checking(())

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end. Raises SourceError."""
        wanted = min(size, self._left) if self._bounded else size
        with self._source._named("GetObject", self._obj):  # noqa: SLF001 - of one room
            data = self._incoming.read(wanted) if wanted else b""
            if self._bounded:
                self._left -= len(data)
                if wanted and not data:
                    raise TransportError(
                        "its body ended early", code="ConnectionBroken", retryable=True
                    )
                if not self._left and not self._incoming.ended and self._incoming.read(1):
                    # Only its end frees the connection for the next request.
                    raise TransportError(
                        "its body is longer than it should be", code="BadAnswer", retryable=True
                    )
        self._checking.update(data)
        return data

    def check_unchanged(self) -> None:
        """Raise SourceError when what was read differs from the source's own checksum."""
        if self._bounded and self._left:
            return  # only some of it was read
        wrong = self._checking.wrong()
        if wrong:
            raise SourceError(
                f"what was read is not what the source has: its {wrong} differs",
                operation="GetObject",
                target=self._source.shown(self._obj.name),
                code="SourceChecksumMismatch",
                retryable=True,
            )


def _differ(one_ns: int, other_ns: int) -> bool:
    """Return whether two times are not the same, as far as both are told."""
    return one_ns >= 0 and other_ns >= 0 and one_ns != other_ns


def _starts_at(content_range: str, start: int) -> bool:
    """Return whether a part of an object is the one that was asked for."""
    unit, _, rest = content_range.strip().partition(" ")
    return unit.lower() == "bytes" and rest.strip().startswith(f"{start}-")


def _whole_size(incoming: Incoming, span: tuple[int, int] | None) -> int:
    """Return the size of the whole object that an answer tells, -1 when it does not."""
    text = incoming.header(b"content-length")
    if span is not None:
        text = incoming.header(b"content-range").rpartition("/")[2]
    return int(text) if text.isascii() and text.isdigit() else -1


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
