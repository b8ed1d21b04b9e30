"""Qiniu Kodo: lists and reads a bucket.

The management service lists keys; objects come from a download domain of the bucket. That can be a
CDN without `If-Match`, so the ETag of every answer is compared with the listed hash.
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
from cos_migrate.errors import Code, SourceError
from cos_migrate.http.client import Request
from cos_migrate.http.dates import parse_date_ns
from cos_migrate.http.messages import StreamedResponse
from cos_migrate.model import Described, Fingerprint, ListRange, Page, SourceObject, Target
from cos_migrate.sources import metadata
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.bucket import REACH_ADVICE, KeyOrderedSource, folder_of_prefix
from cos_migrate.sources.etags import Etags, read_etag
from cos_migrate.sources.http_source import format_range
from cos_migrate.sources.key_pages import KeyPage, enclosing_folders, find_middle
from cos_migrate.sources.qiniu.collapsed import CollapsedKeys, shared_key_text
from cos_migrate.sources.qiniu.config import QiniuConfig
from cos_migrate.sources.qiniu.listing import KeyListing, parse_fingerprint
from cos_migrate.sources.qiniu.refusals import DomainRefusals
from cos_migrate.sources.qiniu.services import (
    Account,
    Services,
    parse_error,
)
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails

_BLOCK = 4 << 20
"""Bytes of a qetag's blocks."""
_SINGLE, _BLOCKS = 0x16, 0x96
"""First bytes of qetags that depend on the content alone: of one block, and of several."""
_QETAG = "[0-9A-Za-z_-]{28}"
"""A qetag: 21 bytes in base64."""
_KEPT = 256
"""Names that are remembered because they share their key with no other."""


