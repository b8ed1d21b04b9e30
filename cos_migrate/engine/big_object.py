"""One big object on its way: which request comes next. No network, no threads, no database."""

from __future__ import annotations

import collections
import enum
from collections.abc import Iterable
from dataclasses import replace

from cos_migrate.checksums import CRC64, Check
from cos_migrate.cos.crc64 import combined
from cos_migrate.cos.encryption import can_continue, new_envelope
from cos_migrate.cos.errors import ARCHIVED
from cos_migrate.engine.options import UploadOptions
from cos_migrate.engine.plan import part_size_for
from cos_migrate.engine.upload_step import NOTHING, Step
from cos_migrate.errors import ETAG_IS_NO_MD5
from cos_migrate.model import Failure, Fingerprint, PartRecord, SavePoint, SourceObject
from cos_migrate.pools.messages import FetchPart, Kind, Message, UploadPart, source_fields
from cos_migrate.pools.worker.ordered_checksum import AGREES
from cos_migrate.sources.misreads import changed_in_vain, is_by_etag, misread

_COPY_REFUSED = frozenset({403, 405})
_COPIES = frozenset({"CopyObject", "UploadPartCopy"})
_OF_SOURCE = frozenset({"Changed", "SourceChecksumMismatch"})
"""Codes that say that what was read so far is of no use."""
_NO_UPLOAD = "NoSuchUpload"
"""The code of an upload that COS does not have."""
_PARTS_REFUSED = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})
"""Codes that say that the parts COS has are not those that were recorded."""
_RESTARTS = 2
"""How often an upload begins anew when its object changed or COS lost it."""


def copy_refused(failure: Failure) -> bool:
    """Return whether COS says that it will not copy: then the bytes pass through this machine."""
    return (
        failure.status in _COPY_REFUSED
        and failure.operation in _COPIES
        and not failure.fatal
        and failure.code != ARCHIVED
    )


class Phase(enum.Enum):
    """What an upload does now."""

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


