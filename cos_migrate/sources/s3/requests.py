"""Requests of the S3 protocol, signed for a region that an answer can correct."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, TypeVar
from urllib.parse import quote

from cos_migrate.config.cloud import CloudAccess
from cos_migrate.errors import SourceError
from cos_migrate.http.client import Request
from cos_migrate.http.s3xml import MAX_XML
from cos_migrate.http.xml_texts import find_text
from cos_migrate.model import Credentials, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.bucket import REACH_ADVICE
from cos_migrate.sources.restoring import RestoringSource
from cos_migrate.sources.s3.endpoint import Endpoint, region_expected, wrong_endpoint_advice
from cos_migrate.sources.s3.signer import Signer
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails

T = TypeVar("T")

_ELSEWHERE = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "TemporaryRedirect",
    }
)
"""Codes of a request to the wrong region."""
_REDIRECTS = frozenset({301, 302, 307, 308})
_BAD_REQUEST = 400
_MAY_NOT = "accessKeyId: its account may not do this"


class SignedS3Source(RestoringSource):
    """A bucket that is reached by the S3 protocol."""

    config: CloudAccess
    where_regions_stand: ClassVar[str] = "endPoint"
    """The keys of the section that decide which region requests are signed for."""
    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **REACH_ADVICE,
            "403": _MAY_NOT,
            "404": "endPoint and bucket",
            "AccessDenied": _MAY_NOT,
            "AllAccessDisabled": "bucket",
            "InvalidAccessKeyId": "accessKeyId",
            "InvalidBucketName": "bucket",
            "NameNotResolved": "endPoint, bucket and proxyHost",
            "NoSuchBucket": "bucket and endPoint",
            "NotSignedUp": "accessKeyId",
            "SignatureDoesNotMatch": "accessKeySecret",
            "UnauthorizedAccess": "endPoint",
        }
    )
    fatal_codes: ClassVar[frozenset[str]] = _ELSEWHERE | {
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidBucketName",
        "InvalidToken",
        "NoSuchBucket",
        "NotSignedUp",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }

    ended_codes: ClassVar[frozenset[str]] = frozenset(
        {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "TokenRefreshRequired"}
    )

    def __init__(
        self, config: CloudAccess, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        self.endpoint = Endpoint.of(config.end_point, config.bucket, https=config.src_https)
        region = self.region_named() or self.endpoint.region
        self._signer = Signer(self.first_credentials(), region)
        self._signer_changes = threading.Lock()
        """Held while the signer is replaced: one thread learns a region, another credentials."""

    def region_named(self) -> str:
        """Return the region to sign for, where the section names one; empty: the endpoint's."""
        return ""

    # -- requests ------------------------------------------------------------------------------

    def get_parsed(self, operation: str, target: str, path: str, parse: Callable[[bytes], T]) -> T:
        """Send a GET; return the parsed document. Raises SourceError."""
        request = self.sign_request("GET", path, {})
        return self.fetch_xml(operation, target, request, MAX_XML, parse)

    def sign_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> Request:
        """Return a signed request; `path` is encoded and may have a query."""
        url = self.endpoint.base + path
        return Request(method, url, self._signer.signed(method, url, headers, body=body), body)

    @property
    def credentials(self) -> Credentials:
        """The credentials that sign requests now."""
        return self._signer.credentials

    def replace_credentials(self, credentials: Credentials) -> None:
        with self._signer_changes:
            self._signer = Signer(credentials, self._signer.region)

    # -- errors --------------------------------------------------------------------------------

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        """Parse an error; where the region was wrong, name the right endpoint."""
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
        if self.endpoint.is_amazon:
            region = region or self._amazon_region()
        if region and not (self.endpoint.is_amazon and self.endpoint.names_region):
            # No key of the section names it: sign for it from now on (another thread may have
            # switched already).
            if self.endpoint.is_amazon:
                self.endpoint = self.endpoint.in_region(region)
            with self._signer_changes:
                self._signer = Signer(self._signer.credentials, region)
            text = f"requests to it are to be signed for region {region}"
            if "region" in self.where_regions_stand:
                text += f": set [{self.migrate_type}] region={region}"
            return details._replace(code="RegionLearnt", message=text)
        where = (
            self._regional_advice(region)
            if region
            else wrong_endpoint_advice(
                self.endpoint, self._signer.region, find_text(answer.body, "Endpoint")
            )
        )
        return details._replace(
            message=f"{where}; its message: {details.message}" if details.message else where
        )

    def _amazon_region(self) -> str:
        """Return the region of a bucket of AWS; empty where it is not found."""
        from cos_migrate.sources.s3 import sdk  # noqa: PLC0415 - once, where no answer names it

        return sdk.bucket_region(
            self.config.bucket,
            self._signer.credentials,
            self.endpoint.region,
            tls=self.endpoint.base.startswith("https:"),
            fetcher=self.fetcher,
        )

    def _regional_advice(self, region: str) -> str:
        """Return why requests do not reach a bucket of AWS in another region."""
        from cos_migrate.sources.s3 import sdk  # noqa: PLC0415 - once, before a run ends

        return (
            f"the bucket is in region {region}, not in {self.endpoint.region}: "
            f"set endPoint={sdk.regional_host(region)}"
        )

    def error(self, operation: str, target: str, details: ErrorDetails) -> SourceError:
        """Return the error; it is retryable where the right region was learnt from it."""
        if details.code in _ELSEWHERE:
            where = self.where_regions_stand
            details = details._replace(
                message=f"{details.message}; look at [{self.migrate_type}] {where}"
            )
        error = super().error(operation, target, details)
        error.retryable = error.retryable or details.code == "RegionLearnt"
        return error


def encode_path(obj: SourceObject) -> str:
    """Return the encoded path of an object."""
    return "/" + quote(obj.name, safe="-._~/")
