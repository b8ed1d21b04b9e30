"""How a bucket of COS is reached, and listed by the SDK."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from cos_migrate.errors import CosError, SourceError, TransportError
from cos_migrate.model import Fingerprint, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.bucket import KeyOrderedSource
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.etags import plain_tag
from cos_migrate.sources.instants import listed_instant
from cos_migrate.sources.key_pages import KeyPage
from cos_migrate.sources.source_errors import ErrorDetails
from cos_migrate.sources.xml_characters import UNREADABLE

_PAGE = 1000
"""Keys on a page, the most that COS lists at once."""
_BAD_CHARACTER = 14
"""expat's XML_ERROR_BAD_CHAR_REF."""


class CosBucketListing(KeyOrderedSource):
    """A folder of a COS bucket."""

    config: CosBucketConfig

    def __init__(
        self, config: CosBucketConfig, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        config = self.config
        self._suffix = config.src_end_point_suffix or f"cos.{config.src_region}.myqcloud.com"
        self._host = f"{config.src_bucket_name}.{self._suffix}"
        self._scheme = "https" if self.options.https else "http"
        self._authority = self._fetcher.route_of(f"{self._scheme}://{self._host}").authority
        self._sdk = functools.cache(self._make_sdk)

    def key_of(self, name: str) -> str:
        """Return the name below the folder; a key of srcFileList counts whole."""
        return name if self.key_file else name[len(self.prefix) :]

    def list_keys(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        """List by the SDK (GET Bucket in the API reference)."""
        from cos_migrate.cos.sdk import call  # noqa: PLC0415 - workers need no SDK

        try:
            answer = call(
                "GetBucket",
                prefix,
                self._sdk().list_objects,
                Bucket=self.config.src_bucket_name,
                Prefix=prefix,
                Marker=after,
                Delimiter=delimiter,
                MaxKeys=_PAGE,
                EncodingType="url",
            )
        except CosError as error:
            details = ErrorDetails(error.status, error.code, str(error), error.request_id)
            raise self._failed(prefix, details) from error
        except TransportError as error:
            details = ErrorDetails(0, error.code, f"{self._host}: {error}")
            raise self._failed(prefix, details, retryable=error.retryable) from error
        except (SyntaxError, ValueError, LookupError, TypeError, AttributeError) as error:
            # The SDK's errors for an answer that is no XML (SyntaxError), or no listing.
            if getattr(error, "code", 0) == _BAD_CHARACTER:
                text = "a key in the listing holds what XML cannot carry"
                details = ErrorDetails(0, UNREADABLE, text)
                raise self._failed(prefix, details, retryable=True) from error
            raise self._no_listing(prefix) from error
        if "IsTruncated" not in answer and ("Endpoint" in answer or "Code" in answer):
            # The SDK takes a redirect for a success.
            where = answer.get("Endpoint", "another endpoint")
            text = f"the bucket is not here, COS points to {where}"
            raise self._failed(prefix, ErrorDetails(0, "WrongRegion", text))
        try:
            return self._page_of(answer)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._no_listing(prefix) from error

    def _failed(
        self, prefix: str, details: ErrorDetails, *, retryable: bool | None = None
    ) -> SourceError:
        error = self.error("ListObjects", prefix or "/", details)
        error.retryable = error.retryable if retryable is None else retryable
        return error

    def _no_listing(self, prefix: str) -> SourceError:
        text = f"{self._host} does not answer as COS does"
        return self._failed(prefix, ErrorDetails(200, "BadAnswer", text), retryable=True)

    def _page_of(self, answer: Mapping[str, Any]) -> KeyPage:
        """Parse an answer; raises LookupError and the like when it is no listing."""
        # A blank may come as + or as %20; the SDK's own decoding knows %20 alone.
        decode = unquote_plus if answer.get("EncodingType") == "url" else unquote
        objects = [
            self._listed_entry(decode(entry["Key"]), entry) for entry in answer.get("Contents", [])
        ]
        folders = [decode(entry["Prefix"]) for entry in answer.get("CommonPrefixes", [])]
        truncated = {"true": True, "false": False}[answer["IsTruncated"].lower()]
        objects = self.etags.marked(objects)
        return KeyPage(objects, folders, truncated, decode(answer.get("NextMarker") or ""))

    def _listed_entry(self, name: str, entry: Mapping[str, str]) -> SourceObject:
        fingerprint = Fingerprint(
            int(entry["Size"]),
            listed_instant(entry.get("LastModified") or ""),
            plain_tag(entry.get("ETag") or ""),
        )
        storage_class = entry.get("StorageClass") or "STANDARD"
        return SourceObject(name, self.key_of(name), fingerprint, storage_class=storage_class)

    def _make_sdk(self) -> Any:
        from cos_migrate.cos.sdk import client_of  # noqa: PLC0415 - workers need no SDK

        config = self.config
        timeouts = self.timeouts()
        return client_of(
            region=config.src_region,
            secret_id=config.src_secret_id.reveal(),
            secret_key=config.src_secret_key.reveal(),
            token=config.src_token.reveal(),
            suffix=config.src_end_point_suffix,
            https=self.options.https,
            ca_file=self.options.ca_file,
            proxy=self.options.proxy,
            timeouts=timeouts,
            # A second try is made where the SDK knows another domain.
            retry=0 if config.src_end_point_suffix else 1,
        )
