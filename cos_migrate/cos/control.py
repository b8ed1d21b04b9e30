"""Requests that list the parts of an upload or abort it, by the official SDK.

Few runs make them, so the SDK, which is slow to load, is not loaded before.
"""

from __future__ import annotations

from typing import Any

from cos_migrate.cos.errors import FATAL_CODES
from cos_migrate.cos.requests import CosSettings
from cos_migrate.cos.sdk import call, client_of
from cos_migrate.errors import CosError


class Control:
    """Lists parts and aborts uploads."""

    def __init__(self, settings: CosSettings) -> None:
        self._settings = settings
        credentials = settings.credentials
        self._client = client_of(
            region=settings.region,
            secret_id=credentials.secret_id,
            secret_key=credentials.secret_key,
            token=credentials.token,
            suffix=settings.suffix,
            https=settings.https,
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            timeouts=settings.timeouts,
            retry=settings.tries - 1,
        )

    def list_parts(self, cos_path: str, upload_id: str) -> list[tuple[int, str, int]]:
        """Return (number, ETag, size) of each part that COS has. Raises CosError."""
        found: list[tuple[int, str, int]] = []
        marker = 0
        while True:
            page = self._call(
                "ListParts",
                cos_path,
                UploadId=upload_id,
                MaxParts=1000,
                PartNumberMarker=marker,
            )
            found += [
                (int(part["PartNumber"]), part["ETag"].strip('"'), int(part["Size"]))
                for part in page.get("Part", [])
            ]
            if page.get("IsTruncated") != "true":
                return found
            marker = int(page["NextPartNumberMarker"])

    def abort(self, cos_path: str, upload_id: str) -> None:
        """Abort an unfinished upload. Raises CosError."""
        self._call("AbortMultipartUpload", cos_path, UploadId=upload_id)

    def _call(self, operation: str, cos_path: str, **arguments: Any) -> dict[str, Any]:
        calls = {
            "ListParts": self._client.list_parts,
            "AbortMultipartUpload": self._client.abort_multipart_upload,
        }
        try:
            return call(
                operation,
                cos_path,
                calls[operation],
                Bucket=self._settings.bucket,
                Key=cos_path,
                **arguments,
            )
        except CosError as error:
            error.fatal = error.code in FATAL_CODES
            raise
