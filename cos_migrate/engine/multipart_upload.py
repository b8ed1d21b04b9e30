"""One multipart upload: how each result of its tasks changes its state. Pure, like the state."""

from __future__ import annotations

from collections.abc import Callable

from cos_migrate.checksums import COMBINED_KINDS, CRC64
from cos_migrate.engine.copying import is_copy_refusal
from cos_migrate.engine.next_task import take_next_task
from cos_migrate.engine.options import UploadOptions
from cos_migrate.engine.upload_state import Phase, UploadState
from cos_migrate.engine.upload_step import NOTHING, UploadStep
from cos_migrate.errors import Code
from cos_migrate.model import (
    Described,
    Envelope,
    Failure,
    Fingerprint,
    PartRecord,
    SavePoint,
    SourceObject,
)
from cos_migrate.pools.results import (
    AGREES,
    Completed,
    Content,
    Digested,
    Initiated,
    ListedParts,
    PartStored,
)
from cos_migrate.pools.tasks import CopyPart, FetchRange, PartTask, Task, UploadPart
from cos_migrate.sources.mismatches import contradictory_failure, is_etag_check, mismatch_failure

_CONTENT_UNUSABLE = frozenset({Code.CHANGED, Code.SOURCE_CHECKSUM_MISMATCH})
"""Codes after which nothing read so far can be used."""
_PARTS_REFUSED = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})
"""Codes of an upload whose parts on COS are not the recorded ones."""
_PARTS_UNUSABLE = _CONTENT_UNUSABLE | _PARTS_REFUSED
_RESTARTS_MOST = 2
"""How often an upload starts over after its object changed or COS lost it."""


