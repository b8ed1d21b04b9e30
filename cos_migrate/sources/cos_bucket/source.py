"""Another bucket on COS. COS copies its objects; where it refuses, they are read and sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, unquote_plus

from cos_migrate.checksums import Check
from cos_migrate.config import values
from cos_migrate.cos.errors import ENDED_CODES
from cos_migrate.http.client import Request
from cos_migrate.http.xml_texts import find_text
from cos_migrate.model import (
    Described,
    Fingerprint,
    Found,
    ListRange,
    Page,
    Rejected,
    RestoreRule,
    SourceObject,
    Target,
)
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.carried import storage_class_headers
from cos_migrate.sources.cos_bucket.answers import convert_acl, read_description
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.cos_bucket.listing import KEYS_SAFE, CosBucketListing
from cos_migrate.sources.etags import checks_by_etag
from cos_migrate.sources.http_source import format_range
from cos_migrate.sources.list_files import reject_line
from cos_migrate.sources.restoring import restore_document
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails
from cos_migrate.text import condition_not_match, printable

if TYPE_CHECKING:
    from cos_migrate.sources.inventory import Row

_SPELLINGS = {value: name for name, value in values.STORAGE_CLASSES.items()}
_ACL_MOST = 1 << 20
"""Bytes that are read of an ACL."""

_ENDPOINT_OR_PROXY = "srcEndPointSuffix, and at [common] proxyHost"
_ENDPOINT_OR_HTTPS = "srcEndPointSuffix, and at [common] https and proxyHost"


class CosBucketSource(CosBucketListing):
    """The objects in a folder of a COS bucket, or those that a file of keys names."""

    migrate_type = "migrateBucketCopy"
    record_kind = "migrate_copy_bucket"
    copied_by_cos: ClassVar[bool] = True
    states_storage_class: ClassVar[bool] = True
    restore_rules: ClassVar[Mapping[str, RestoreRule]] = MappingProxyType(
        {
            "ARCHIVE": RestoreRule(),
            "MAZ_ARCHIVE": RestoreRule(),
            "DEEP_ARCHIVE": RestoreRule(("Standard", "Bulk")),
            "MAZ_DEEP_ARCHIVE": RestoreRule(("Standard", "Bulk")),
        }
    )
    class_header: ClassVar[bytes] = b"x-cos-storage-class"
    restore_header: ClassVar[bytes] = b"x-cos-restore"
    restore_right: ClassVar[str] = "cos:PostObjectRestore"
    has_tags: ClassVar[bool] = True
    tag_count_header: ClassVar[bytes] = b"x-cos-tagging-count"
    request_id_header: bytes = b"x-cos-request-id"
    keyed_by_path: ClassVar[bool] = False
    Config = CosBucketConfig

    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "InvalidAccessKeyId": "srcSecretId",
            "SignatureDoesNotMatch": "srcSecretKey",
            "InvalidToken": "srcToken",
            "ExpiredToken": "srcToken",
            "RequestIsExpired": "srcToken, and at this machine's clock",
            "AccessDenied": "srcSecretId: it lacks a permission on srcBucketName",
            "NoSuchBucket": "srcBucketName and srcRegion",
            "InvalidBucketName": "srcBucketName",
            "WrongRegion": "srcRegion and srcEndPointSuffix",
            "BadAnswer": _ENDPOINT_OR_PROXY,
            "NameNotResolved": "srcRegion and srcEndPointSuffix",
            "CertificateInvalid": "srcEndPointSuffix, and at [common] caFile",
            "ConnectionRefused": _ENDPOINT_OR_PROXY,
            "ForeignAnswer": _ENDPOINT_OR_PROXY,
            "ProxyRefused": "srcEndPointSuffix, and at [common] proxyHost and proxyUser",
            "Redirected": _ENDPOINT_OR_HTTPS,
            "TlsFailed": _ENDPOINT_OR_HTTPS,
        }
    )
    fatal_codes: ClassVar[frozenset[str]] = frozenset(
        {
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidToken",
            "ExpiredToken",
            "RequestIsExpired",
            "RequestTimeTooSkewed",
            "NoSuchBucket",
            "InvalidBucketName",
            "WrongRegion",
        }
    )
    ended_codes: ClassVar[frozenset[str]] = ENDED_CODES
    key_file_option: ClassVar[str] = "srcFileList"

    def __init__(
        self, config: CosBucketConfig, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        self._below_target = self._target_folder()

    def job_text(self) -> str:
        """Return the Java tool's text: both folders and the source bucket."""
        config = self.config
        return (
            f"[destCosFolder: {self.target.cos_path}], [srcRegion: {config.src_region}], "
            f"[srcBucket: {config.src_bucket_name}], [srcCosFolder: {config.src_cos_path}]"
        )

    # -- listing -------------------------------------------------------------------------------

    def list_page_of_columns(self, list_range: ListRange, marker: str) -> Page:
        """Return the next page of a range; by objects where some may be rejected."""
        if self._below_target is None:
            return super().list_page_of_columns(list_range, marker)
        return self.list_page(list_range, marker)

    def list_bucket(self, list_range: ListRange, marker: str) -> Page:
        """Return the next page of a range; objects below the target are rejected."""
        page = super().list_bucket(list_range, marker)
        if self._below_target is None:
            return page
        found = [
            self._reject_copy(item) if isinstance(item, SourceObject) else item
            for item in page.found
        ]
        return page._replace(found=found)

    @property
    def inventory_columns(self) -> tuple[str, ...]:
        """Return size, ETag and storage class: records hold all three."""
        return ("size", "etag", "storageclass")

    def object_of_row(self, row: Row) -> Found:
        """Return the object with its storage class; one below the target is rejected."""
        obj = SourceObject(
            row.key, self.key_of(row.key), row.fingerprint, storage_class=row.storage_class
        )
        return self._reject_copy(obj)

    def parse_key_line(self, line: str, number: int) -> Found | None:
        """Return the object of a line: a URL-encoded key, with or without a leading `/`."""
        line = line.strip()
        key = unquote_plus(line, errors="surrogateescape").removeprefix("/")
        if line and not key:
            return reject_line(self.config.src_file_list, number, line, "it names no key")
        return SourceObject(key, key, Fingerprint(-1)) if key else None

    def _target_folder(self) -> str | None:
        """Return the target folder if the listed folder of the same bucket contains it."""
        target = self.target.cos_path[1:]
        config = self.config
        inside = target.startswith(self.prefix) and target != self.prefix
        same = config.src_bucket_name == self.target.bucket
        return target if same and inside and not config.src_file_list else None

    def _reject_copy(self, obj: SourceObject) -> Found:
        """Reject an object below the target: copies would be copied again, without end."""
        if self._below_target is None or not obj.name.startswith(self._below_target):
            return obj
        line = condition_not_match("below cosPath", f"key: /{printable(obj.name)}")
        return Rejected(obj.name, obj.key, line)

    def takes_one_request(self, obj: SourceObject) -> bool:
        """Return whether neither an ACL nor another object must be requested."""
        return not self.options.copy_acl and super().takes_one_request(obj)

    # -- requests ------------------------------------------------------------------------------

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        """Return a signed request, pinned to the ETag that was listed."""
        headers = []
        if span is not None:
            headers.append(("range", format_range(span)))
        if obj.fingerprint.etag:
            headers.append(("if-match", f'"{obj.fingerprint.etag}"'))
        return self._signed(method, obj.name, headers)

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        """Parse the XML of an error answer; an answer to HEAD has none."""
        status, code, message, request_id = super().error_details(answer)
        if status in {301, 302, 307}:
            where = find_text(answer.body, "Endpoint") or "another endpoint"
            code, message = "WrongRegion", f"the bucket is not here, COS points to {where}"
        if not code and status == 403:  # noqa: PLR2004 - HTTP
            code = "AccessDenied"
        return ErrorDetails(status, code, message, request_id)

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:  # noqa: ARG002
        return self.with_carried(read_description(headers), headers)

    def complete_description(self, obj: SourceObject, described: Described) -> Described:
        """Add the ACL with `copyAcl`."""
        if self.options.copy_acl:
            described = described._replace(headers={**described.headers, **self._acl(obj)})
        return super().complete_description(obj, described)

    def describe_to_copy(self, obj: SourceObject) -> Described:
        """Return the description without tags: COS copies them (`x-cos-tagging-directive`)."""
        return self.complete_description(obj, self.describe_by_headers(obj)._replace(tag_count=0))

    def checks_by_listing(self, listed: Fingerprint) -> tuple[Check, ...]:
        """Return the check by a listed ETag that is an MD5."""
        return checks_by_etag(listed.etag)

    def archive_class(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the archive class, also that of the tier of an INTELLIGENT_TIERING object."""
        tier = headers.get(b"x-cos-storage-tier", b"").decode("latin-1").upper()
        return tier if tier in self.restore_rules else super().archive_class(headers)

    def restore_request(self, obj: SourceObject, tier: str, days: int) -> Request:
        body = restore_document(tier, days, "CASJobParameters")
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        headers = [
            ("content-md5", base64.b64encode(digest).decode()),
            ("content-type", "application/xml"),
        ]
        return self._signed("POST", obj.name, headers, [("restore", "")])._replace(body=body)

    def tagging_request(self, obj: SourceObject) -> Request:
        return self._signed("GET", obj.name, [], [("tagging", "")])

    def _acl(self, obj: SourceObject) -> dict[str, str]:
        """Return the headers that set an object's ACL on its copy. Raises SourceError."""
        request = self._signed("GET", obj.name, [], [("acl", "")])
        answer = self.fetch_document("GetObjectAcl", obj.name, request, _ACL_MOST)
        canned = answer.headers.get(b"x-cos-acl", b"").decode("utf-8", "replace")
        if canned:
            return {} if canned == "default" else {"x-cos-acl": canned}
        return self.parse_xml("GetObjectAcl", obj.name, answer, convert_acl)

    # -- copies --------------------------------------------------------------------------------

    def copy_source(self, obj: SourceObject) -> str:
        """Return the value of `x-cos-copy-source`: host and encoded key."""
        return f"{self._hosts[0]}/{quote(obj.name, safe=KEYS_SAFE)}"

    def download_name(self, obj: SourceObject) -> str:  # noqa: ARG002 - as in the Java tool
        """Return nothing: a copy is not a download, even where it is streamed."""
        return ""

    def is_same_object(self, obj: SourceObject, cos_path: str) -> bool:
        same_bucket = self.config.src_bucket_name == self.target.bucket
        return same_bucket and cos_path == f"/{obj.name}"

    def needs_description(self, obj: SourceObject) -> bool:
        """Return whether another name may have the same key, so that `describe` may refuse."""
        return any(self.names_with_same_key(obj))

    def copy_headers(
        self, obj: SourceObject, described: Described | None, *, of_whole: bool = True
    ) -> list[tuple[str, str]]:
        """Return the condition on the listed version, the class, and metadata to send again."""
        headers = {}
        if obj.fingerprint.etag and self.copies_conditionally:
            headers["x-cos-copy-source-if-match"] = f'"{obj.fingerprint.etag}"'
        classes = self.options.storage_classes
        if classes and of_whole:
            headers |= storage_class_headers(classes.target(obj.storage_class))
        if described is not None:
            headers["x-cos-metadata-directive"] = "Replaced"
            headers |= described.headers
        return list(headers.items())

    # -- records -------------------------------------------------------------------------------

    def record_key(self, obj: SourceObject, cos_path: str) -> str:
        """Return the database key of an object's record, as the Java tool writes it."""
        config = self.config
        return (
            f"[taskType: {self.migrate_type}] [destRegion: {self.target.region}], "
            f"[destBucketName: {self.target.bucket}], [destKey: {cos_path}], "
            f"[srcRegion: {config.src_region}], [srcBucketName: {config.src_bucket_name}], "
            f"[srcKey: {obj.name}], [srcStorageClass: {_spelled(obj)}]"
        )

    def record_value(self, obj: SourceObject) -> str:
        """Return the value of an object's record, as the Java tool writes it."""
        size, _, etag = obj.fingerprint
        return f"[srcSize: {size}], [srcEtag: {etag}], [srcStorageClass: {_spelled(obj)}]"

    def object_of_record(self, obj: SourceObject) -> SourceObject:
        """Return the object that the record names: COS states a CRC-64."""
        return obj


def _spelled(obj: SourceObject) -> str:
    """Return a storage class in the spelling of config.ini; an unknown one stays as it is."""
    return _SPELLINGS.get(obj.storage_class or "STANDARD", obj.storage_class)
