"""The base of sources with the S3 protocol, which differ in names and in the meaning of ACLs.

Lists, heads and bodies go over the lean client (`fetch`) like those of every source, so that
proxies, certificates, time-outs and tries are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, TypeVar
from urllib.parse import quote

from cos_migrate.checksums import Check
from cos_migrate.config.cloud import CloudAccess
from cos_migrate.errors import SourceError
from cos_migrate.http.client import Request
from cos_migrate.http.dates import parse_date_ns
from cos_migrate.http.messages import StreamedResponse
from cos_migrate.http.s3xml import MAX_XML
from cos_migrate.http.xml_texts import find_text
from cos_migrate.model import Described, Fingerprint, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.bucket import KeyOrderedSource
from cos_migrate.sources.etags import Etags, md5_checks
from cos_migrate.sources.http_source import pinned_headers
from cos_migrate.sources.key_pages import KeyPage
from cos_migrate.sources.metadata import Carried
from cos_migrate.sources.s3 import listing as s3_listing
from cos_migrate.sources.s3.acl import carried_acl
from cos_migrate.sources.s3.description import description_of, is_archived
from cos_migrate.sources.s3.endpoint import Endpoint, misdirection, region_expected
from cos_migrate.sources.s3.listing import Listing
from cos_migrate.sources.s3.signer import Signer
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails

T = TypeVar("T")

_MOST_EMPTY = 10_000
"""Empty pages in a row after which a listing counts as stuck."""
_NO_V2 = frozenset({"NotImplemented", "InvalidArgument", "InvalidRequest"})
"""Codes of a service without ListObjectsV2."""
_NO_V2_STATUS = frozenset({405, 501})
"""Statuses of a service without ListObjectsV2, with any code."""
_NO_ACL = frozenset({404, 405, 501})
"""Statuses of a service without ACLs: the object itself was just there."""
_ELSEWHERE = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "TemporaryRedirect",
    }
)
"""Codes of a request that went to the wrong region."""
_REQUEST_ID = b"x-amz-request-id"
_REDIRECTS = frozenset({301, 302, 307, 308})
_BAD_REQUEST = 400


class S3Source(KeyOrderedSource):
    """A bucket that is listed and read by the S3 protocol."""

    config: CloudAccess
    etag_name: ClassVar[str]
    """The user metadata in which COS keeps an object's ETag."""
    where_regions_stand: ClassVar[str] = "endPoint"
    """The keys of the section that decide which region requests are signed for."""
    same_accounts: ClassVar[bool] = False
    """Whether its accounts are Tencent's, so that grants to them mean the same on COS."""
    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "403": "accessKeyId: its account may not do this",
            "404": "endPoint and bucket",
            "AccessDenied": "accessKeyId: its account may not do this",
            "AllAccessDisabled": "bucket",
            "BadAnswer": "endPoint, proxyHost",
            "CertificateInvalid": "endPoint, and [common] caFile",
            "ConnectionRefused": "endPoint, proxyHost",
            "ForeignAnswer": "endPoint, proxyHost",
            "InvalidAccessKeyId": "accessKeyId",
            "InvalidBucketName": "bucket",
            "NameNotResolved": "endPoint, bucket, proxyHost",
            "NoSuchBucket": "bucket and endPoint",
            "NotSignedUp": "accessKeyId",
            "ProxyRefused": "proxyHost, proxyPort",
            "Redirected": "srcHttps, endPoint and proxyHost",
            "SignatureDoesNotMatch": "accessKeySecret",
            "TlsFailed": "srcHttps, endPoint, proxyHost",
            "UnauthorizedAccess": "endPoint",
        }
    )
    fatal_codes: ClassVar[frozenset[str]] = _ELSEWHERE | {
        "InvalidAccessKeyId",
        "InvalidBucketName",
        "NoSuchBucket",
        "NotSignedUp",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }

    @property
    def etags_are_md5(self) -> bool:
        """Whether ETags of 32 hex digits are taken for the MD5 of the content."""
        return True

    def __init__(
        self, config: CloudAccess, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        self.etags = Etags(md5=self.etags_are_md5)
        self.endpoint = Endpoint.of(config.end_point, config.bucket, https=config.src_https)
        if self.endpoint.is_amazon:
            self.request_id_header = _REQUEST_ID
        self._signer = self._signer_for(self.region_named() or self.endpoint.region)
        self._v2 = True
        self._has_acls = True

    def region_named(self) -> str:
        """Return the region to sign for, where the section names one; empty: the endpoint's."""
        return ""

    def copies_acl(self, obj: SourceObject) -> bool:  # noqa: ARG002 - others look at the object
        """Return whether the ACL of `obj` is carried over."""
        return self.options.copy_acl

    # -- listing -------------------------------------------------------------------------------

    def list_keys(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        """Ask with ListObjectsV2, or ListObjects where the service does not know that."""
        listing = self._listed(prefix, after, delimiter)
        objects = [
            SourceObject(key, self.key_of(key), Fingerprint(size, mtime_ns, etag))
            for key, size, etag, mtime_ns in listing.entries
        ]
        if not listing.etags_reliable:
            objects = self.etags.marked(objects)
        # A token is no key; `_listed_v2` has followed it.
        following = "" if listing.is_v2 else listing.following
        return KeyPage(objects, listing.folders, listing.truncated, following)

    def _listed(self, prefix: str, after: str, delimiter: str) -> Listing:
        if self._v2:
            try:
                listing = self._listed_v2(prefix, after, delimiter)
            except SourceError as error:
                if error.code not in _NO_V2 and error.status not in _NO_V2_STATUS:
                    raise
            else:
                # A service that ignores list-type would begin again on every page.
                if listing.is_v2:
                    return listing
            self._v2 = False
        query = s3_listing.query_of(prefix, after, delimiter, v2=False)
        return self._asked("ListObjects", prefix, f"/?{query}", self._parse)

    def _listed_v2(self, prefix: str, after: str, delimiter: str) -> Listing:
        """Return the next page that is not empty, or the last: deleted keys leave empty pages."""
        token, left = "", _MOST_EMPTY
        while True:
            query = s3_listing.query_of(prefix, after, delimiter, v2=True, token=token)
            listing = self._asked("ListObjectsV2", prefix, f"/?{query}", self._parse)
            left -= 1
            stuck = not left or not listing.following or listing.following == token
            if listing.entries or listing.folders or not listing.truncated or stuck:
                return listing
            token = listing.following

    def _parse(self, document: bytes) -> Listing:
        return s3_listing.parse(document, self.etags, times=self.options.times)

    # -- objects -------------------------------------------------------------------------------

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        """Return a GET or HEAD that only the listed version answers."""
        headers = pinned_headers(obj, span)
        if span is None:  # for a range S3 would send the checksum of a part
            headers["x-amz-checksum-mode"] = "ENABLED"
        return self._signed(method, _path_of(obj), headers)

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        """Return metadata and checksums; a time only where it is wanted, or the ETag unreliable."""
        if _REQUEST_ID in headers:  # a service that sends it once always does
            self.request_id_header = _REQUEST_ID
        described = description_of(headers, self.etag_name, etags_are_md5=self.etags_are_md5)
        fingerprint = described.fingerprint
        wanted = self.options.times or obj.fingerprint.mtime_ns >= 0
        if not wanted and self.etags.is_reliable(fingerprint.etag, -1):
            return described
        mtime_ns = parse_date_ns(headers.get(b"last-modified", b""))
        return described._replace(fingerprint=fingerprint._replace(mtime_ns=mtime_ns))

    def listed_checks(self, listed: Fingerprint) -> tuple[Check, ...]:
        """Return the check by a listed ETag that is an MD5."""
        return md5_checks(listed.etag) if self.etags_are_md5 else ()

    def describe(self, obj: SourceObject) -> Described:
        """Request the headers; an object that must be restored first is an error here."""
        with self.answer(obj, "HEAD", None) as incoming:
            if is_archived(incoming.headers):
                details = ErrorDetails(
                    incoming.status, "InvalidObjectState", "as its storage class says"
                )
                raise self.error("HeadSource", obj.name, details)
            if obj.fingerprint.size < 0:  # ACL and twins count only when it is stored
                return super(KeyOrderedSource, self).describe_answer(obj, incoming, None)
            return self.describe_answer(obj, incoming, None)

    def takes_one_request(self, obj: SourceObject) -> bool:
        """Return whether no ACL and no other object must be asked about."""
        return not (self._has_acls and self.copies_acl(obj)) and super().takes_one_request(obj)

    def describe_answer(
        self, obj: SourceObject, incoming: StreamedResponse, span: tuple[int, int] | None
    ) -> Described:
        """Add the ACL where the object is about to be stored: not for a part."""
        described = super().describe_answer(obj, incoming, span)
        if span is not None or not self._has_acls or not self.copies_acl(obj):
            return described
        acl = self._acl_of(obj)
        return described._replace(
            headers={**described.headers, **acl.headers},
            warnings=(*described.warnings, *acl.warnings),
        )

    def _acl_of(self, obj: SourceObject) -> Carried:
        try:
            return self._asked(
                "GetObjectAcl",
                obj.name,
                f"{_path_of(obj)}?acl",
                lambda document: carried_acl(document, same_accounts=self.same_accounts),
            )
        except SourceError as error:
            if error.status not in _NO_ACL or error.code == "NoSuchKey":
                raise
            self._has_acls = False
            return Carried({}, ("no ACL is carried over: the source keeps none",))

    # -- requests ------------------------------------------------------------------------------

    def _asked(self, operation: str, target: str, path: str, parse: Callable[[bytes], T]) -> T:
        """Send a GET; return its parsed document. Raises SourceError."""
        request = self._signed("GET", path, {})
        return self.fetch_parsed(operation, target, request, MAX_XML, parse)

    def _signed(self, method: str, path: str, headers: dict[str, str]) -> Request:
        url = self.endpoint.base + path
        return Request(method, url, self._signer.signed(method, url, headers))

    def _signer_for(self, region: str) -> Signer:
        return Signer(self.config.access_key_id, self.config.access_key_secret, region)

    # -- errors --------------------------------------------------------------------------------

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        """Parse an error, with the right endpoint where the region was wrong."""
        details = super().error_details(answer)
        region = answer.headers.get(b"x-amz-bucket-region", b"").decode("latin-1")
        region = region or find_text(answer.body, "Region")
        if not region and details.code in _ELSEWHERE:
            region = region_expected(details.message)
        elsewhere = bool(region) and region != self._signer.region
        misdirected = answer.status in _REDIRECTS or (answer.status == _BAD_REQUEST and elsewhere)
        if not details.code and misdirected:
            # The answer to HEAD has no body with a code.
            details = details._replace(code="PermanentRedirect")
        if details.code not in _ELSEWHERE:
            return details
        if region and not self.endpoint.is_amazon:
            # No key of the section could name it: sign for it from now on (another thread may
            # already do so).
            self._signer = self._signer_for(region)
            text = f"requests to it are to be signed for region {region}"
            if "region" in self.where_regions_stand:
                text += f": set [{self.migrate_type}] region={region}"
            return details._replace(code="RegionLearnt", message=text)
        where = self._amazon_region(region) if self.endpoint.is_amazon else ""
        where = where or misdirection(
            self.endpoint, self._signer.region, find_text(answer.body, "Endpoint")
        )
        return details._replace(
            message=f"{where}; it says: {details.message}" if details.message else where
        )

    def _amazon_region(self, region: str) -> str:
        """Return in words where a bucket of AWS is; empty where that is not found.

        `region`: what an answer names; empty: it is looked up.
        """
        from cos_migrate.sources.s3 import sdk  # noqa: PLC0415 - once, before a run ends

        config = self.config
        region = region or sdk.bucket_region(
            config.bucket,
            config.access_key_id,
            config.access_key_secret,
            self.endpoint.region,
            tls=self.endpoint.base.startswith("https:"),
            fetcher=self.fetcher,
        )
        if not region:
            return ""
        return (
            f"the bucket is in region {region}, not in {self.endpoint.region}: "
            f"set endPoint={sdk.regional_host(region)}"
        )

    def error(self, operation: str, target: str, details: ErrorDetails) -> SourceError:
        """Return the error; with the region that was learnt by it, the request is tried again."""
        if details.code in _ELSEWHERE:
            where = self.where_regions_stand
            details = details._replace(
                message=f"{details.message}; look at [{self.migrate_type}] {where}"
            )
        error = super().error(operation, target, details)
        error.retryable = error.retryable or details.code == "RegionLearnt"
        return error


def _path_of(obj: SourceObject) -> str:
    return "/" + quote(obj.name, safe="-._~/")
