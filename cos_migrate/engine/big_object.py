"""One multipart upload: how each result of its tasks changes it. Pure, like its state."""

from __future__ import annotations

from cos_migrate.checksums import CRC64
from cos_migrate.engine.copying import copy_refused
from cos_migrate.engine.upload_state import Phase, UploadState
from cos_migrate.engine.upload_step import NOTHING, Step
from cos_migrate.errors import ETAG_IS_NO_MD5
from cos_migrate.model import Described, Failure, Fingerprint, PartRecord, SavePoint
from cos_migrate.pools.results import (
    Completed,
    Content,
    Digested,
    Initiated,
    ListedParts,
    PartStored,
)
from cos_migrate.pools.tasks import CopyPart, FetchRange, PartTask, Task, UploadPart
from cos_migrate.pools.worker.ordered_checksum import AGREES
from cos_migrate.sources.mismatches import contradictory_failure, is_etag_check, mismatch_failure

_OF_SOURCE = frozenset({"Changed", "SourceChecksumMismatch"})
"""Codes after which nothing read so far can be used."""
_NO_UPLOAD = "NoSuchUpload"
"""The code of an upload that does not exist on COS."""
_PARTS_REFUSED = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})
"""Codes of an upload whose parts on COS are not the recorded ones."""
_RESTARTS = 2
"""How often an upload starts over after its object changed or COS lost it."""


