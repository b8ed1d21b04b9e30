"""The state of one multipart upload, and the next task that it calls for.

Pure: no network, no threads, no database.
"""

from __future__ import annotations

import enum

from cos_migrate.checksums import Check
from cos_migrate.cos.encryption import can_continue, new_envelope
from cos_migrate.engine.options import UploadOptions
from cos_migrate.engine.parts import Parts
from cos_migrate.engine.rules import part_size_for
from cos_migrate.model import Described, Failure, SavePoint, SourceObject
from cos_migrate.pools.tasks import (
    AbortUpload,
    CompleteUpload,
    CopyPart,
    Digest,
    FetchRange,
    HeadTarget,
    InitiateUpload,
    ListParts,
    PartTask,
    Stat,
    Task,
    UploadPart,
)


class Phase(enum.Enum):
    """The step that an upload has come to."""

    LOOK = "look"
    RESUME = "resume"
    DIGEST = "digest"
    SPOOL = "spool"
    INITIATE = "initiate"
    PARTS = "parts"
    COMPLETE = "complete"
    ABORT = "abort"
    STAT = "stat"
    OVER = "over"


class UploadState:
    """A multipart upload between two tasks; `MultipartUpload` moves it on by their results."""

    def __init__(
        self,
        obj: SourceObject,
        cos_path: str,
        options: UploadOptions,
        save_point: SavePoint | None = None,
        upload_id: str = "",
    ) -> None:
        """Continue `save_point` if it fits, or a bare `upload_id`; else begin a new upload."""
        self.obj = obj
        self.cos_path = cos_path
        self._options = options
        self._restarts = 0
        self._stale = ""
        self._failure: Failure | None = None
        self._under_way = 0
        self._save_point: SavePoint | None = None
        self._outdated: SavePoint | None = None
        self._came_spooled = bool(obj.spooled)
        self._copying = options.copies and not obj.spooled
        self._in_one_range = self._proving_md5 = self._md5_refuted = self._unchanged_at_stat = False
        self._misread = -1
        """CRC-64 of the content when it last differed from its checksum; -1: never."""
        self.without_md5 = False
        """Whether it is sent without the MD5 that was wanted."""
        self._begin()
        if save_point and self._fits(save_point):
            self._continue(save_point)
        elif save_point:
            self._stale = save_point.upload_id
            self._outdated = save_point
            self._phase = Phase.ABORT
        elif upload_id and not options.encryption:  # the key of an encrypted one is not known
            self._save_point = self._new_save_point(upload_id, -1)
            self._phase = Phase.RESUME
        if options.look:
            self._after_look, self._phase = self._phase, Phase.LOOK

    def _continue(self, save_point: SavePoint) -> None:
        self._save_point = save_point
        self._parts.records = {part.number: part for part in save_point.parts}
        self._source_crc64 = save_point.source_crc64
        self._phase = Phase.RESUME
        if self._parts.complete:
            self._phase = Phase.COMPLETE
            if self._differs():
                self._stale, self._outdated = save_point.upload_id, save_point
                self._save_point, self._parts.records = None, {}
                self._phase = Phase.ABORT

    def _begin(self) -> None:
        """Reset to an upload without any part."""
        size = self.obj.fingerprint.size
        self._parts = Parts(size, part_size_for(size, self._options.part_size))
        self._save_point = self._outdated = None
        self._fetched = 0
        self._file = ""
        if not self._came_spooled:
            self.obj = self.obj._replace(spooled="")
        self._described: Described | None = None
        """The source's description, kept for a later task."""
        self._md5: str | None = None if self._wants_md5 else ""
        """The MD5 to store with it; empty: none; None: not known yet."""
        self._envelope = new_envelope(self._options.encryption)
        self._source_crc64 = -1
        self._checks: tuple[Check, ...] = ()
        self._checked = ""
        self._asked = self._looked_again = False
        self._phase = self._first_phase()
        self._after_look = self._phase

    def _first_phase(self) -> Phase:
        if not self.obj.spooled and (self._in_one_range or self._md5_refuted):
            return Phase.SPOOL
        at_hand = self._options.reads_at_once or self.obj.spooled
        return Phase.DIGEST if self._wants_md5 and at_hand else Phase.INITIATE

    @property
    def _wants_md5(self) -> bool:
        return self._options.md5 and not self._copying

    @property
    def sent(self) -> int:
        """Bytes that COS has confirmed or that are on their way."""
        return self._parts.sent

    @property
    def ready(self) -> bool:
        """Whether `next_task` returns a task."""
        if self._failure or self._phase is Phase.OVER:
            return False
        if self._phase in {Phase.PARTS, Phase.SPOOL}:
            return bool(self._parts.queue)
        # A part that arrives after the abort would bring the upload back.
        return not self._asked and (self._phase is not Phase.ABORT or self.idle)

    @property
    def hashing(self) -> bool:
        """Whether the next task hashes a file of this machine."""
        return self._phase is Phase.DIGEST

    @property
    def reads_source(self) -> bool:
        """Whether the next task reads the source, or sends it a request."""
        if self.obj.spooled:
            return False
        asks = {Phase.DIGEST, Phase.SPOOL, Phase.INITIATE, Phase.STAT}
        return self._phase in asks or (self._phase is Phase.PARTS and not self._copying)

    @property
    def wants_file(self) -> bool:
        """Whether it waits for `use_file`."""
        return self._phase is Phase.SPOOL and not self._file and self.idle and not self._failure

    @property
    def in_order(self) -> str:
        """The upload id if one process has to hash all parts in order; else empty."""
        return self._save_point.upload_id if self._checks and self._save_point else ""

    @property
    def not_compared(self) -> bool:
        """Whether a checksum of the source could not be compared over all parts."""
        return bool(self._checks) and not self._checked

    @property
    def idle(self) -> bool:
        """Whether no task of it is under way."""
        return self._under_way == 0

    def next_task(self) -> Task | None:
        """Return the next task; None: a result has to come first."""
        if not self.ready:
            return None
        self._under_way += 1
        if self._phase is Phase.PARTS:
            return self._part_task(self._parts.queue.popleft())
        if self._phase is Phase.SPOOL:
            return self._fetch_task(self._parts.queue.popleft())
        self._asked = True
        obj, path = self.obj, self.cos_path
        upload_id = self._save_point.upload_id if self._save_point else self._stale
        if self._phase is Phase.COMPLETE:
            etags, crc64 = self._parts.etags, self._parts.crc64(self._source_crc64)
            return CompleteUpload(path, upload_id, etags, obj.fingerprint.size, crc64)
        part_size, envelope = self._parts.part_size, self._envelope
        tasks: dict[Phase, Task] = {
            Phase.LOOK: HeadTarget(obj, path, self._options.look),
            Phase.RESUME: ListParts(path, upload_id),
            Phase.DIGEST: Digest(obj, self._described),
            Phase.INITIATE: InitiateUpload(
                obj, path, self._described, self._md5, envelope, part_size
            ),
            Phase.ABORT: AbortUpload(path, upload_id),
            Phase.STAT: Stat(obj),
        }
        return tasks[self._phase]

    def _part_task(self, number: int) -> PartTask:
        obj, path, (offset, length) = self.obj, self.cos_path, self._parts.range_of(number)
        save_point = self._save_point
        upload_id = save_point.upload_id if save_point else ""
        if self._copying:
            return CopyPart(obj, path, upload_id, number, offset, length)
        envelope = save_point.envelope if save_point else None
        return UploadPart(obj, path, envelope, self._checks, upload_id, number, offset, length)

    def _fetch_task(self, number: int) -> FetchRange:
        offset, length = self._parts.range_of(number)
        if self._in_one_range:
            length = self.obj.fingerprint.size
        return FetchRange(self.obj, self._file, offset, length)

    def _differs(self) -> bool:
        """Return whether all parts together differ from the CRC-64 that the source has."""
        return (
            self._source_crc64 >= 0
            and self._parts.plain_crc64(self._source_crc64) != self._source_crc64
        )

    def _fits(self, save_point: SavePoint) -> bool:
        """Return whether a save point is of this version of the object, with the same parts."""
        return (
            save_point.name == self.obj.name
            and save_point.fingerprint == self.obj.fingerprint
            and save_point.part_size == self._parts.part_size
            and save_point.threshold == self._options.threshold
            and can_continue(self._options.encryption, save_point.envelope)
        )

    def _new_save_point(self, upload_id: str, source_crc64: int) -> SavePoint:
        return SavePoint(
            upload_id,
            self.cos_path,
            self.obj.name,
            self.obj.fingerprint,
            self._parts.part_size,
            self._options.threshold,
            source_crc64=source_crc64,
            envelope=self._envelope,
        )

    def _enter_parts(self) -> None:
        self._parts.queue_missing()
        self._phase = Phase.PARTS if self._parts.queue else Phase.COMPLETE
