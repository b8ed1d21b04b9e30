"""The state of one multipart upload: what is known of it, and what comes next.

Pure: no network, no threads, no database, no randomness of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from cos_migrate.checksums import COMBINED_KINDS, Check
from cos_migrate.cos.encryption import can_continue
from cos_migrate.engine.options import UploadOptions
from cos_migrate.engine.parts import Parts
from cos_migrate.engine.rules import part_size_for
from cos_migrate.model import Described, Envelope, Failure, SavePoint, SourceObject
from cos_migrate.pools.results import AGREES
from cos_migrate.pools.tasks import PartTask


class Phase(enum.Enum):
    """What an upload does next."""

    HEAD = "head"
    """Ask COS for an object at the target path."""
    RESUME = "resume"
    """List the parts that COS has of an upload that is continued."""
    DIGEST = "digest"
    """Hash the file."""
    SPOOL = "spool"
    """Write the object into a temporary file."""
    INITIATE = "initiate"
    PARTS = "parts"
    COMPLETE = "complete"
    ABORT = "abort"
    """Abort an upload of another version of the object."""
    STAT = "stat"
    """Ask the source for the version that it has now."""
    OVER = "over"


class UploadState:
    """A multipart upload between two tasks; `MultipartUpload` changes it by their results.

    `start_over` resets the fields that are declared here; the others stay.
    """

    phase: Phase
    phase_after_head: Phase
    parts: Parts
    save_point: SavePoint | None
    """The upload on COS; None: it is not begun."""
    outdated: SavePoint | None
    """The upload to abort in the phase ABORT."""
    spool_path: str
    """The temporary file that is being written; empty: none."""
    fetched: int
    """Ranges that it holds."""
    described: Described | None
    """The source's description, kept for a later task."""
    md5: str | None
    """The MD5 to store with the object; empty: none; None: not known yet."""
    envelope: Envelope | None
    """The envelope of the upload's key; None: it is not encrypted."""
    source_crc64: int
    """CRC-64 that the source states; -1: none."""
    source_check: Check | None
    """Another checksum that the source states, still to be compared; None: none."""
    checks: tuple[Check, ...]
    """Other checksums that the source states, compared over all parts in order."""
    proves_md5: bool
    """Whether `checks` is one likely MD5, which is stored already and so has to be proven."""
    checked: str
    """Result of the other checksums as in `PartStored`; empty: not known."""
    answer_pending: bool
    """Whether the one task of a phase other than PARTS and SPOOL is under way."""
    listed_again: bool
    """Whether COS was asked for the parts because it refused to join them."""

    def __init__(
        self,
        obj: SourceObject,
        cos_path: str,
        options: UploadOptions,
        *,
        save_point: SavePoint | None,
        upload_id: str,
        new_envelope: Callable[[], Envelope | None],
    ) -> None:
        """Continue `save_point` if it fits, or a bare `upload_id`; else begin a new upload.

        `new_envelope` makes an envelope for a new upload; None: it is not encrypted.
        """
        self.obj = obj
        """The object, in the version that is sent and with the temporary file that it lies in."""
        self.cos_path = cos_path
        self.options = options
        self.failure: Failure | None = None
        """Why the object failed; results of tasks under way are still collected."""
        self.tasks_under_way = 0
        self.restarts = 0
        """How often the upload has started over."""
        self.came_spooled = bool(obj.spooled)
        """Whether the object lay in a temporary file from the start."""
        self.copying = options.copies and not obj.spooled
        """Whether COS copies the parts."""
        self.in_one_range = False
        """Whether the source sends no ranges: one request fetches the whole object."""
        self.likely_md5_refuted = False
        """Whether the content differs from the likely MD5 and agrees with the source's CRC-64."""
        self.unchanged_at_stat = False
        """Whether the source has called the object changed, and then stated the same version."""
        self.mismatched_crc64 = -1
        """CRC-64 of the content when it last differed from its checksum; -1: never."""
        self.without_md5 = False
        """Whether it is sent without the MD5 that was wanted."""
        self._new_envelope = new_envelope
        self.start_over()
        if save_point and self._fits(save_point):
            self._continue(save_point)
        elif save_point:
            self.abort(save_point)
        elif upload_id and not options.encryption:  # the key of an encrypted one is not known
            self.save_point = self.new_save_point(upload_id)
            self.phase = Phase.RESUME
        if options.skip_if:
            self.phase_after_head, self.phase = self.phase, Phase.HEAD

    def start_over(self) -> None:
        """Reset to an upload without any part."""
        size = self.obj.fingerprint.size
        self.parts = Parts(size, part_size_for(size, self.options.part_size))
        self.save_point = self.outdated = self.described = None
        self.spool_path = self.checked = ""
        self.fetched = 0
        if not self.came_spooled:
            self.obj = self.obj._replace(spooled="")
        self.md5 = None if self.wants_md5 else ""
        self.envelope = self._new_envelope()
        self.source_crc64 = -1
        self.source_check, self.checks = None, ()
        self.proves_md5 = self.answer_pending = self.listed_again = False
        self.phase = self.phase_after_head = self.first_phase()

    def _continue(self, save_point: SavePoint) -> None:
        self.parts.records = {part.number: part for part in save_point.parts}
        self.source_crc64 = save_point.source_crc64
        self.source_check = save_point.source_check
        self.combine_check()
        if self.parts.complete and (self.crc64_differs or self.checked not in {"", AGREES}):
            self.start_over()
            self.abort(save_point)
        else:
            self.save_point = save_point
            self.phase = Phase.COMPLETE if self.parts.complete else Phase.RESUME

    def _fits(self, save_point: SavePoint) -> bool:
        """Return whether a save point is of this version of the object, with the same parts."""
        return (
            save_point.name == self.obj.name
            and save_point.fingerprint == self.obj.fingerprint
            and save_point.part_size == self.parts.part_size
            and save_point.threshold == self.options.threshold
            and can_continue(self.options.encryption, save_point.envelope)
        )

    def abort(self, outdated: SavePoint) -> None:
        """Abort an upload before a new one is begun."""
        self.outdated, self.phase = outdated, Phase.ABORT

    def leave_abort(self) -> SavePoint | None:
        """End the abort of an outdated upload; return its save point, which is to be removed."""
        outdated, self.outdated = self.outdated, None
        self.phase = Phase.STAT if self.restarts else self.first_phase()
        return outdated

    def is_current(self, task: PartTask) -> bool:
        """Return whether the task of a part belongs to the present upload."""
        return self.save_point is not None and task.upload_id == self.save_point.upload_id

    def enter_parts(self) -> None:
        """Enter the phase in which missing parts are sent; without any, that of completion."""
        self.parts.queue_missing()
        self.phase = Phase.PARTS if self.parts.queue else Phase.COMPLETE

    def first_phase(self) -> Phase:
        """Return the phase in which a new upload begins."""
        if not self.obj.spooled and (self.in_one_range or self.likely_md5_refuted):
            return Phase.SPOOL
        at_hand = self.options.is_local or self.obj.spooled
        return Phase.DIGEST if self.wants_md5 and at_hand else Phase.INITIATE

    def new_save_point(
        self, upload_id: str, source_crc64: int = -1, source_check: Check | None = None
    ) -> SavePoint:
        """Return the save point of an upload without any part."""
        return SavePoint(
            upload_id,
            self.cos_path,
            self.obj.name,
            self.obj.fingerprint,
            self.parts.part_size,
            self.options.threshold,
            source_crc64=source_crc64,
            envelope=self.envelope,
            source_check=source_check,
        )

    def combine_check(self) -> None:
        """Compare the CRCs of all parts with the source's other checksum, if it is a CRC."""
        check = self.source_check
        if check and self.crc_kind and self.parts.complete:
            crc = self.parts.other_crc(check.kind)
            if crc >= 0:
                self.checked = AGREES if str(crc) == check.expected else check.kind

    @property
    def wants_md5(self) -> bool:
        """Whether the object gets an MD5 in its metadata: `md5` is on and COS does not copy it."""
        return self.options.md5 and not self.copying

    @property
    def sent(self) -> int:
        """Bytes that COS has confirmed or that are on their way."""
        return self.parts.sent

    @property
    def ready(self) -> bool:
        """Whether it has a next task."""
        if self.failure or self.phase is Phase.OVER:
            return False
        if self.phase in {Phase.PARTS, Phase.SPOOL}:
            return bool(self.parts.queue)
        # A part that arrives after the abort would bring the upload back.
        return not self.answer_pending and (self.phase is not Phase.ABORT or self.idle)

    @property
    def hashes_file(self) -> bool:
        """Whether the next task hashes a file of this machine."""
        return self.phase is Phase.DIGEST

    @property
    def reads_source(self) -> bool:
        """Whether the next task reads the source, or sends it a request."""
        if self.obj.spooled:
            return False
        asks = {Phase.DIGEST, Phase.SPOOL, Phase.INITIATE, Phase.STAT}
        return self.phase in asks or (self.phase is Phase.PARTS and not self.copying)

    @property
    def wants_file(self) -> bool:
        """Whether it waits for a temporary file."""
        return self.phase is Phase.SPOOL and not self.spool_path and self.idle and not self.failure

    @property
    def group(self) -> str:
        """Name under which its tasks go to one worker, which hashes all parts; empty: any."""
        return self.save_point.upload_id if self.checks and self.save_point else ""

    @property
    def crc_kind(self) -> str:
        """The kind of `source_check` where it is combined from the CRCs of parts; else empty."""
        kind = self.source_check.kind if self.source_check else ""
        return kind if kind in COMBINED_KINDS else ""

    @property
    def not_compared(self) -> bool:
        """Whether a checksum that the source states could not be compared over all parts."""
        return bool(self.source_check or self.checks) and not self.checked

    @property
    def idle(self) -> bool:
        """Whether no task of it is under way."""
        return self.tasks_under_way == 0

    @property
    def crc64_differs(self) -> bool:
        """Whether all parts together differ from the CRC-64 that the source has."""
        return (
            self.source_crc64 >= 0
            and self.parts.content_crc64(self.source_crc64) != self.source_crc64
        )
