"""Lists of URLs: what each names is downloaded and sent on."""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from cos_migrate.config import values
from cos_migrate.config.options import option
from cos_migrate.config.values import NO_SECRET, Secret
from cos_migrate.errors import CONTRADICTORY, SourceError, TransportError
from cos_migrate.http.client import Request
from cos_migrate.http.connection import Incoming, Timeouts
from cos_migrate.http.network import Proxy
from cos_migrate.model import (
    Described,
    Failure,
    Fingerprint,
    Found,
    ListRange,
    Note,
    Page,
    Rejected,
    SourceObject,
    Target,
)
from cos_migrate.sources import metadata
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.etags import plain_tag
from cos_migrate.sources.http_source import HttpSource
from cos_migrate.sources.lists import NameIndex, Place, list_file_page, lists_below, rejected_line
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails
from cos_migrate.sources.url_list.answers import date_of, described_by, is_strong
from cos_migrate.sources.url_list.urls import (
    BLANKS,
    Address,
    BadUrl,
    address_of,
    has_credentials,
    redirected,
    shown,
    shown_line,
)
from cos_migrate.sources.versions import Verdict, sizes_differ, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlListConfig:
    """Lists of URLs to download."""

    urllist_path: str = option(
        "urllistPath",
        help="a file of URLs, one a line, or a folder: every file below it is such a list",
        parse=values.existing("urllistPath not exist!"),
        legal="the absolute path of an existing file or folder",
        path=True,
        placeholders=(r"D:\folder\urllist.txt", "/path/to/urllist.txt"),
    )
    is_skip_head: bool = option(
        "isSkipHead",
        help="send no HEAD; any record with the same key means migrated",
        default=False,
        parse=values.on_or_not,
        legal="on or off",
    )
    allow_http_redirect: bool = option(
        "allowHttpRedirect",
        help="follow a redirect from https to http, which others can read and change",
        default=False,
        parse=values.on_or_not,
        legal="on or off",
    )
    access_key_id: Secret = option(
        "accessKeyId",
        help="accepted and ignored",
        default=NO_SECRET,
        parse=values.secret,
        legal="anything",
        secret=True,
    )
    access_key_secret: Secret = option(
        "accessKeySecret",
        help="accepted and ignored",
        default=NO_SECRET,
        parse=values.secret,
        legal="anything",
        secret=True,
    )


_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_MOST = 10
_REDIRECT_BODY = 64 << 10
"""Bytes read of a redirect's own body, so that the connection can be used again."""
_HEAD_SAYS = frozenset({412, 429})
"""Answers to HEAD that are those to GET too: of others a signed URL, which often allows GET alone,
or a program that was never asked by HEAD may say something else."""
_HEAD_BREAKS = frozenset({"BadAnswer", "ConnectionBroken", "ConnectionReset"})
"""Codes of how a server may break down when it is asked by HEAD."""
_PLAIN_STATUS = frozenset({200, 203})
_PARTIAL = 206
_RECORD = re.compile(r"\[fileSize: (-?[0-9]{1,19})\], \[lastModify: (.*)\]", re.DOTALL)
_UNKNOWN = -1


