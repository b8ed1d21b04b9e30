"""Aborts unfinished uploads that no object continues; each is recorded until COS has dropped it.

An unfinished upload is billed for as long as it exists. So its id is forgotten only when COS no
longer has it; an abort that failed is tried again by the next run of the job.
"""

from __future__ import annotations

from cos_migrate.engine.chores import Chores
from cos_migrate.engine.unchanged import RecordComparer
from cos_migrate.engine.upload_records import UploadRecords
from cos_migrate.errors import GONE_CODES, Code
from cos_migrate.model import Failure, Fingerprint, SavePoint, SourceObject
from cos_migrate.pools.results import Content
from cos_migrate.pools.tasks import AbortUpload, Stat
from cos_migrate.report.report import Report
from cos_migrate.sources.base import Source
from cos_migrate.text import printable

_GONE_STATUS = frozenset({404, 410})


class AbandonedUploads:
    """Aborts the uploads of a job that no object continues."""

    def __init__(
        self,
        *,
        uploads: UploadRecords,
        comparer: RecordComparer,
        source: Source,
        chores: Chores,
        report: Report,
    ) -> None:
        self._uploads = uploads
        self._comparer = comparer
        self._source = source
        self._chores = chores
        self._report = report
        self._warned = self._swept = False

    def queue_aborts(self) -> None:
        """Queue an abort for each upload abandoned since the last call. Raises StateError."""
        if self._uploads.abandoned:
            self._uploads.write()
        while self._uploads.abandoned:
            cos_path, upload_id = self._uploads.abandoned.popleft()
            self._abort(cos_path, upload_id)

    def _abort(self, cos_path: str, upload_id: str) -> None:
        def aborted(content: Content) -> None:
            if not isinstance(content, Failure) or content.code == Code.NO_SUCH_UPLOAD:
                self._uploads.forget_aborted(upload_id)
            elif not self._warned:
                self._warned = True
                self._report.warn(
                    f"an unfinished upload of {printable(cos_path)} could not be aborted "
                    f"({content.code}: {content.message}); the next run tries again"
                )

        self._chores.add(AbortUpload(cos_path, upload_id), aborted)

    def keep_others(self) -> None:
        """Make `sweep` do nothing, in a run that does not look at all objects."""
        self._swept = True

    def sweep(self) -> None:
        """Abandon the uploads of earlier runs that no object of a complete listing continues.

        Ask the source about each; keep those whose object is unchanged. A second call does
        nothing.
        """
        if self._swept:
            return
        self._swept = True
        for save_point in list(self._uploads.save_points.untouched()):
            obj = SourceObject(save_point.name, "", save_point.fingerprint)
            if self._is_recorded(save_point, obj):
                self._uploads.abandon(save_point)
            else:
                self._ask_source(save_point, obj)

    def _is_recorded(self, save_point: SavePoint, obj: SourceObject) -> bool:
        record_key = self._source.record_key(obj, save_point.cos_path)
        recorded = self._comparer.recorded_value(record_key)
        return recorded is not None and self._source.is_unchanged(obj, recorded)

    def _ask_source(self, save_point: SavePoint, obj: SourceObject) -> None:
        def answered(content: Content) -> None:
            useless = False
            if isinstance(content, Failure):
                useless = content.code in GONE_CODES or content.status in _GONE_STATUS
            elif isinstance(content, Fingerprint):
                useless = not _is_same(save_point.fingerprint, content)
            if useless:
                self._uploads.abandon(save_point)

        self._chores.add(Stat(obj), answered)


def _is_same(saved: Fingerprint, now: Fingerprint) -> bool:
    """Return whether an object may still be the version that an upload was begun for.

    A listing and a HEAD may differ in what they state of an object.
    """
    if saved.size != now.size:
        return False
    if saved.etag and now.etag:
        return saved.etag == now.etag
    return saved.mtime_ns == now.mtime_ns or min(saved.mtime_ns, now.mtime_ns) < 0
