"""The objects that are on COS already: the listing of the target bucket."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import ClassVar

from cos_migrate.config.values import Secret
from cos_migrate.cos.errors import FATAL_CODES
from cos_migrate.cos.settings import CosSettings
from cos_migrate.errors import Side, SourceError, TransportError
from cos_migrate.http.client import Request
from cos_migrate.http.dates import NANO, parse_date_ns
from cos_migrate.model import ListRange, Page, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.column_pages import ColumnPage
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.cos_bucket.source import CosBucketSource
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails

_IN_STEP = 2 * NANO


class TargetListing(CosBucketSource):
    """Lists the objects below `cosPath`, in the order of their keys."""

    migrate_type = "common"  # the section that messages name
    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "InvalidAccessKeyId": "secretId",
            "SignatureDoesNotMatch": "secretKey",
            "AccessDenied": "secretId: it must be allowed to list bucketName (GetBucket)",
            "NoSuchBucket": "bucketName and region",
            "WrongRegion": "region and endPointSuffix",
        }
    )
    fatal_codes: ClassVar[frozenset[str]] = FATAL_CODES

    def __init__(self, settings: CosSettings, target: Target) -> None:
        config = CosBucketConfig(
            src_region=settings.region,
            src_bucket_name=settings.bucket,
            src_secret_id=Secret(""),
            src_secret_key=Secret(""),
            src_cos_path=target.cos_path,
            src_end_point_suffix=settings.suffix,
        )
        options = SourceOptions(
            ca_file=settings.ca_file,
            request_timeout=settings.timeouts.request,
            https=settings.https,
            proxy=settings.proxy,
            credentials=settings.credentials,
        )
        super().__init__(config, target, options)
        self.clock_ns = -1
        """COS's time in nanoseconds at the monotonic time `clock_at`; -1: not known."""
        self.clock_at = 0.0
        self._wall_ns = 0
        """The time of this machine at the same moment, which is more exact where both agree."""

    def list_page(self, list_range: ListRange, marker: str) -> Page:
        try:
            return super().list_page(list_range, marker)
        except SourceError as error:
            error.side = Side.COS
            raise

    def list_page_of_columns(self, list_range: ListRange, marker: str) -> Page:
        try:
            return super().list_page_of_columns(list_range, marker)
        except SourceError as error:
            error.side = Side.COS
            raise

    def list_columns(self, prefix: str, after: str, delimiter: str) -> ColumnPage:
        """Return the next page, its ETags as they are: they are compared with recorded ones."""
        page = super().list_columns(prefix, after, delimiter)
        return page._replace(columns=page.columns._replace(reliable=True))

    def fetch_document(
        self,
        operation: str,
        target: str,
        request: Request,
        most: int,
        accepted: Container[int] = frozenset({200}),
    ) -> ErrorAnswer:
        """Return an answer; the first one also tells the time of COS."""
        asked_at, wall_ns = time.monotonic(), time.time_ns()
        answer = super().fetch_document(operation, target, request, most, accepted)
        if self.clock_ns < 0:
            self.clock_ns = parse_date_ns(answer.headers.get(b"date", b""))
            self.clock_at, self._wall_ns = asked_at, wall_ns
        return answer

    def error(self, operation: str, target: str, details: ErrorDetails) -> SourceError:
        """Return the error for an answer of COS."""
        message = details.message or f"COS answered {details.status}"
        return super().error(operation, target, details._replace(message=message))

    def transport_error(
        self, operation: str, target: str, error: TransportError, message: str = ""
    ) -> SourceError:
        return super().transport_error(operation, target, error, message or f"COS: {error}")

    def time_of(self, moment: float) -> int:
        """Return COS's time at a monotonic time in nanoseconds; -1: not known.

        The clock of this machine may be wrong, or be set while a run goes on.
        """
        if self.clock_ns < 0:
            return -1
        clock = self._wall_ns if abs(self._wall_ns - self.clock_ns) < _IN_STEP else self.clock_ns
        return clock - int((self.clock_at - moment) * NANO)