class UrlListSource(HttpSource):
    """Everything that lists of URLs name."""

    migrate_type = "migrateUrl"
    record_kind = "migrate_from_urllist"
    Config = UrlListConfig
    config: UrlListConfig
    one_host: bool = False
    old_servers: ClassVar[bool] = True
    sends_pages: ClassVar[bool] = True
    key_file_option: ClassVar[str] = ""
    weak_by_time: ClassVar[bool] = True

    archived_codes: ClassVar[frozenset[str]] = frozenset({"InvalidObjectState"})
    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "401": "urllistPath: the URL wants a login; write it as https://user:password@host/...",
            "403": "urllistPath: the URL may have expired, or wants a login",
        }
    )

    def __init__(self, config: Any, target: Target, options: SourceOptions | None = None) -> None:
        super().__init__(config, target, options)
        self.examines = not self.config.is_skip_head
        self._files = functools.cache(lambda: tuple(lists_below(self.config.urllist_path)))
        self._seen = _Seen()

    def timeouts(self) -> Timeouts:
        """Return those of this tool: the section has none."""
        return Timeouts(request=self.options.request_timeout)

    def proxy(self) -> Proxy | None:
        """Return none: the section has none."""
        return None

    def job_text(self) -> str:
        """Name this job by the lists and the target folder."""
        path = os.path.abspath(self.config.urllist_path)
        if os.name == "nt":
            path = path.replace("\\", "/")
        if os.path.isdir(path) and not path.endswith("/"):
            path += "/"
        return f"[urlPath: {path}], [cosFolder: {self.target.cos_path}]"

    # -- listing -------------------------------------------------------------------------------

    def ranges(self) -> tuple[ListRange, ...]:
        """Return one range for each list."""
        return tuple(ListRange(path) for path in self._files())

    def lists(self) -> tuple[str, ...]:
        """Return all lists."""
        return self._files()

    def list_page(self, part: ListRange, marker: str) -> Page:
        """Return what the next lines of a list name.

        What was named before is known: all earlier lines are read first, where this run has not.
        """
        path, files = part.prefix, self._files()
        number = files.index(path) if path in files else len(files)
        for before, earlier in enumerate(files[:number]):
            self._remember(before, earlier, None)
        self._remember(number, path, _offset(marker))
        with self._seen.lock:
            return self._read(number, path, marker)

    def _remember(self, number: int, path: str, until: int | None) -> None:
        """Take note of the lines of a list up to byte `until`, or of all."""
        while True:
            # Page by page, so that the list itself can go on meanwhile.
            with self._seen.lock:
                reached = self._seen.markers.get(number, "")
                if reached is None or (until is not None and _offset(reached) >= until):
                    return
                try:
                    self._read(number, path, reached)
                except SourceError:
                    self._seen.markers[number] = None  # its own range tells of it
                    return

    def _read(self, number: int, path: str, marker: str) -> Page:
        """Return a page; the lock is held and all before it is known."""
        page = list_file_page(
            path, marker, lambda text, line: self._found(text, number, line), shown_line
        )
        reached = self._seen.markers.get(number, "")
        if reached is not None and _offset(marker) >= _offset(reached):
            self._seen.markers[number] = page.next or None
        return page

    def _found(self, text: str, number: int, line: int) -> Found | None:
        """Return what a line names; None for a blank one."""
        url = text.strip(BLANKS)
        if not url:
            return None
        try:
            address = address_of(text)
        except BadUrl as error:
            return rejected_line(self._name_of(number), line, shown_line(url), str(error))
        if not self.records_secrets and has_credentials(address):
            self.records_secrets = True
        key = address.key
        if not key:
            problem = "its path is empty, so that it gives no key"
            return rejected_line(self._name_of(number), line, shown_line(url), problem)
        wanted = f"{address.origin}{address.path}?{address.url.partition('?')[2]}"
        here = Place(number, line)
        first, same = self._seen.index.first(key, wanted, here)
        if first == here:
            return SourceObject(url, key, Fingerprint(_UNKNOWN))
        where = f"line {first.line} of {self._name_of(first.list_number)}"
        if same:
            return Note(
                f"line {line} of {self._name_of(number)} is passed over: it repeats {where}"
            )
        text = f"line {line} of {self._name_of(number)}: it goes to the same key as {where}"
        return Rejected(url, "", "", Failure("read", text, code="SameTarget"))

    def _name_of(self, number: int) -> str:
        files = self._files()
        return files[number] if number < len(files) else self.config.urllist_path

    # -- requests ------------------------------------------------------------------------------

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        """Return the request for a URL, pinned where its server has told a version."""
        return self._request(self._address(obj), obj.fingerprint, method, span)

    def _address(self, obj: SourceObject) -> Address:
        try:
            return address_of(obj.name)
        except BadUrl as error:
            raise self._url_error(obj, str(error), "BadUrl") from None

    def _request(
        self, address: Address, listed: Fingerprint, method: str, span: tuple[int, int] | None
    ) -> Request:
        # What is stored under the URL is wanted, not a form that is made for the transfer.
        headers = [("Accept", "*/*"), ("Accept-Encoding", "identity")]
        if span is not None:
            headers.append(("Range", f"bytes={span[0]}-{span[0] + span[1] - 1}"))
        if is_strong(listed.etag):
            headers.append(("If-Match", f'"{listed.etag}"'))
        elif listed.mtime_ns >= 0:
            headers.append(("If-Unmodified-Since", date_of(listed.mtime_ns)))
        if address.authorization:
            headers.append(("Authorization", address.authorization))
        return Request(method, address.url, tuple(headers))

    @contextmanager
    def answer(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[Incoming]:
        """Send the request for a URL. Raises SourceError."""
        try:
            with super().answer(obj, method, span) as incoming:
                if incoming.status not in _PLAIN_STATUS | ({_PARTIAL} if span else set()):
                    text = f"its server answered {incoming.status}, which tells no content"
                    raise self._url_error(obj, text, f"Http{incoming.status}")
                yield incoming
        except SourceError as error:
            # Each URL may lie on another server: what befalls one says nothing of the others.
            error.status = 0
            if error.code in _SERVER_CODES:
                error.code = f"Url{error.code}"
            raise

    @contextmanager
    def exchange(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[Incoming]:
        """Follow redirects, and ask by GET where HEAD is refused or tells nothing."""
        with ExitStack() as stack:
            incoming = self._by_head(stack, obj) if method == "HEAD" else None
            if incoming is None:
                stack.close()
                # The body of an answer that only has to tell the headers is not read.
                incoming = stack.enter_context(self._followed(obj, "GET", span))
            yield incoming

    def _by_head(self, stack: ExitStack, obj: SourceObject) -> Incoming | None:
        """Return the answer to HEAD, None where GET may be answered otherwise."""
        try:
            incoming = stack.enter_context(self._followed(obj, "HEAD", None))
        except TransportError as error:
            if error.code in _HEAD_BREAKS:
                return None
            if error.code == "Timeout":
                error.args = (f"{error} when asked by HEAD; [migrateUrl] isSkipHead=on sends none",)
            raise
        if incoming.status in _PLAIN_STATUS:
            # Some servers say 0 to HEAD whatever they have.
            return None if incoming.header(b"content-length") == "0" else incoming
        return incoming if incoming.status in _HEAD_SAYS else None

    @contextmanager
    def _followed(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[Incoming]:
        address = self._address(obj)
        for _ in range(_REDIRECTS_MOST + 1):
            request = self._request(address, obj.fingerprint, method, span)
            with self._fetcher.send(request) as incoming:
                location = incoming.headers.get(b"location")
                if incoming.status not in _REDIRECTS or location is None:
                    yield incoming
                    return
                incoming.read_all(_REDIRECT_BODY)
            before = address
            try:
                address = redirected(address, metadata.text_of(location))
            except BadUrl as error:
                raise self._url_error(obj, f"it is redirected, but {error}", "BadUrl") from None
            if before.is_secure and not address.is_secure and not self.config.allow_http_redirect:
                text = "it is redirected from https to http, where anyone can read and change it"
                raise self._url_error(obj, text, "Downgraded")
        text = f"it is redirected more than {_REDIRECTS_MOST} times"
        raise self._url_error(obj, text, "RedirectLoop")

    def _url_error(self, obj: SourceObject, text: str, code: str) -> SourceError:
        return SourceError(text, operation="GetObject", target=self.shown(obj.name), code=code)

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        """Return what an error answer tells: XML where an object storage sent it."""
        details = super().error_details(answer)
        if details.code and b"<Error" in answer.body:
            return details
        return ErrorDetails(answer.status, "", f"its server answered {answer.status}")

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        """Return what an answer tells of what lies under a URL."""
        described = described_by(headers)
        _, mtime_ns, etag = described.fingerprint
        if b"content-range" in headers and not etag and mtime_ns < 0:
            text = "nothing tells which version its parts belong to"
            raise self._url_error(obj, text, "RangeIgnored")
        listed = obj.fingerprint
        if plain_tag(etag) == plain_tag(listed.etag):
            # Weak or strong, it names the same.
            fingerprint = described.fingerprint._replace(etag=listed.etag)
            return described._replace(fingerprint=fingerprint)
        same_time = 0 <= mtime_ns == listed.mtime_ns
        if b"content-range" in headers and etag and listed.etag and same_time:
            text = "its servers have ETags of their own, so that its parts could be of two versions"
            raise self._url_error(obj, text, "RangeIgnored")
        return described

    def verdict(self, listed: Fingerprint, now: Fingerprint) -> Verdict:
        """Take the same time and size for the same version, whatever ETags servers have."""
        found = super().verdict(listed, now)
        same_time = 0 <= listed.mtime_ns == now.mtime_ns
        if same_time and not sizes_differ(listed, now):
            return Verdict.SAME
        return found

    def _believed(
        self,
        obj: SourceObject,
        described: Described,
        headers: Mapping[bytes, bytes],
        *,
        has_content: bool,
    ) -> Described:
        """Believe a GET without the time that HEAD has, where both agree on the rest."""
        listed, now = obj.fingerprint, described.fingerprint
        if (
            has_content
            and not listed.etag
            and now == (listed.size, _UNKNOWN, "")
            and listed.mtime_ns >= 0
            and self._is_as_by_head(obj, headers)
        ):
            described = described._replace(fingerprint=listed)
        return super()._believed(obj, described, headers, has_content=has_content)

    def _is_as_by_head(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether HEAD tells size and type of content that an answer to GET has."""
        names = (b"content-length", b"content-type")
        with self.answer(unknown(obj), "HEAD", None) as head:
            return all(head.headers.get(name) == headers.get(name) for name in names)

    def server_of(self, obj: SourceObject) -> str:
        """Return scheme, host and port."""
        return self._address(obj).origin

    def contradiction(
        self, obj: SourceObject, text: str, operation: str = "GetObject", status: int = 0
    ) -> SourceError:
        """Return the error of an answer that cannot be of the object, with a way out."""
        if self.examines:
            text = f"{text}; where HEAD is answered wrongly, isSkipHead=on asks by GET alone"
        return super().contradiction(obj, text, operation, status)

    def describe(self, obj: SourceObject) -> Described:
        """Ask by HEAD, and by GET where the answer to HEAD is not to be believed."""
        try:
            return super().describe(obj)
        except SourceError as error:
            if error.code != CONTRADICTORY:
                raise
        return self._described_by_get(obj)

    def _described_by_get(self, obj: SourceObject) -> Described:
        with self.answer(obj, "GET", None) as incoming:
            return self._described(obj, incoming, None)

    def stat(self, obj: SourceObject) -> SourceObject:
        """Ask by HEAD, and by GET where that tells again what was found not to be true."""
        listed = obj.fingerprint
        now = super().describe(unknown(obj)).fingerprint
        if now == listed or self.verdict(listed, now) is Verdict.CONTRADICTS:
            now = self._described_by_get(unknown(obj)).fingerprint
        self._must_follow(obj, now)
        return obj._replace(fingerprint=now)

    # -- records -------------------------------------------------------------------------------

    def record_key(self, obj: SourceObject, cos_path: str) -> str:
        """Return the Java tool's key."""
        return (
            f"[taskType: {self.migrate_type}] [bucket: {self.target.bucket}] "
            f"[cosPath: {cos_path}] [url: {obj.name}]"
        )

    def record_value(self, obj: SourceObject) -> str:
        """Return the Java tool's value: the size, and the time as HTTP writes it."""
        size, mtime_ns, _ = obj.fingerprint
        return f"[fileSize: {size}], [lastModify: {date_of(mtime_ns)}]"

    def unchanged(self, obj: SourceObject, recorded: str) -> bool:
        """Return whether the record says the same; the Java tool's own says nothing, and counts."""
        found = _RECORD.fullmatch(recorded)
        if not self.examines:
            return True
        if not found:
            return False
        size, modified = int(found[1]), found[2]
        if size == _UNKNOWN and not modified:
            return True
        now = obj.fingerprint
        if modified != date_of(now.mtime_ns):
            return False
        return size == now.size or (bool(modified) and _UNKNOWN in {size, now.size})

    def is_weak(self, fingerprint: Fingerprint) -> bool:
        """Return whether no time was told."""
        return fingerprint.mtime_ns < 0

    def renewed(self, obj: SourceObject, recorded: str) -> str:
        """Return what HEAD has told, where a record lacks it."""
        value = self.record_value(obj)
        found = _RECORD.fullmatch(recorded)
        blank = found is not None and int(found[1]) == _UNKNOWN and not found[2]
        return value if blank and self.examines and value != recorded else ""

    def download_name(self, obj: SourceObject) -> str:
        """Return the URL, as it may be printed."""
        return f"url: {self.shown(obj.name)}"

    def shown(self, record_key: str) -> str:
        """Return a URL or a record key without credentials and query."""
        return shown(record_key)


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
"""Codes that say that a server is out of reach."""


class _Seen:
    """What the lists have named so far, and how far each was read."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.index = NameIndex()
        self.markers: dict[int, str | None] = {}
        """List number -> marker up to which its lines are in the index; None: all are."""


def _offset(marker: str) -> int:
    return int(marker.partition(":")[0] or 0)
