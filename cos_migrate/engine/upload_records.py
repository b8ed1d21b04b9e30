"""The records of multipart uploads: save points, and uploads to abort."""

from __future__ import annotations

import collections

from cos_migrate.engine.record_batch import RecordBatch
from cos_migrate.engine.upload_step import UploadStep
from cos_migrate.model import SavePoint
from cos_migrate.state import formats
from cos_migrate.state.save_points import SavePoints
from cos_migrate.state.store import RecordStore


class UploadRecords:
    """The records of the unfinished uploads of one job."""

    def __init__(self, state: RecordStore, bucket: str, batch: RecordBatch) -> None:
        self.save_points = SavePoints(state, bucket)
        self.abandoned: collections.deque[tuple[str, str]] = collections.deque()
        """Target path and id of the uploads to abort; see `write`."""
        if not state.was_empty:
            self.abandoned += formats.abandoned_uploads(state)
        self._batch = batch

    def apply(self, step: UploadStep) -> None:
        """Record the changes that a step calls for."""
        puts = self._batch.puts
        if step.begun:
            puts += self.save_points.upload_pairs(step.begun)
        if step.part and step.save_point:
            puts += self.save_points.part_pairs(step.save_point, step.part)
        if step.forget:
            self._forget(step.forget)
        if step.abandon:
            self.abandon(step.abandon)
        if step.not_aborted:
            self._forget(step.not_aborted)
            self._record_abandoned(step.not_aborted.cos_path, step.not_aborted.upload_id)

    def abandon(self, save_point: SavePoint) -> None:
        """Replace a save point that no object continues by the record of an upload to abort."""
        self._forget(save_point)
        self.abandon_unsaved(save_point.cos_path, save_point.upload_id)

    def abandon_unsaved(self, cos_path: str, upload_id: str) -> None:
        """Record an upload that has no save point and is to be aborted."""
        self._record_abandoned(cos_path, upload_id)
        self.abandoned.append((cos_path, upload_id))

    def write(self) -> None:
        """Write the gathered changes: an upload is recorded before its abort. Raises StateError."""
        self._batch.write()

    def forget_aborted(self, upload_id: str) -> None:
        """Forget an upload that COS no longer has."""
        self._batch.deletes.append(formats.abandoned_key(upload_id))

    def _forget(self, save_point: SavePoint) -> None:
        self._batch.write()  # its parts are looked up: all of them must be there
        self._batch.deletes += self.save_points.upload_keys(save_point)

    def _record_abandoned(self, cos_path: str, upload_id: str) -> None:
        value = cos_path.encode("utf-8", "surrogatepass")
        self._batch.puts.append((formats.abandoned_key(upload_id), value))
