"""Tasks that have COS copy an object of its own, whole or in parts: no body passes here."""

from __future__ import annotations

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.verify import Copied, Stored
from cos_migrate.errors import Code, CosError, MigrateError
from cos_migrate.model import Described, SourceObject
from cos_migrate.pools.results import Content, PartStored
from cos_migrate.pools.tasks import CopyObject, CopyPart
from cos_migrate.pools.worker.bodies import Bodies, Warn
from cos_migrate.pools.worker.sending import Sending
from cos_migrate.pools.worker.task_context import TaskContext
from cos_migrate.sources.base import Source

_CONDITION_REFUSED = frozenset({412, 501})
"""Statuses of a copy whose condition does not hold, or is not known."""
_COPY_TRIES = 3
"""Copies of an object made when what COS has of it differs."""
_ACL = ("x-cos-acl", "x-cos-grant-")


class CopyTasks:
    """Carries out CopyObject and CopyPart."""

    def __init__(self, source: Source, client: CosClient, bodies: Bodies, sending: Sending) -> None:
        self._source = source
        self._client = client
        self._bodies = bodies
        self._sending = sending

    def copy_object(self, task: CopyObject, context: TaskContext) -> Content:
        """Have COS copy an object."""
        obj, cos_path, skip_if = task

        def send(obj: SourceObject) -> Content:
            stored = self._copied(obj, cos_path, context.warn)
            fingerprint = obj.fingerprint
            if self._source.is_same_object(obj, cos_path):
                fingerprint = fingerprint._replace(etag=stored.etag)
            return (stored.request_id, stored.unverified, stored.crc64, *fingerprint, stored.etag)

        return self._sending.send_unless_on_cos(obj, cos_path, skip_if, send)

    def copy_part(self, task: CopyPart, _: TaskContext) -> PartStored:
        """Have COS copy one part."""
        obj, cos_path, upload_id, number, offset, length = task

        def copied() -> Copied:
            headers = self._source.copy_headers(obj, None, of_whole=False)
            source = self._source.copy_source(obj)
            return self._client.copy_part(
                cos_path, upload_id, number, source, headers, offset, length
            )

        try:
            return PartStored(copied().etag)
        except MigrateError as error:
            if not self._unpinned(obj, error):
                raise
            return PartStored(copied().etag)

    def _copied(self, obj: SourceObject, cos_path: str, warn: Warn) -> Stored:
        """Have COS copy an object; repeat it where the copy differs from the source."""
        described, headers = self._headers(obj, cos_path, warn)
        source, (size, _, etag) = self._source.copy_source(obj), obj.fingerprint
        attempt = 0
        while True:
            attempt += 1
            try:
                copied = self._client.copy_object(cos_path, source, headers, size)
            except MigrateError as error:
                if not self._unpinned(obj, error):
                    raise
                described, headers = self._headers(obj, cos_path, lambda _: None)
                copied = self._client.copy_object(cos_path, source, headers, size)
            if _is_md5(etag) and copied.etag == etag:
                crc64 = -1 if copied.crc64 is None else copied.crc64
                return Stored(etag, crc64, copied.request_id)
            # Content has to be compared: an ETag that is no MD5 differs from copy to copy.
            described = described or self._bodies.describe_to_copy(obj)
            try:
                return self._client.verify_copy(cos_path, size, described.crc64, copied)
            except CosError as error:
                if error.code != Code.CHECKSUM_MISMATCH or attempt == _COPY_TRIES:
                    raise

    def _unpinned(self, obj: SourceObject, error: MigrateError) -> bool:
        """Return whether a copy that failed may be tried without the condition that it had."""
        return error.status in _CONDITION_REFUSED and self._source.drop_copy_conditions(obj)

    def _to_replace(self, obj: SourceObject, described: Described, warn: Warn) -> Described:
        """Return the description that replaces the metadata of a copy."""
        for warning in described.warnings:
            warn(warning)
        headers = dict(described.headers)
        self._bodies.attach_mtime(headers, obj, described, warn)
        return described._replace(headers=headers)

    def _headers(
        self, obj: SourceObject, cos_path: str, warn: Warn
    ) -> tuple[Described | None, list[tuple[str, str]]]:
        """Return the headers of a copy, and the description they are made from, if any was."""
        same = self._source.is_same_object(obj, cos_path)
        with_acl = self._source.options.copy_acl
        replaces = same or self._source.options.copy_mtime
        asks = replaces or with_acl or self._source.needs_description(obj)
        described = self._bodies.describe_to_copy(obj) if asks else None
        replaced = described and self._to_replace(obj, described, warn) if replaces else None
        headers = self._source.copy_headers(obj, replaced)
        if described and with_acl and not replaces:
            # COS carries over everything else.
            headers += [pair for pair in described.headers.items() if pair[0].startswith(_ACL)]
        return described, headers


def _is_md5(etag: str) -> bool:
    return len(etag) == 32 and all(char in "0123456789abcdef" for char in etag.lower())  # noqa: PLR2004