class MultipartUpload(UploadState):
    """A multipart upload, driven by `next_task` and the results of its tasks."""

    def use_file(self, path: str) -> Step:
        """Use the temporary file at `path`; empty: there is no room for one."""
        if path:
            self._file, self._fetched = path, 0
            self._parts.queue_all(1 if self._in_one_range else self._parts.count)
            return NOTHING
        if self._in_one_range:
            self._failure = Failure(
                "spool",
                "the source sends no ranges of it, and it does not fit into tmpFolder",
                code="TmpFolder",
            )
            return self._failed_when_idle()
        self.without_md5 = True
        self._md5 = ""
        self._phase = Phase.INITIATE
        return NOTHING

    def note_progress(self, task: Task, count: int) -> None:
        """Note that `count` bytes of a part were sent so far."""
        if isinstance(task, UploadPart):
            self._parts.moving[task.number] = count

    def give_back(self, task: Task) -> Step:
        """Take back a task that no worker began."""
        self._under_way -= 1
        if isinstance(task, FetchRange):
            if task.path == self._file:
                self._parts.queue.appendleft(task.offset // self._parts.part_size + 1)
        elif not isinstance(task, PartTask):
            self._asked = False
        elif self._is_current(task):
            self._parts.moving.pop(task.number, None)
            self._parts.queue.appendleft(task.number)
        return self._failed_when_idle()

    def end_as_existing(self) -> Step:
        """End because COS already has an object at the target path."""
        self._under_way -= 1
        self._phase = Phase.OVER
        return Step(abandon=self._outdated or self._save_point)

    def collect_description(self, described: Described) -> None:
        """Go on through a file: no upload was begun, since the source states no MD5."""
        self._under_way -= 1
        self._asked = False
        self._described = described
        self._phase = Phase.SPOOL

    def collect(self, task: Task, result: Content) -> Step:
        """Handle the result of a task that is done."""
        self._under_way -= 1
        if isinstance(task, PartTask) and isinstance(result, PartStored):
            return self._collect_part(task, result)
        if isinstance(task, FetchRange):
            return self._collect_fetched(task)
        self._asked = False
        if isinstance(result, ListedParts):
            return self._collect_listed(result)
        if isinstance(result, Initiated):
            return self._begun(result)
        if isinstance(result, Completed):
            self._phase = Phase.OVER
            crc64 = self._parts.crc64(self._source_crc64)
            done = (result.request_id, result.unverified, crc64, result.etag)
            return Step(done=done, forget=self._save_point)
        if isinstance(result, Digested):
            self._md5, self._described = result
            self._phase = Phase.INITIATE
        elif isinstance(result, Fingerprint):
            self._unchanged_at_stat = result == self.obj.fingerprint
            self.obj = self.obj._replace(fingerprint=result)
            self._begin()
        elif self._phase is Phase.ABORT:
            return Step(forget=self._drop_outdated())
        elif self._phase is Phase.LOOK:
            self._phase = self._after_look
        return NOTHING

    def _collect_listed(self, listed: ListedParts) -> Step:
        self._parts.keep_listed(listed.parts)
        if self._save_point:
            self._save_point = self._save_point._replace(parts=())
        self._enter_parts()
        return Step(begun=self._save_point)

    def _begun(self, begun: Initiated) -> Step:
        upload_id, source_crc64, checks, likely = begun
        self._source_crc64, self._proving_md5 = source_crc64, likely
        # A CRC-64 can be combined from those of parts read in any order: then it is enough.
        if likely or (source_crc64 < 0 and not self._copying and not self.obj.spooled):
            self._checks = checks
        self._save_point = self._new_save_point(upload_id, source_crc64)
        self._enter_parts()
        return Step(begun=self._save_point)

    def _collect_fetched(self, task: FetchRange) -> Step:
        if task.path == self._file and self._phase is Phase.SPOOL:
            self._fetched += 1
            if self._fetched == (1 if self._in_one_range else self._parts.count):
                self.obj = self.obj._replace(spooled=self._file)
                self._phase = Phase.DIGEST if self._options.md5 else Phase.INITIATE
        return self._failed_when_idle()

    def collect_failure(self, task: Task, failure: Failure) -> Step:
        """Handle the failure of a task: start over where that can help, else end."""
        self._under_way -= 1
        if isinstance(task, PartTask):
            if not self._is_current(task):
                return self._failed_when_idle()
            if isinstance(task, CopyPart) and copy_refused(failure):
                self._copying = False
                self._parts.queue.appendleft(task.number)
                return self._failed_when_idle()
        elif isinstance(task, FetchRange):
            if task.path != self._file:
                return self._failed_when_idle()
        else:
            self._asked = False
            if self._phase is Phase.ABORT:
                outdated = self._drop_outdated()
                gone = failure.code == _NO_UPLOAD
                return Step(forget=outdated) if gone else Step(not_aborted=outdated)
        if failure.code == "RangeIgnored" and not self._in_one_range and not self._failure:
            self._in_one_range = True
            return self._restart(changed=True)
        return self._judge_failure(failure)

    def _judge_failure(self, failure: Failure) -> Step:
        if self._can_look_again(failure):
            self._looked_again, self._phase = True, Phase.RESUME
            if self._checked:
                self._checks = ()  # all of it was read in order already
            return NOTHING
        if self._can_restart(failure):
            changed = failure.code in _OF_SOURCE | _PARTS_REFUSED
            return self._restart(changed=changed, gone=failure.code == _NO_UPLOAD)
        if (
            failure.code == "Changed"
            and self._unchanged_at_stat
            and not self._options.reads_at_once
        ):
            failure = contradictory_failure(failure)
        self._failure = self._failure or failure
        self._parts.moving.clear()
        return self._failed_when_idle()

    def _failed_when_idle(self) -> Step:
        """Return the failure when no task is under way; abandon parts that no later run can use."""
        if not self.idle or not self._failure:
            return NOTHING
        useless = self._failure.code in _OF_SOURCE | _PARTS_REFUSED | {ETAG_IS_NO_MD5}
        return Step(abandon=self._save_point if useless else None, failure=self._failure)

    def _is_current(self, task: PartTask) -> bool:
        """Return whether the task of a part belongs to the current upload."""
        return self._save_point is not None and task.upload_id == self._save_point.upload_id

    def _collect_part(self, task: PartTask, stored: PartStored) -> Step:
        if not self._is_current(task):
            return self._failed_when_idle()
        self._parts.moving.pop(task.number, None)
        etag, crc64, plain_crc64, checked = stored
        part = PartRecord(task.number, task.offset, task.length, etag, crc64, plain_crc64)
        self._parts.add(part)
        self._checked = self._checked or checked
        if self._failure:
            return self._failed_when_idle()._replace(part=part, save_point=self._save_point)
        if self._parts.complete:
            if self._differs():
                return self._mismatch(CRC64)
            if self._checked not in {"", AGREES}:
                return self._checksum_differs()
            self._phase = Phase.COMPLETE
        return Step(part=part, save_point=self._save_point)

    def _checksum_differs(self) -> Step:
        if not self._proving_md5 or self._source_crc64 < 0:
            return self._mismatch(self._checked)
        # The CRC-64 agrees: the likely MD5 is none.
        self._md5_refuted = True
        return self._restart(changed=True)

    def _mismatch(self, kind: str) -> Step:
        """Start over: the content that was read is not what the source describes."""
        before, self._misread = self._misread, self._parts.plain_crc64(self._source_crc64)
        by_etag = is_etag_check(self._checks, kind, self.obj.fingerprint.etag)
        failure = mismatch_failure(kind, agrees=by_etag and 0 <= before == self._misread)
        if self._can_restart(failure):
            return self._restart(changed=True)
        self._failure = failure
        return self._failed_when_idle()

    def _can_look_again(self, failure: Failure) -> bool:
        """Return whether to list the parts on COS, and to send only the missing ones."""
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
        """Start over; `gone`: COS no longer has the upload."""
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
        """Continue after the abort of an outdated upload; return its save point."""
        outdated = self._outdated
        self._outdated, self._stale = None, ""
        self._phase = Phase.STAT if self._restarts else self._first_phase()
        return outdated