class QiniuSource(KeyOrderedSource):
    """The objects of a Qiniu bucket."""

    migrate_type = "migrateQiniu"
    record_kind = "migrate_from_qiniu"
    Config = QiniuConfig
    config: QiniuConfig
    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **REACH_ADVICE,
            "BadToken": "accessKeyId and accessKeySecret",
            "NoSuchAccessKey": "accessKeyId",
            "NoSuchBucket": "bucket",
            "Forbidden": "accessKeyId: it must be allowed to list and to read the bucket",
            "SignatureWanted": "needSign: on for a private bucket",
            "WrongDomain": "endPoint: it must be a download domain of the bucket",
            "NotQiniu": "rsHost, rsfHost and ucHost",
            "Unreachable": "rsHost, rsfHost and ucHost, srcHttps and proxyHost",
        }
    )
    fatal_codes: ClassVar[frozenset[str]] = frozenset(
        {"BadToken", "NoSuchAccessKey", "NoSuchBucket", "SignatureWanted", "WrongDomain"}
    )
    archived_codes: ClassVar[frozenset[str]] = frozenset({"Archived"})
    lists_at_same_host: ClassVar[bool] = False

    def __init__(
        self, config: QiniuConfig, target: Target, options: SourceOptions | None = None
    ) -> None:
        from cos_migrate.sources.qiniu.sdk import Signer  # noqa: PLC0415 - takes 0.12 s

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
        self._signer = Signer(*keys)
        self._services = Services(
            account, self._signer, self.fetcher, self.error, self.answer_error
        )
        route = self.fetcher.route_of(account.url(config.end_point))
        self._domain = f"{'https' if route.tls else 'http'}://{route.authority}"
        self._keys = CollapsedKeys(folder_of_prefix(config.prefix))
        self._lock = threading.Lock()
        self._refusals = DomainRefusals(
            self._services, self._domain.partition("://")[2], signs=config.need_sign
        )
        self._listing = KeyListing(self._services, self._objects, self.error)
        self._unshared: set[str] = set()

    # -- records ---------------------------------------------------------------------------------

    def job_text(self) -> str:
        config = self.config
        return (
            f"[srcPrefix: {config.prefix}] [srcBucket: {config.bucket}] "
            f"[cosFolder: {self.target.cos_path}]"
        )

    # -- listing ---------------------------------------------------------------------------------

    def list_page(self, list_range: ListRange, marker: str) -> Page:
        """Return a page; a name that shares its key on COS with an earlier one is rejected."""
        page = super().list_page(list_range, marker)
        return page._replace(found=[self._keys.reject_shared(item) for item in page.found])

    @property
    def lists_behind_any_key(self) -> bool:
        """Return False: markers are the service's own, built ones may be refused."""
        return False

    def split(self, list_range: ListRange, marker: str) -> tuple[ListRange, ListRange] | None:
        """Split at a folder in the middle of the rest, searched from the top downwards.

        None where the service accepts only its own markers: the second half could then only be
        reached from the beginning.
        """
        if self.key_file or self._listing.refuses_built_markers():
            return None
        for folder in enclosing_folders(marker, list_range.prefix):
            middle = find_middle(
                self.list_keys(folder, marker, "/"), folder, marker, list_range.until
            )
            if middle:
                halves = list_range._replace(until=middle), list_range._replace(after=middle)
                # The request has shown whether they are accepted.
                return None if self._listing.refuses_built_markers() else halves
        return None

    @property
    def lists_in_target_order(self) -> bool:
        return False  # doubled slashes are collapsed

    def key_of(self, name: str) -> str:
        """Return the key below the prefix's folder, without doubled slashes."""
        return self._keys.key_of(name)

    def names_with_same_key(self, obj: SourceObject) -> Iterable[str]:  # noqa: ARG002
        """Return none: `_refuse_shared` compares names with all kinds of slashes."""
        return ()

    def list_keys(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        return self._listing.page(prefix, after, delimiter)

    def _objects(self, items: Iterable[Mapping[str, Any]]) -> list[SourceObject]:
        return self.etags.mark_weak([self._object(item) for item in items])

    def _object(self, item: Mapping[str, Any]) -> SourceObject:
        name = item["key"]
        if not isinstance(name, str):
            raise TypeError
        return SourceObject(name, self.key_of(name), parse_fingerprint(item))

    # -- objects ---------------------------------------------------------------------------------

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        """Return a GET or HEAD request of an object, or of `span`, at the download domain."""
        url = f"{self._domain}/{quote(obj.name, safe='/')}"
        if self.config.need_sign:
            url = self._signer.download_url(url)
        if span is None:
            return Request(method, url)
        return Request(method, url, (("Range", format_range(span)),))

    def download_name(self, obj: SourceObject) -> str:
        """Return the address of the download, without its signature."""
        return f"url: {self._domain}/{quote(obj.name, safe='/')}"

    def takes_one_request(self, obj: SourceObject) -> bool:
        """Return whether no other name can have the same key on COS."""
        return not self._keys.collapsed_name(obj.name)

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        self._refusals.served = True
        sent = metadata.decode_value(headers.get(b"etag", b""))
        etag = read_etag(headers)
        foreign = [
            (name.lstrip("!"), value) for name, value in metadata.read_user(headers, b"x-qn-meta-")
        ]
        if not etag and b"content-range" in headers:
            details = ErrorDetails(
                206, Code.RANGE_IGNORED, "without an ETag its parts could be of two versions"
            )
            raise self.error("GetObject", obj.name, details)
        carried = metadata.convert_user({"qiniu-etag": sent} if sent else {}, foreign)
        standard = metadata.read_standard(headers, ("content-type",))
        return Described(
            Fingerprint(-1, parse_date_ns(headers.get(b"last-modified", b"")), etag),
            {**standard.headers, **carried.headers},
            checks=_checks(etag, obj.fingerprint.size),
            warnings=(*standard.warnings, *carried.warnings),
        )

    def checks_by_listing(self, listed: Fingerprint) -> tuple[Check, ...]:
        """Return the check by a listed hash that depends on content alone."""
        return _checks(listed.etag, listed.size)

    def describe(self, obj: SourceObject) -> Described:
        """Request the headers, and the MD5 from the management service: no header holds it."""
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
        """Request the state from the management service, or from the download domain."""
        try:
            known = self._services.stat(obj.name)
        except SourceError as error:
            if error.code != "NotQiniu" and error.status not in {405, 501}:
                raise
            known = None  # some private deployments lack the service
        if known is None:
            return super().stat(obj)
        try:
            return obj._replace(fingerprint=parse_fingerprint(known))
        except (LookupError, TypeError, ValueError):
            details = ErrorDetails(200, "NotQiniu", "its entry of the object cannot be understood")
            raise self.error("StatObject", obj.name, details) from None

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        return parse_error(answer)

    @contextmanager
    def answer(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[StreamedResponse]:
        """Send the request for an object; errors get the cause that Qiniu knows."""
        if method == "GET":
            self._refuse_shared(obj)
        try:
            with super().answer(obj, method, span) as incoming:
                yield incoming
        except SourceError as error:
            details = self._refusals.explain(obj.name, error)
            if details.code == error.code:
                raise
            raise self.error(error.operation, obj.name, details) from error

    def _refuse_shared(self, obj: SourceObject) -> None:
        """Raise SourceError when an object of another name has the same key on COS."""
        collapsed = self._keys.collapsed_name(obj.name)
        if not collapsed or obj.name in self._unshared:
            return
        try:
            known = self._services.stat(collapsed)
        except SourceError as error:
            if error.code != Code.NO_SUCH_KEY:
                raise
            known = None
        if known is not None:
            details = ErrorDetails(0, "SameTarget", shared_key_text(collapsed))
            raise self.error("GetObject", obj.name, details)
        with self._lock:
            self._unshared.add(obj.name)
            if len(self._unshared) > _KEPT:
                self._unshared.pop()


def _checks(etag: str, size: int) -> tuple[Check, ...]:
    """Return the check by a qetag, where it depends on content alone.

    Uploads in parts of another size than 4 MiB have a hash that depends on the parts.
    """
    try:
        raw = urlsafe_b64decode(etag)
    except (binascii.Error, ValueError):
        return ()
    wanted = _SINGLE if size <= _BLOCK else _BLOCKS
    usable = size >= 0 and len(raw) == 21 and raw[0] == wanted  # noqa: PLR2004 - mark and SHA-1
    return (Check("qetag", etag),) if usable else ()