class MultipartUpload:
    """A multipart upload, driven by `take_next_task` and the results of its tasks."""

    def __init__(
        self,
        obj: SourceObject,
        cos_path: str,
        options: UploadOptions,
        save_point: SavePoint | None = None,
        upload_id: str = "",
        *,
        new_envelope: Callable[[], Envelope | None] = lambda: None,
    ) -> None:
        """Continue `save_point` if it fits, or a bare `upload_id`; else begin a new upload.

        `new_envelope` makes the envelope of a new upload; None: it is not encrypted.
        """
        self.state = UploadState(
            obj,
            cos_path,
            options,
            save_point=save_point,
            upload_id=upload_id,
            new_envelope=new_envelope,
        )

    def take_next_task(self) -> Task | None:
        """Return the next task and note that it is under way; None: there is none for now."""
        return take_next_task(self.state)

    def use_file(self, path: str) -> UploadStep:
        """Use the temporary file at `path`; empty: there is no room for one."""
        state = self.state
        if path:
            state.spool_path, state.fetched = path, 0
            state.parts.queue_all(1 if state.in_one_range else state.parts.count)
            return NOTHING
        if state.in_one_range:
            state.failure = Failure(
                "spool",
                "the source sends no ranges of it, and it does not fit into tmpFolder",
                code=Code.TMP_FOLDER,
            )
            return self._failed_when_idle()
        state.without_md5 = True
        state.md5 = ""
        state.phase = Phase.INITIATE
        return NOTHING

    def note_progress(self, task: Task, count: int) -> None:
        """Note that `count` bytes of a part were sent so far."""
        if isinstance(task, UploadPart):
            self.state.parts.in_flight[task.number] = count

    def give_back(self, task: Task) -> UploadStep:
        """Take back a task that no worker began."""
        state = self.state
        state.tasks_under_way -= 1
        if isinstance(task, FetchRange):
            if task.path == state.spool_path:
                state.parts.queue.appendleft(task.offset // state.parts.part_size + 1)
        elif not isinstance(task, PartTask):
            state.answer_pending = False
        elif state.is_current(task):
            state.parts.in_flight.pop(task.number, None)
            state.parts.queue.appendleft(task.number)
        return self._failed_when_idle()

    def end_as_existing(self) -> UploadStep:
        """End because COS already has an object at the target path."""
        state = self.state
        state.tasks_under_way -= 1
        state.phase = Phase.OVER
        return UploadStep(abandon=state.outdated or state.save_point)

    def collect_description(self, described: Described) -> None:
        """Go on through a file: no upload was begun, since the source states no MD5."""
        state = self.state
        state.tasks_under_way -= 1
        state.answer_pending = False
        state.described = described
        state.phase = Phase.SPOOL

    def collect(self, task: Task, result: Content) -> UploadStep:
        """Handle the result of a task that is done."""
        state = self.state
        state.tasks_under_way -= 1
        if isinstance(task, PartTask) and isinstance(result, PartStored):
            return self._collect_part(task, result)
        if isinstance(task, FetchRange):
            return self._collect_fetched(task)
        state.answer_pending = False
        if isinstance(result, ListedParts):
            return self._collect_parts_on_cos(result)
        if isinstance(result, Initiated):
            return self._collect_initiated(result)
        if isinstance(result, Completed):
            state.phase = Phase.OVER
            crc64 = state.parts.crc64(state.source_crc64)
            done = (result.request_id, result.unverified, crc64, result.etag)
            return UploadStep(done=done, forget=state.save_point)
        if isinstance(result, Digested):
            state.md5, state.described = result
            state.phase = Phase.INITIATE
        elif isinstance(result, Fingerprint):
            state.unchanged_at_stat = result == state.obj.fingerprint
            state.obj = state.obj._replace(fingerprint=result)
            state.start_over()
        elif state.phase is Phase.ABORT:
            return UploadStep(forget=state.leave_abort())
        elif state.phase is Phase.HEAD:
            state.phase = state.phase_after_head
        return NOTHING

    def _collect_parts_on_cos(self, listed: ListedParts) -> UploadStep:
        state = self.state
        state.parts.keep_confirmed(listed.parts)
        if state.save_point:
            state.save_point = state.save_point._replace(parts=())
        state.enter_parts()
        return UploadStep(begun=state.save_point)

    def _collect_initiated(self, begun: Initiated) -> UploadStep:
        state = self.state
        upload_id, state.source_crc64, checks, state.proves_md5 = begun
        # A CRC can be combined from those of parts read in any order: then it is enough.
        decides = not state.copying and state.source_crc64 < 0
        check = next(iter(checks), None) if decides else None
        if check and (check.kind in COMBINED_KINDS or not state.obj.spooled):
            state.source_check = check
        if state.proves_md5 or (state.source_check and not state.crc_kind):
            state.checks = checks
        state.save_point = state.new_save_point(upload_id, state.source_crc64, check)
        state.enter_parts()
        return UploadStep(begun=state.save_point)

    def _collect_fetched(self, task: FetchRange) -> UploadStep:
        state = self.state
        if task.path == state.spool_path and state.phase is Phase.SPOOL:
            state.fetched += 1
            if state.fetched == (1 if state.in_one_range else state.parts.count):
                state.obj = state.obj._replace(spooled=state.spool_path)
                state.phase = Phase.DIGEST if state.options.md5 else Phase.INITIATE
        return self._failed_when_idle()

    def collect_failure(self, task: Task, failure: Failure) -> UploadStep:
        """Handle the failure of a task: start over where that can help, else end."""
        state = self.state
        state.tasks_under_way -= 1
        if isinstance(task, PartTask):
            if not state.is_current(task):
                return self._failed_when_idle()
            if isinstance(task, CopyPart) and is_copy_refusal(failure):
                state.copying = False
                state.parts.queue.appendleft(task.number)
                return self._failed_when_idle()
        elif isinstance(task, FetchRange):
            if task.path != state.spool_path:
                return self._failed_when_idle()
        else:
            state.answer_pending = False
            if state.phase is Phase.ABORT:
                outdated = state.leave_abort()
                gone = failure.code == Code.NO_SUCH_UPLOAD
                return UploadStep(forget=outdated) if gone else UploadStep(not_aborted=outdated)
        if failure.code == Code.RANGE_IGNORED and not state.in_one_range and not state.failure:
            state.in_one_range = True
            return self._restart(changed=True)
        return self._judge_failure(failure)

    def _judge_failure(self, failure: Failure) -> UploadStep:
        state = self.state
        if _can_list_again(state, failure):
            state.listed_again, state.phase = True, Phase.RESUME
            if state.checked:
                state.checks = ()  # all of it was read in order already
            return NOTHING
        if _can_restart(state, failure):
            changed = failure.code in _PARTS_UNUSABLE
            return self._restart(changed=changed, gone=failure.code == Code.NO_SUCH_UPLOAD)
        if failure.code == Code.CHANGED and state.unchanged_at_stat and not state.options.is_local:
            failure = contradictory_failure(failure)
        state.failure = state.failure or failure
        state.parts.in_flight.clear()
        return self._failed_when_idle()

    def _failed_when_idle(self) -> UploadStep:
        """Return the failure when no task is under way; abandon parts that no later run can use."""
        state = self.state
        if not state.idle or not state.failure:
            return NOTHING
        useless = state.failure.code in _PARTS_UNUSABLE | {Code.ETAG_IS_NO_MD5}
        return UploadStep(abandon=state.save_point if useless else None, failure=state.failure)

    def _collect_part(self, task: PartTask, stored: PartStored) -> UploadStep:
        state = self.state
        if not state.is_current(task):
            return self._failed_when_idle()
        state.parts.in_flight.pop(task.number, None)
        etag, crc64, content_crc64, checked, other_crc = stored
        of_part = task.number, task.offset, task.length, etag
        part = PartRecord(*of_part, crc64, content_crc64, other_crc)
        state.parts.add(part)
        state.checked = state.checked or checked
        state.combine_check()
        if state.failure:
            return self._failed_when_idle()._replace(part=part, save_point=state.save_point)
        if state.parts.complete:
            if state.crc64_differs:
                return self._mismatch(CRC64)
            if state.checked not in {"", AGREES}:
                return self._checksum_differs()
            state.phase = Phase.COMPLETE
        return UploadStep(part=part, save_point=state.save_point)

    def _checksum_differs(self) -> UploadStep:
        state = self.state
        if not state.proves_md5 or state.source_crc64 < 0:
            return self._mismatch(state.checked)
        # The CRC-64 agrees: the likely MD5 is none.
        state.likely_md5_refuted = True
        return self._restart(changed=True)

    def _mismatch(self, kind: str) -> UploadStep:
        """Start over: the content that was read is not what the source describes."""
        state = self.state
        before = state.mismatched_crc64
        state.mismatched_crc64 = state.parts.content_crc64(state.source_crc64)
        by_etag = is_etag_check(state.checks, kind, state.obj.fingerprint.etag)
        failure = mismatch_failure(kind, agrees=by_etag and 0 <= before == state.mismatched_crc64)
        if _can_restart(state, failure):
            return self._restart(changed=True)
        state.failure = failure
        return self._failed_when_idle()

    def _restart(self, *, changed: bool, gone: bool = False) -> UploadStep:
        """Start over; `gone`: COS no longer has the upload."""
        state = self.state
        outdated = state.save_point
        state.restarts += 1
        state.start_over()
        if changed:
            # The parts sent so far belong to a version that is gone.
            state.phase = Phase.STAT
            if outdated:
                state.abort(outdated)
                return NOTHING
        return UploadStep(forget=outdated) if gone else UploadStep(abandon=outdated)


def _can_list_again(state: UploadState, failure: Failure) -> bool:
    """Return whether to list the parts on COS, and to send only the missing ones."""
    return (
        state.phase is Phase.COMPLETE
        and failure.code in _PARTS_REFUSED
        and not state.listed_again
        and not state.failure
    )


def _can_restart(state: UploadState, failure: Failure) -> bool:
    """Return whether an upload that failed starts over."""
    code = failure.code
    if state.failure or state.restarts >= _RESTARTS_MOST:
        return False
    if code in _CONTENT_UNUSABLE and state.came_spooled:
        return False
    if code == Code.NO_SUCH_UPLOAD:
        return state.phase in {Phase.RESUME, Phase.PARTS, Phase.COMPLETE}
    if code == Code.CHECKSUM_MISMATCH or code in _PARTS_REFUSED:
        return state.phase is Phase.COMPLETE
    return code in _CONTENT_UNUSABLE and state.phase is not Phase.STAT