class MultipartUpload:
    """The state of one multipart upload; `next_task` and `take` drive it."""

    def __init__(
        self,
        obj: SourceObject,
        cos_path: str,
        options: UploadOptions,
        save_point: SavePoint | None = None,
        upload_id: str = "",
    ) -> None:
        """Continue `save_point` when it fits, or a bare `upload_id`; else begin anew."""
        self.obj = obj
        self.cos_path = cos_path
        self._options = options
        self._restarts = 0
        self._stale = ""
        self._failure: Failure | None = None
        self._under_way = 0
        self._save_point: SavePoint | None = None
        self._outdated: SavePoint | None = None
        self._parts: dict[int, PartRecord] = {}
        self._queue: collections.deque[int] = collections.deque()
        self._moved: dict[int, int] = {}
        self._came_spooled = bool(obj.spooled)
        self._copying = options.copies and not obj.spooled
        self._whole = self._proving_md5 = self._md5_refuted = self._is_as_it_was = False
        self._misread = -1
        """CRC-64 of the content that its checksum differed from when it was last read."""
        self.without_md5 = False
        """Whether its MD5 was wanted and could not be had."""
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
        self._parts = {part.number: part for part in save_point.parts}
        self._source_crc64 = save_point.source_crc64
        self._phase = Phase.RESUME
        if len(self._parts) == self._count:
            self._phase = Phase.COMPLETE
            if self._differs():
                self._stale, self._outdated = save_point.upload_id, save_point
                self._save_point, self._parts = None, {}
                self._phase = Phase.ABORT

    def _begin(self) -> None:
        """Reset to an upload of which nothing is sent."""
        size = self.obj.fingerprint.size
        self._part_size = part_size_for(size, self._options.part_size)
        self._count = max(1, -(-size // self._part_size))
        self._save_point = self._outdated = None
        self._parts, self._moved = {}, {}
        self._queue.clear()
        self._confirmed = 0
        self._fetched = 0
        self._file = ""
        if not self._came_spooled:
            self.obj = self.obj._replace(spooled="")
        self._md5 = ""
        self._envelope = new_envelope(self._options.encryption)
        self._source_crc64 = -1
        self._checks: tuple[Check, ...] = ()
        self._checked = ""
        self._asked = self._looked_again = False
        self._phase = self._first_phase()
        self._after_look = self._phase

    def _first_phase(self) -> Phase:
        if self._whole and not self.obj.spooled:
            return Phase.SPOOL
        return Phase.DIGEST if self._options.md5 and not self._copying else Phase.INITIATE

    @property
    def sent(self) -> int:
        """Bytes that COS has confirmed or that are on their way."""
        return self._confirmed + sum(self._moved.values())

    @property
    def ready(self) -> bool:
        """Whether `next_task` has something."""
        if self._failure or self._phase is Phase.OVER:
            return False
        if self._phase in {Phase.PARTS, Phase.SPOOL}:
            return bool(self._queue)
        # Parts of an upload to abort would come back to life behind the abort.
        return not self._asked and (self._phase is not Phase.ABORT or self.idle)

    @property
    def hashing(self) -> bool:
        """Whether what comes next only reads what lies on this machine."""
        return self._phase is Phase.DIGEST and (
            self._options.reads_at_once or bool(self.obj.spooled)
        )

    @property
    def reads_source(self) -> bool:
        """Whether what comes next asks the source for anything."""
        if self.obj.spooled:
            return False
        asks = {Phase.DIGEST, Phase.SPOOL, Phase.INITIATE, Phase.STAT}
        return self._phase in asks or (self._phase is Phase.PARTS and not self._copying)

    @property
    def wants_file(self) -> bool:
        """Whether it can go on only when `use_file` has said where it is to be kept."""
        return self._phase is Phase.SPOOL and not self._file and self.idle and not self._failure

    @property
    def in_order(self) -> str:
        """What its parts are to be summed up under, all in one process; empty: they need not."""
        return self._save_point.upload_id if self._checks and self._save_point else ""

    @property
    def not_compared(self) -> bool:
        """Whether its source tells checksums that could not be compared over all its parts."""
        return bool(self._checks) and not self._checked

    def use_file(self, path: str) -> Step:
        """Keep the object in a file of its size at `path`; empty: there is no room for one."""
        if path:
            self._file, self._fetched = path, 0
            self._queue = collections.deque(range(1, 2 if self._whole else self._count + 1))
            return NOTHING
        if self._whole:
            self._failure = Failure(
                "spool",
                "the source sends no ranges of it, and it does not fit into tmpFolder",
                code="TmpFolder",
            )
            return self._failed_when_idle()
        self.without_md5 = True
        self._phase = Phase.INITIATE
        return NOTHING

    @property
    def idle(self) -> bool:
        """Whether no task of it is under way."""
        return self._under_way == 0

    def next_task(self) -> Message | None:
        """Return the next task, less its number, or None when one has to come back first."""
        if not self.ready:
            return None
        self._under_way += 1
        if self._phase is Phase.PARTS:
            return self._part_task(self._queue.popleft())
        if self._phase is Phase.SPOOL:
            return self._fetch_task(self._queue.popleft())
        self._asked = True
        source, path = source_fields(self.obj), self.cos_path
        upload_id = self._save_point.upload_id if self._save_point else self._stale
        tasks: dict[Phase, Message] = {
            Phase.LOOK: (Kind.LOOK, *source, path, self._options.look),
            Phase.RESUME: (Kind.LIST_PARTS, path, upload_id),
            Phase.DIGEST: (Kind.DIGEST, *source),
            Phase.INITIATE: (
                Kind.INITIATE_UPLOAD,
                *source,
                path,
                self._md5,
                self._envelope,
                self._part_size,
            ),
            Phase.ABORT: (Kind.ABORT_UPLOAD, path, upload_id),
            Phase.STAT: (Kind.STAT, *source),
        }
        if self._phase is Phase.COMPLETE:
            parts = [self._parts[number] for number in range(1, self._count + 1)]
            etags = tuple((part.number, part.etag) for part in parts)
            crc = self._crc64()
            size = self.obj.fingerprint.size
            return (Kind.COMPLETE_UPLOAD, path, upload_id, etags, size, crc)
        return tasks[self._phase]

    def _part_task(self, number: int) -> Message:
        offset = (number - 1) * self._part_size
        size = min(self._part_size, self.obj.fingerprint.size - offset)
        save_point = self._save_point
        return (
            Kind.COPY_PART if self._copying else Kind.UPLOAD_PART,
            *source_fields(self.obj),
            self.cos_path,
            save_point.envelope if save_point else None,
            self._checks,
            save_point.upload_id if save_point else "",
            number,
            offset,
            size,
        )

    def _fetch_task(self, number: int) -> Message:
        size = self.obj.fingerprint.size
        offset = (number - 1) * self._part_size
        length = size if self._whole else min(self._part_size, size - offset)
        return (Kind.FETCH_PART, *source_fields(self.obj), self._file, offset, length)

    def _crc64(self) -> int:
        """Return the CRC-64 that the whole object must have, -1 where nobody knows it."""
        parts = [self._parts[number] for number in range(1, self._count + 1)]
        if any(part.crc64 < 0 for part in parts):
            return self._source_crc64
        return combined((part.crc64, part.size) for part in parts)

    def _plain_crc64(self) -> int:
        """Return the CRC-64 of what was read, -1 where nobody knows it."""
        parts = [self._parts[number] for number in range(1, self._count + 1)]
        if any(part.plain_crc64 < 0 for part in parts):
            return self._crc64()
        return combined((part.plain_crc64, part.size) for part in parts)

    def _differs(self) -> bool:
        """Return whether all parts together are not what the source tells of the object."""
        return self._source_crc64 >= 0 and self._plain_crc64() != self._source_crc64

    def moved(self, task: Message, count: int) -> None:
        """Note that `count` bytes of a part have passed so far."""
        if task[1] == Kind.UPLOAD_PART:
            self._moved[_part_number(task)] = count

    def give_back(self, task: Message) -> Step:
        """Take back a task that no worker began."""
        self._under_way -= 1
        if task[1] == Kind.FETCH_PART:
            fetch = FetchPart(*task)
            if fetch.path == self._file:
                self._queue.appendleft(fetch.offset // self._part_size + 1)
        elif task[1] not in Kind.OF_PARTS:
            self._asked = False
        elif self._is_current(task):
            self._moved.pop(_part_number(task), None)
            self._queue.appendleft(_part_number(task))
        return self._failed_when_idle()

    def found_there(self) -> Step:
        """End, since COS has what it was to look for."""
        self._under_way -= 1
        self._phase = Phase.OVER
        return Step(abandon=self._outdated or self._save_point)

    def take(self, task: Message, values: Message) -> Step:
        """Take the fields of a finished task's result."""
        self._under_way -= 1
        if task[1] in Kind.OF_PARTS:
            return self._take_part(task, values)
        if task[1] == Kind.FETCH_PART:
            return self._take_fetched(task)
        self._asked = False
        if self._phase is Phase.LOOK:
            self._phase = self._after_look
        elif self._phase is Phase.RESUME:
            self._keep_listed(values[0])
            return Step(begun=self._save_point)
        elif self._phase is Phase.DIGEST:
            self._take_digest(*values)
        elif self._phase is Phase.INITIATE:
            return self._begun(*values)
        elif self._phase is Phase.ABORT:
            return Step(forget=self._drop_outdated())
        elif self._phase is Phase.STAT:
            now = Fingerprint(*values)
            self._is_as_it_was = now == self.obj.fingerprint
            self.obj = self.obj._replace(fingerprint=now)
            self._begin()
        elif self._phase is Phase.COMPLETE:
            self._phase = Phase.OVER
            return Step(done=(*values[:2], self._crc64(), values[2]), forget=self._save_point)
        return NOTHING

    def _take_digest(self, md5: str, source_crc64: int) -> None:
        told = md5 if self.obj.spooled or not self._md5_refuted else ""
        self._md5, self._source_crc64 = told, source_crc64
        self._phase = Phase.INITIATE if told else Phase.SPOOL

    def _begun(
        self,
        upload_id: str,
        source_crc64: int,
        checks: tuple[Check, ...],
        likely: bool,  # noqa: FBT001 - as the result has it
    ) -> Step:
        self._source_crc64, self._proving_md5 = source_crc64, likely
        # A CRC-64 can be combined from those of parts read in any order: then it is enough.
        if likely or (source_crc64 < 0 and not self._copying and not self.obj.spooled):
            self._checks = checks
        self._save_point = self._new_save_point(upload_id, source_crc64)
        self._enter_parts()
        return Step(begun=self._save_point)

    def _take_fetched(self, task: Message) -> Step:
        if FetchPart(*task).path == self._file and self._phase is Phase.SPOOL:
            self._fetched += 1
            if self._fetched == (1 if self._whole else self._count):
                self.obj = self.obj._replace(spooled=self._file)
                self._phase = Phase.DIGEST if self._options.md5 else Phase.INITIATE
        return self._failed_when_idle()

    def fail(self, task: Message, failure: Failure) -> Step:
        """Take the failure of a task: begin anew where that can help, else end."""
        self._under_way -= 1
        if task[1] in Kind.OF_PARTS:
            if not self._is_current(task):
                return self._failed_when_idle()
            if task[1] == Kind.COPY_PART and copy_refused(failure):
                self._copying = False
                self._queue.appendleft(_part_number(task))
                return self._failed_when_idle()
        elif task[1] == Kind.FETCH_PART:
            if FetchPart(*task).path != self._file:
                return self._failed_when_idle()
        else:
            self._asked = False
            if self._phase is Phase.ABORT:
                outdated = self._drop_outdated()
                gone = failure.code == _NO_UPLOAD
                return Step(forget=outdated) if gone else Step(not_aborted=outdated)
        if failure.code == "RangeIgnored" and not self._whole:
            self._whole = True
            return self._restart(changed=True)
        return self._judge_failure(failure)

    def _judge_failure(self, failure: Failure) -> Step:
        if self._can_look_again(failure):
            self._looked_again, self._phase = True, Phase.RESUME
            if self._checked:
                self._checks = ()  # it was read in its order already
            return NOTHING
        if self._can_restart(failure):
            changed = failure.code in _OF_SOURCE | _PARTS_REFUSED
            return self._restart(changed=changed, gone=failure.code == _NO_UPLOAD)
        if failure.code == "Changed" and self._is_as_it_was and not self._options.reads_at_once:
            failure = changed_in_vain(failure)
        self._failure = self._failure or failure
        self._moved.clear()
        return self._failed_when_idle()

    def _failed_when_idle(self) -> Step:
        """Return how it fails; parts that no later run could use are given up."""
        if not self.idle or not self._failure:
            return NOTHING
        useless = self._failure.code in _OF_SOURCE | _PARTS_REFUSED | {ETAG_IS_NO_MD5}
        return Step(abandon=self._save_point if useless else None, failure=self._failure)

    def _is_current(self, task: Message) -> bool:
        """Return whether a part's task is of the upload that is under way now."""
        upload_id = UploadPart(*task).upload_id
        return self._save_point is not None and upload_id == self._save_point.upload_id

    def _take_part(self, task: Message, values: Message) -> Step:
        if not self._is_current(task):
            return self._failed_when_idle()
        etag, crc64, _, plain_crc64, checked = values
        *_, number, offset, size = UploadPart(*task)
        self._moved.pop(number, None)
        part = PartRecord(number, offset, size, etag, crc64, plain_crc64)
        self._parts[number] = part
        self._confirmed += size
        self._checked = self._checked or checked
        if self._failure:
            return replace(self._failed_when_idle(), part=part, save_point=self._save_point)
        if len(self._parts) == self._count:
            if self._differs():
                return self._not_as_told(CRC64)
            if self._checked not in {"", AGREES}:
                return self._not_agreeing()
            self._phase = Phase.COMPLETE
        return Step(part=part, save_point=self._save_point)

    def _not_agreeing(self) -> Step:
        if not self._proving_md5 or self._source_crc64 < 0:
            return self._not_as_told(self._checked)
        # Its CRC-64 agrees: what looked like its MD5 is none.
        self._md5_refuted = True
        return self._restart(changed=True)

    def _not_as_told(self, kind: str) -> Step:
        """Begin anew: what was read is not what the source says it has."""
        before, self._misread = self._misread, self._plain_crc64()
        by_etag = is_by_etag(self._checks, kind, self.obj.fingerprint.etag)
        failure = misread(kind, agrees=by_etag and 0 <= before == self._misread)
        if self._can_restart(failure):
            return self._restart(changed=True)
        self._failure = failure
        return self._failed_when_idle()

    def _can_look_again(self, failure: Failure) -> bool:
        """Return whether to ask which parts COS has, and to send only those that it lacks."""
        return (
            self._phase is Phase.COMPLETE
            and failure.code in _PARTS_REFUSED
            and not self._looked_again
            and not self._failure
        )

    def _can_restart(self, failure: Failure) -> bool:
        if self._failure or self._restarts >= _RESTARTS:
            return False
        if failure.code in _OF_SOURCE and self._came_spooled:
            return False
        if failure.code == _NO_UPLOAD:
            return self._phase in {Phase.RESUME, Phase.PARTS, Phase.COMPLETE}
        if failure.code == "ChecksumMismatch" or failure.code in _PARTS_REFUSED:
            return self._phase is Phase.COMPLETE
        return failure.code in _OF_SOURCE and self._phase is not Phase.STAT

    def _restart(self, *, changed: bool, gone: bool = False) -> Step:
        """Begin anew; `gone`: COS does not have the upload any more."""
        outdated = self._save_point
        self._restarts += 1
        self._begin()
        if changed:
            # The parts sent so far belong to a version that is gone.
            self._phase = Phase.STAT
            if outdated:
                self._phase, self._stale, self._outdated = (
                    Phase.ABORT,
                    outdated.upload_id,
                    outdated,
                )
                return NOTHING
        return Step(forget=outdated) if gone else Step(abandon=outdated)

    def _drop_outdated(self) -> SavePoint | None:
        """Go on after the abort of an upload that no longer fits; return its save point."""
        outdated = self._outdated
        self._outdated, self._stale = None, ""
        self._phase = Phase.STAT if self._restarts else self._first_phase()
        return outdated

    def _fits(self, save_point: SavePoint) -> bool:
        """Return whether a save point is of this version of the object, cut the same way."""
        return (
            save_point.name == self.obj.name
            and save_point.fingerprint == self.obj.fingerprint
            and save_point.part_size == self._part_size
            and save_point.threshold == self._options.threshold
            and can_continue(self._options.encryption, save_point.envelope)
        )

    def _new_save_point(self, upload_id: str, source_crc64: int) -> SavePoint:
        return SavePoint(
            upload_id,
            self.cos_path,
            self.obj.name,
            self.obj.fingerprint,
            self._part_size,
            self._options.threshold,
            source_crc64=source_crc64,
            envelope=self._envelope,
        )

    def _keep_listed(self, listed: Iterable[tuple[int, str, int]]) -> None:
        """Keep of the recorded parts those that the server lists as they were sent."""
        on_server = {number: (etag, size) for number, etag, size in listed}
        self._parts = {
            number: part
            for number, part in self._parts.items()
            if on_server.get(number) == (part.etag, part.size)
        }
        if self._save_point:
            self._save_point = self._save_point._replace(parts=())
        self._enter_parts()

    def _enter_parts(self) -> None:
        self._confirmed = sum(part.size for part in self._parts.values())
        missing = (n for n in range(1, self._count + 1) if n not in self._parts)
        self._queue = collections.deque(missing)
        self._phase = Phase.PARTS if self._queue else Phase.COMPLETE


def _part_number(task: Message) -> int:
    """Return the part number of an UPLOAD_PART task, which begins with its own number."""
    return UploadPart(*task).part
