"""Buckets whose archived objects have to be restored before they can be read."""

from __future__ import annotations

import abc
import re
import time
from collections.abc import Mapping
from typing import ClassVar

from cos_migrate.errors import SourceError
from cos_migrate.http.client import Request
from cos_migrate.http.dates import parse_date
from cos_migrate.model import RestoreState, SourceObject
from cos_migrate.sources.column_pages import ColumnSource
from cos_migrate.sources.source_errors import ErrorDetails

RESTORE = "RestoreObject"
"""The operation that requests a restore."""
_FORBIDDEN = 403
_ACCEPTED = frozenset({200, 202})
_PENDING_STATUS = 202
_MOST = 64 << 10
"""Bytes that are read of an answer."""
_EXPIRY = re.compile('expiry-date="([^"]*)"')
_IN_PROGRESS = "RestoreAlreadyInProgress"


class RestoringSource(ColumnSource):
    """A bucket with archive classes; S3, OSS and COS word the states and requests alike."""

    class_header: ClassVar[bytes]
    """The header with the storage class of an object."""
    restore_header: ClassVar[bytes]
    """The header with the state of an object's restore."""
    restore_right: ClassVar[str]
    """The permission that a restore needs."""
    readable_codes: ClassVar[frozenset[str]] = frozenset()
    """Codes of a refused restore of an object that is not archived."""

    @abc.abstractmethod
    def restore_request(self, obj: SourceObject, tier: str, days: int) -> Request:
        """Return the request that `request_restore` sends."""

    def error(self, operation: str, target: str, details: ErrorDetails) -> SourceError:
        """Return the error as other sources do; for a refused restore with the permission."""
        if operation == RESTORE and details.status == _FORBIDDEN and details.code == "AccessDenied":
            message = details.message or f"the source answered {details.status}"
            details = details._replace(
                message=f"{message}: a restore needs the permission {self.restore_right}"
            )
        return super().error(operation, target, details)

    def archive_class(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the archive class in the headers of an object; empty: it can be read."""
        name = headers.get(self.class_header, b"").decode("latin-1").strip().upper()
        return name if name in self.restore_rules else ""

    def look_at_restore(self, obj: SourceObject) -> RestoreState:
        """Return the state that a HEAD of the object states."""
        with self.answer(obj, "HEAD", None) as incoming:
            headers = incoming.headers
        storage_class = self.archive_class(headers)
        if not storage_class:
            return RestoreState(readable=True)
        state = headers.get(self.restore_header, b"").decode("latin-1")
        pending = 'ongoing-request="true"' in state
        restored = 'ongoing-request="false"' in state and not _has_expired(state)
        return RestoreState(restored, pending, storage_class)

    def request_restore(
        self, obj: SourceObject, storage_class: str, tier: str, days: int
    ) -> RestoreState:
        """Send the request; an object that is being restored, or readable, is no error."""
        try:
            answer = self.fetch_document(
                RESTORE,
                obj.name,
                self.restore_request(obj, tier, days),
                _MOST,
                accepted=_ACCEPTED,
            )
        except SourceError as error:
            if error.code == _IN_PROGRESS:
                return RestoreState(readable=False, pending=True, storage_class=storage_class)
            if error.code in self.readable_codes:
                return RestoreState(readable=True)
            raise
        pending = answer.status == _PENDING_STATUS
        return RestoreState(not pending, pending, storage_class)


def restore_document(tier: str, days: int, tier_group: str, attributes: str = "") -> bytes:
    """Return the document that asks to restore an object; `tier_group` names the tier's parent."""
    inner = f"<Days>{days}</Days>" if days else ""
    if tier:
        inner += f"<{tier_group}><Tier>{tier}</Tier></{tier_group}>"
    return f"<RestoreRequest{attributes}>{inner}</RestoreRequest>".encode()


def _has_expired(state: str) -> bool:
    found = _EXPIRY.search(state)
    until = parse_date(found[1].encode()) if found else -1
    return 0 <= until <= time.time()
