"""The base of sources with the S3 protocol, which differ in names and in the meaning of ACLs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from cos_migrate.checksums import Check
from cos_migrate.config.cloud import CloudAccess
from cos_migrate.errors import Code, SourceError
from cos_migrate.http.client import Request
from cos_migrate.http.dates import parse_date_ns
from cos_migrate.model import (
    Described,
    Fingerprint,
    Found,
    RestoreRule,
    SourceObject,
    Target,
)
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.column_pages import ColumnPage
from cos_migrate.sources.etags import Etags, checks_by_etag
from cos_migrate.sources.http_source import conditional_headers
from cos_migrate.sources.metadata import StorableMetadata
from cos_migrate.sources.restoring import restore_document
from cos_migrate.sources.s3 import listing as s3_listing
from cos_migrate.sources.s3.acl import convert_acl
from cos_migrate.sources.s3.description import is_archived, read_description
from cos_migrate.sources.s3.listing import Listing
from cos_migrate.sources.s3.requests import SignedS3Source, encode_path
from cos_migrate.sources.source_errors import ErrorDetails

if TYPE_CHECKING:
    from cos_migrate.sources.inventory import Row

_MOST_EMPTY = 10_000
"""Empty pages in a row after which a listing counts as stuck."""
_NO_V2 = frozenset({"NotImplemented", "InvalidArgument", "InvalidRequest"})
"""Codes of a service without ListObjectsV2."""
_NO_V2_STATUS = frozenset({405, 501})
"""Statuses of a service without ListObjectsV2, with any code."""
_NO_ACL = frozenset({404, 405, 501})
"""Statuses of a service without ACLs: the object itself was just there."""
_REQUEST_ID = b"x-amz-request-id"
_XML_NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class S3Source(SignedS3Source):
    """A bucket that is listed and read by the S3 protocol."""

    states_storage_class: ClassVar[bool] = True
    restore_rules: ClassVar[Mapping[str, RestoreRule]] = MappingProxyType(
        {
            "GLACIER": RestoreRule(days_most=36_500),
            "DEEP_ARCHIVE": RestoreRule(("Standard", "Bulk"), days_most=36_500),
            # The archive tiers of INTELLIGENT_TIERING, which an object leaves for good.
            "ARCHIVE_ACCESS": RestoreRule(days_most=0),
            "DEEP_ARCHIVE_ACCESS": RestoreRule(("Standard", "Bulk"), days_most=0),
        }
    )
    class_header: ClassVar[bytes] = b"x-amz-storage-class"
    restore_header: ClassVar[bytes] = b"x-amz-restore"
    restore_right: ClassVar[str] = "s3:RestoreObject"
    readable_codes: ClassVar[frozenset[str]] = frozenset({"InvalidObjectState"})
    has_tags: ClassVar[bool] = True
    tag_count_header: ClassVar[bytes] = b"x-amz-tagging-count"
    etag_name: ClassVar[str]
    """The user metadata in which COS keeps an object's ETag."""
    same_accounts: ClassVar[bool] = False
    """Whether its accounts are Tencent's, so that grants to them mean the same on COS."""

    @property
    def etags_are_md5(self) -> bool:
        """Whether ETags of 32 hex digits are taken for the MD5 of the content."""
        return True

    def __init__(
        self, config: CloudAccess, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        self.etags = Etags(md5=self.etags_are_md5)
        if self.endpoint.is_amazon:
            self.request_id_header = _REQUEST_ID
        self._v2 = True
        self._has_acls = True

    def copies_acl(self, obj: SourceObject) -> bool:  # noqa: ARG002 - others look at the object
        """Return whether the ACL of `obj` is carried over."""
        return self.options.copy_acl

    # -- listing -------------------------------------------------------------------------------

    def list_columns(self, prefix: str, after: str, delimiter: str) -> ColumnPage:
        """Return a page as columns, by ListObjectsV2, or ListObjects where the service lacks it."""
        listing = self._list(prefix, after, delimiter)
        # A token is no key; `_list_v2` has followed it.
        following = "" if listing.is_v2 else listing.following
        return ColumnPage(listing.columns, listing.folders, listing.truncated, following)

    def object_of_row(self, row: Row) -> Found:
        """Return the object; a time only where it is wanted, or the ETag unreliable."""
        size, _, etag = row.fingerprint
        if not self.options.times and self.etags.is_reliable(etag, size):
            row = row._replace(fingerprint=Fingerprint(size, -1, etag))
        return super().object_of_row(row)

    def _list(self, prefix: str, after: str, delimiter: str) -> Listing:
        if self._v2:
            try:
                listing = self._list_v2(prefix, after, delimiter)
            except SourceError as error:
                if error.code not in _NO_V2 and error.status not in _NO_V2_STATUS:
                    raise
            else:
                # A service that ignores list-type would list the first page again and again.
                if listing.is_v2:
                    return listing
            self._v2 = False
        query = s3_listing.build_query(prefix, after, delimiter, v2=False)
        return self.get_parsed("ListObjects", prefix, f"/?{query}", self._parse)

    def _list_v2(self, prefix: str, after: str, delimiter: str) -> Listing:
        """Return the next page with keys, or the last one: deleted keys leave empty pages."""
        token, left = "", _MOST_EMPTY
        while True:
            query = s3_listing.build_query(prefix, after, delimiter, v2=True, token=token)
            listing = self.get_parsed("ListObjectsV2", prefix, f"/?{query}", self._parse)
            left -= 1
            stuck = not left or not listing.following or listing.following == token
            if listing.columns.names or listing.folders or not listing.truncated or stuck:
                return listing
            token = listing.following

    def _parse(self, document: bytes) -> Listing:
        classes = self.options.lists_classes
        return s3_listing.parse(document, self.etags, times=self.options.times, classes=classes)

    # -- objects -------------------------------------------------------------------------------

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        headers = conditional_headers(obj, span)
        if span is None:  # for a range S3 would send the checksum of a part
            headers["x-amz-checksum-mode"] = "ENABLED"
        return self.sign_request(method, encode_path(obj), headers)

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        """Return metadata and checksums; a time only where it is wanted, or the ETag unreliable."""
        if _REQUEST_ID in headers:  # a service that sends it once sends it always
            self.request_id_header = _REQUEST_ID
        described = read_description(headers, self.etag_name, etags_are_md5=self.etags_are_md5)
        described = self.with_carried(described, headers)
        fingerprint = described.fingerprint
        wanted = self.options.times or obj.fingerprint.mtime_ns >= 0
        if not wanted and self.etags.is_reliable(fingerprint.etag, -1):
            return described
        mtime_ns = parse_date_ns(headers.get(b"last-modified", b""))
        return described._replace(fingerprint=fingerprint._replace(mtime_ns=mtime_ns))

    def checks_by_listing(self, listed: Fingerprint) -> tuple[Check, ...]:
        """Return the check by a listed ETag that is an MD5."""
        return checks_by_etag(listed.etag) if self.etags_are_md5 else ()

    def describe(self, obj: SourceObject) -> Described:
        """Request the headers. Raises SourceError for an object that must be restored first."""
        with self.answer(obj, "HEAD", None) as incoming:
            if not self.options.restores and is_archived(incoming.headers):
                details = ErrorDetails(
                    incoming.status, "InvalidObjectState", "by its storage class"
                )
                raise self.error("HeadSource", obj.name, details)
            described = self.describe_answer(obj, incoming, None)
        # Other objects and the ACL matter only when it is stored.
        return self.complete_description(obj, described) if obj.fingerprint.size >= 0 else described

    def takes_one_request(self, obj: SourceObject) -> bool:
        """Return whether neither an ACL nor another object must be requested."""
        return not (self._has_acls and self.copies_acl(obj)) and super().takes_one_request(obj)

    def complete_description(self, obj: SourceObject, described: Described) -> Described:
        described = super().complete_description(obj, described)
        if not self._has_acls or not self.copies_acl(obj):
            return described
        acl = self._acl_of(obj)
        return described._replace(
            headers={**described.headers, **acl.headers},
            warnings=(*described.warnings, *acl.warnings),
        )

    def archive_class(self, headers: Mapping[bytes, bytes]) -> str:
        tier = headers.get(b"x-amz-archive-status", b"").decode("latin-1").upper()
        return tier if tier in self.restore_rules else super().archive_class(headers)

    def restore_request(self, obj: SourceObject, tier: str, days: int) -> Request:
        body = restore_document(tier, days, "GlacierJobParameters", _XML_NAMESPACE)
        return self.sign_request("POST", f"{encode_path(obj)}?restore", {}, body)

    def tagging_request(self, obj: SourceObject) -> Request:
        return self.sign_request("GET", f"{encode_path(obj)}?tagging", {})

    def _acl_of(self, obj: SourceObject) -> StorableMetadata:
        try:
            return self.get_parsed(
                "GetObjectAcl",
                obj.name,
                f"{encode_path(obj)}?acl",
                lambda document: convert_acl(document, same_accounts=self.same_accounts),
            )
        except SourceError as error:
            if error.status not in _NO_ACL or error.code == Code.NO_SUCH_KEY:
                raise
            self._has_acls = False
            return StorableMetadata({}, ("no ACL is carried over: the source keeps none",))
