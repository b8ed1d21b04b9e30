"""Lists of URLs: what each names is downloaded and sent on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Any, ClassVar

from cos_migrate.errors import CONTRADICTORY, SourceError, TransportError
from cos_migrate.http.client import Request
from cos_migrate.http.connection import Incoming, Timeouts
from cos_migrate.http.network import Proxy
from cos_migrate.model import (
    Described,
    Fingerprint,
    ListRange,
    Page,
    SourceObject,
    Target,
)
from cos_migrate.sources import metadata
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.etags import plain_tag
from cos_migrate.sources.http_source import HttpSource
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails
from cos_migrate.sources.url_list.answers import date_of, described_by, is_strong
from cos_migrate.sources.url_list.config import UrlListConfig
from cos_migrate.sources.url_list.listing import UrlLists
from cos_migrate.sources.url_list.urls import (
    Address,
    BadUrl,
    address_of,
    redirected,
    shown,
)
from cos_migrate.sources.versions import Verdict, sizes_differ, unknown

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_MOST = 10
_REDIRECT_BODY = 64 << 10
"""Bytes read of a redirect's own body, so that the connection can be used again."""
_HEAD_SAYS = frozenset({412, 429})
"""Answers to HEAD that are those to GET too: of others a signed URL, which often allows GET alone,
or a program that was never asked by HEAD may say something else."""
_HEAD_BREAKS = frozenset({"BadAnswer", "ConnectionBroken", "ConnectionReset"})
"""Codes of how a server may break down when it is asked by HEAD."""
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
"""Codes of a server that is out of reach."""
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
        self._url_lists = UrlLists(self.config.urllist_path)

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
        return tuple(ListRange(path) for path in self._url_lists.files)

    def lists(self) -> tuple[str, ...]:
        """Return all lists."""
        return self._url_lists.files

    def list_page(self, part: ListRange, marker: str) -> Page:
        """Return the objects of the next lines of a list, less those of keys listed before."""
        page = self._url_lists.page(part.prefix, marker)
        self.records_secrets = self._url_lists.has_credentials
        return page

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
