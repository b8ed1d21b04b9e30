"""Qiniu Kodo: the `[migrateQiniu]` section, and what is read by it.

Keys are listed by the management service; objects come from a download domain of the bucket,
which may be a CDN: it takes no `If-Match`, so every answer's ETag is compared with the listed hash.
"""

from __future__ import annotations

import binascii
import re
import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import quote

from cos_migrate.checksums import Check
from cos_migrate.errors import SourceError
from cos_migrate.http.client import Request
from cos_migrate.http.connection import Connection, Incoming, Response
from cos_migrate.http.dates import ns_of
from cos_migrate.http.network import Route
from cos_migrate.model import Described, Fingerprint, ListRange, Page, SourceObject, Target
from cos_migrate.sources import metadata
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.bucket import KeyOrderedSource, base_of
from cos_migrate.sources.etags import Etags, plain_tag
from cos_migrate.sources.key_pages import KeyPage
from cos_migrate.sources.qiniu.collapsed import CollapsedKeys, same_target
from cos_migrate.sources.qiniu.config import QiniuConfig
from cos_migrate.sources.qiniu.services import (
    Account,
    Services,
    details_of,
    made_marker,
    marker_key,
)
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails

_SIGNED_FOR = 3600
"""Seconds that a signed URL is good for, as in the Java tool."""
_BLOCK = 4 << 20
"""Bytes of a qetag's blocks."""
_SINGLE, _BLOCKS = 0x16, 0x96
"""First bytes of the qetags that content alone tells: of one block, and of several."""
_QETAG = "[0-9A-Za-z_-]{28}"
"""What a qetag looks like: 21 bytes in base64."""
_FROZEN = frozenset({2, 3})
"""Storage classes (archive, deep archive) that must be restored before they can be read."""
_RESTORED = 2
_DISABLED = 1
_KEPT = 256
"""Markers kept of pages that were listed last, and names that are known to be alone."""
_MOST_EMPTY = 10_000
"""Empty pages in a row after which a listing counts as stuck."""


class QiniuSource(KeyOrderedSource):
    """Objects of a Qiniu bucket."""

    migrate_type = "migrateQiniu"
    record_kind = "migrate_from_qiniu"
    Config = QiniuConfig
    config: QiniuConfig
    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "BadToken": "accessKeyId and accessKeySecret",
            "NoSuchAccessKey": "accessKeyId",
            "NoSuchBucket": "bucket",
            "Forbidden": "accessKeyId: it must be allowed to list and to read the bucket",
            "SignatureWanted": "needSign: on for a private bucket",
            "WrongDomain": "endPoint: it must be a download domain of the bucket",
            "Redirected": "endPoint, srcHttps and proxyHost",
            "NameNotResolved": "endPoint and proxyHost",
            "ConnectionRefused": "endPoint, srcHttps and proxyHost",
            "ForeignAnswer": "endPoint and proxyHost",
            "ProxyRefused": "proxyHost and proxyPort",
            "TlsFailed": "endPoint and srcHttps",
            "CertificateInvalid": "endPoint, and at [common] caFile",
            "NotQiniu": "rsHost, rsfHost and ucHost",
            "Unreachable": "rsHost, rsfHost and ucHost, srcHttps and proxyHost",
        }
    )
    fatal_codes: ClassVar[frozenset[str]] = frozenset(
        {"BadToken", "NoSuchAccessKey", "NoSuchBucket", "SignatureWanted", "WrongDomain"}
    )
    archived_codes: ClassVar[frozenset[str]] = frozenset({"Archived"})
    lists_where_it_reads: ClassVar[bool] = False

    def __init__(
        self, config: QiniuConfig, target: Target, options: SourceOptions | None = None
    ) -> None:
        from qiniu import Auth  # noqa: PLC0415 - 0.15 s, for those who need it

        super().__init__(config, target, options)
        self.etags = Etags(_QETAG)
        keys = config.access_key_id, config.access_key_secret
        account = Account(
            *keys,
            config.bucket,
            config.rs_host,
            config.rsf_host,
            config.uc_host,
            tls=config.src_https,
        )
        self._services = Services(account, self._fetcher, self.error, self.answer_error)
        self._auth = Auth(*(key.reveal() for key in keys))
        route = self._fetcher.route_of(account.url(config.end_point))
        self._domain = f"{'https' if route.tls else 'http'}://{route.authority}"
        self._keys = CollapsedKeys(base_of(config.prefix))
        self._lock = threading.Lock()
        self._markers: dict[tuple[str, str], str] = {}
        self._served = False
        self._alike: bool | None = None
        """Whether the markers that are given are like those that are made; None: not seen yet."""
        self._alone: set[str] = set()

    # -- records ---------------------------------------------------------------------------------

    def job_text(self) -> str:
        """Return what names the record database."""
        config = self.config
        return (
            f"[srcPrefix: {config.prefix}] [srcBucket: {config.bucket}] "
            f"[cosFolder: {self.target.cos_path}]"
        )

    # -- listing ---------------------------------------------------------------------------------

    def list_page(self, part: ListRange, marker: str) -> Page:
        """Return a page; a key that equals an earlier one on COS is rejected."""
        page = super().list_page(part, marker)
        return page._replace(found=[self._keys.alone(item) for item in page.found])

    def split(self, part: ListRange, marker: str) -> tuple[ListRange, ListRange] | None:
        """Cut a range of the bucket, unless the service accepts only markers that it gave."""
        halves = super().split(part, marker)
        # The second half could then be reached from the beginning only.
        return None if self._alike is False else halves

    def key_of(self, name: str) -> str:
        """Return the key below the prefix's folder, without doubled slashes."""
        return self._keys.key_of(name)

    def twins_of(self, obj: SourceObject) -> Iterable[str]:  # noqa: ARG002
        """Return none: `_must_be_alone` compares names with all kinds of slashes."""
        return ()

    def list_keys(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        """Return the next page that is not empty: Qiniu may send empty ones before the end."""
        marker, passed_over = self._given(prefix, after), ""
        if after and not marker:
            passed_over = after
            marker = made_marker(after) if self._makes_markers(prefix) else ""
        for _ in range(_MOST_EMPTY):
            try:
                answer = self._services.list_keys(prefix, marker, delimiter)
            except SourceError as error:
                if error.code != "BadMarker" or not marker or delimiter:
                    raise
                # It takes no markers but those that it gives.
                marker, passed_over = "", after
                continue
            objects, folders = self._parsed(answer, prefix)
            if passed_over:
                objects = [obj for obj in objects if obj.name > passed_over]
            following = str(answer.get("marker") or "")
            if objects or folders or not following:
                if objects and following and not delimiter:
                    self._remember((prefix, objects[-1].name), following)
                    self._learn(objects[-1].name, following)
                return KeyPage(objects, folders, truncated=bool(following))
            if following == marker:
                break
            marker = following
        stuck = ErrorDetails(
            200, "ListingStuck", "the listing does not get on: empty pages without end"
        )
        raise self.error("ListObjects", prefix, stuck)

    def _learn(self, last: str, following: str) -> None:
        """Compare a marker that was given with the one that is made of the same key."""
        if self._alike is None:
            self._alike = marker_key(following) == last

    def _makes_markers(self, prefix: str) -> bool:
        """Return whether markers that are made of keys mean to this service what they say.

        One that reads them otherwise would leave keys out without an error.
        """
        if self._alike is None:
            self.list_keys(prefix, "", "")
        return bool(self._alike)

    def _parsed(
        self, answer: Mapping[str, Any], prefix: str
    ) -> tuple[list[SourceObject], list[str]]:
        try:
            if not answer.keys() & {"items", "commonPrefixes", "marker"}:
                raise LookupError
            objects = self.etags.marked([self._object(item) for item in answer.get("items") or ()])
            return objects, [str(folder) for folder in answer.get("commonPrefixes") or ()]
        except (LookupError, TypeError, ValueError):
            bad = ErrorDetails(200, "BadListing", "a page of the listing cannot be understood")
            failed = self.error("ListObjects", prefix, bad)
            failed.retryable = True  # it may have been garbled on its way
            raise failed from None

    def _given(self, prefix: str, after: str) -> str:
        """Return Qiniu's own marker of what lies behind a key that ended a page, else nothing."""
        with self._lock:
            return self._markers.get((prefix, after), "")

    def _remember(self, place: tuple[str, str], marker: str) -> None:
        with self._lock:
            self._markers[place] = marker
            if len(self._markers) > _KEPT:
                del self._markers[next(iter(self._markers))]

    def _object(self, item: Mapping[str, Any]) -> SourceObject:
        name = item["key"]
        if not isinstance(name, str):
            raise TypeError
        return SourceObject(name, self.key_of(name), _fingerprint(item))

    # -- objects ---------------------------------------------------------------------------------

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        """Return a request to the download domain."""
        url = f"{self._domain}/{quote(obj.name, safe='/')}"
        if self.config.need_sign:
            url = self._auth.private_download_url(url, expires=_SIGNED_FOR)
        if span is None:
            return Request(method, url)
        start, length = span
        return Request(method, url, (("Range", f"bytes={start}-{start + length - 1}"),))

    def download_name(self, obj: SourceObject) -> str:
        """Return the address that is downloaded from, without what signs it."""
        return f"url: {self._domain}/{quote(obj.name, safe='/')}"

    def begin(self, obj: SourceObject) -> tuple[Route, Connection] | None:
        """Leave names that must be looked at first to `answer`."""
        return None if self._keys.plain(obj.name) else super().begin(obj)

    def plain_content(self, obj: SourceObject, response: Response) -> tuple[bytes, Described]:
        """Return the content, and remember that the domain serves the bucket."""
        content = super().plain_content(obj, response)
        self._served = True
        return content

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        """Return what an answer of the download domain says."""
        sent = metadata.text_of(headers.get(b"etag", b""))
        etag = plain_tag(metadata.etag_of(headers))
        foreign = [
            (
                metadata.text_of(name).removeprefix("x-qn-meta-").lstrip("!"),
                metadata.text_of(value),
            )
            for name, value in headers.items()
            if name.startswith(b"x-qn-meta-")
        ]
        if not etag and b"content-range" in headers:
            details = ErrorDetails(
                206, "RangeIgnored", "no ETag tells which version its parts belong to"
            )
            raise self.error("GetObject", obj.name, details)
        carried = metadata.user({"qiniu-etag": sent} if sent else {}, foreign)
        standard = metadata.standard(headers, ("content-type",))
        return Described(
            Fingerprint(-1, ns_of(headers.get(b"last-modified", b"")), etag),
            {**standard.headers, **carried.headers},
            checks=_checks(etag, obj.fingerprint.size),
            warnings=(*standard.warnings, *carried.warnings),
        )

    def listed_checks(self, listed: Fingerprint) -> tuple[Check, ...]:
        """Return the check by a listed hash that content alone tells."""
        return _checks(listed.etag, listed.size)

    def describe(self, obj: SourceObject) -> Described:
        """Ask for the headers, and the management service for the MD5, which no header tells."""
        described = super().describe(obj)
        if obj.fingerprint.size <= 0:
            return described
        try:
            known = self._services.stat(obj.name) or {}
        except SourceError:
            return described  # only the MD5 is lost
        md5 = known.get("md5")
        if known.get("hash") == described.fingerprint.etag and isinstance(md5, str):
            return described._replace(md5=md5 if re.fullmatch("[0-9a-f]{32}", md5) else "")
        return described

    def stat(self, obj: SourceObject) -> SourceObject:
        """Ask the management service; where there is none to ask, the download domain."""
        try:
            known = self._services.stat(obj.name)
        except SourceError as error:
            if error.code != "NotQiniu" and error.status not in {405, 501}:
                raise
            known = None  # not every private deployment answers there
        if known is None:
            return super().stat(obj)
        try:
            return obj._replace(fingerprint=_fingerprint(known))
        except (LookupError, TypeError, ValueError):
            details = ErrorDetails(
                200, "NotQiniu", "what it tells of the object cannot be understood"
            )
            raise self.error("StatObject", obj.name, details) from None

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        """Return what an error answer of the download domain tells."""
        return details_of(answer)

    @contextmanager
    def answer(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[Incoming]:
        """Send the request for an object; what the domain refuses is looked into."""
        if method == "GET":
            self._must_be_alone(obj)
        try:
            with super().answer(obj, method, span) as incoming:
                self._served = True
                yield incoming
        except SourceError as error:
            details = self._explained(obj, error)
            if details.code == error.code:
                raise
            raise self.error(error.operation, obj.name, details) from error

    def _must_be_alone(self, obj: SourceObject) -> None:
        """Raise SourceError when an object with a plain name has the same key on COS."""
        plain = self._keys.plain(obj.name)
        if not plain or obj.name in self._alone:
            return
        try:
            known = self._services.stat(plain)
        except SourceError as error:
            if error.code != "NoSuchKey":
                raise
            known = None
        if known is not None:
            details = ErrorDetails(0, "SameTarget", same_target(plain))
            raise self.error("GetObject", obj.name, details)
        with self._lock:
            self._alone.add(obj.name)
            if len(self._alone) > _KEPT:
                self._alone.pop()

    def _explained(self, obj: SourceObject, error: SourceError) -> ErrorDetails:
        """Return what is behind an error of the download domain."""
        details = ErrorDetails(error.status, error.code, str(error), error.request_id)
        if error.code == "BadToken" and not self.config.need_sign:
            message = "the download domain wants signed URLs"
            return details._replace(code="SignatureWanted", message=message)
        if error.code not in {"Forbidden", "NoSuchKey"}:
            return details
        try:
            known = self._services.stat(obj.name)
        except SourceError:
            return details
        if known is None:
            return details
        if error.code == "NoSuchKey":
            return self._not_served(details)
        if known.get("type") in _FROZEN and known.get("restoreStatus") != _RESTORED:
            return details._replace(code="Archived", message="Qiniu refuses to send it")
        if known.get("status") == _DISABLED:
            return details._replace(code="Disabled", message="it is disabled at Qiniu (status 1)")
        return details

    def _not_served(self, details: ErrorDetails) -> ErrorDetails:
        """Return why the domain has not what the bucket has."""
        host = self._domain.partition("://")[2]
        message = f"the bucket has it, but {host} does not serve it"
        try:
            domains = self._services.domains()
        except SourceError:
            domains = ()
        if domains:
            message += f"; the bucket's download domains: {', '.join(domains)}"
        elsewhere = not self._served and host not in domains
        return details._replace(code="WrongDomain" if elsewhere else "NotServed", message=message)


def _fingerprint(found: Mapping[str, Any]) -> Fingerprint:
    """Return what a listing or stat tells; its time to the second, as the domain has it."""
    size, etag, put_time = int(found["fsize"]), found["hash"], int(found.get("putTime") or 0)
    if not isinstance(etag, str):
        raise TypeError
    mtime_ns = put_time // 10_000_000 * 1_000_000_000 if put_time > 0 else -1
    return Fingerprint(size, mtime_ns, etag)


def _checks(etag: str, size: int) -> tuple[Check, ...]:
    """Return the check by a qetag, where content alone tells it.

    Uploads in parts of another size than 4 MiB have a hash that depends on the parts.
    """
    try:
        raw = urlsafe_b64decode(etag)
    except (binascii.Error, ValueError):
        return ()
    wanted = _SINGLE if size <= _BLOCK else _BLOCKS
    usable = size >= 0 and len(raw) == 21 and raw[0] == wanted  # noqa: PLR2004 - mark and SHA-1
    return (Check("qetag", etag),) if usable else ()
