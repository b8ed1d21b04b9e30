"""The next task of a multipart upload, made from its state."""

from __future__ import annotations

from cos_migrate.engine.upload_state import Phase, UploadState
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


def take_next_task(state: UploadState) -> Task | None:
    """Return the next task and note it in the state; None: there is none for now, or any more."""
    if not state.ready:
        return None
    state.tasks_under_way += 1
    if state.phase is Phase.PARTS:
        return _part_task(state, state.parts.queue.popleft())
    if state.phase is Phase.SPOOL:
        return _fetch_task(state, state.parts.queue.popleft())
    state.answer_pending = True
    return _task_of_phase(state)


def _task_of_phase(state: UploadState) -> Task:
    obj, path, parts = state.obj, state.cos_path, state.parts
    upload = state.save_point or state.outdated
    upload_id = upload.upload_id if upload else ""
    if state.phase is Phase.COMPLETE:
        crc64 = parts.crc64(state.source_crc64)
        return CompleteUpload(path, upload_id, parts.etags, obj.fingerprint.size, crc64)
    tasks: dict[Phase, Task] = {
        Phase.HEAD: HeadTarget(obj, path, state.options.skip_if),
        Phase.RESUME: ListParts(path, upload_id),
        Phase.DIGEST: Digest(obj, state.described),
        Phase.INITIATE: InitiateUpload(
            obj, path, state.described, state.md5, state.envelope, parts.part_size
        ),
        Phase.ABORT: AbortUpload(path, upload_id),
        Phase.STAT: Stat(obj),
    }
    return tasks[state.phase]


def _part_task(state: UploadState, number: int) -> PartTask:
    obj, path, (offset, length) = state.obj, state.cos_path, state.parts.range_of(number)
    save_point = state.save_point
    upload_id = save_point.upload_id if save_point else ""
    if state.copying:
        return CopyPart(obj, path, upload_id, number, offset, length)
    envelope = save_point.envelope if save_point else None
    sums = state.checks, state.crc_kind
    return UploadPart(obj, path, envelope, *sums, upload_id, number, offset, length)


def _fetch_task(state: UploadState, number: int) -> FetchRange:
    offset, length = state.parts.range_of(number)
    if state.in_one_range:
        length = state.obj.fingerprint.size
    return FetchRange(state.obj, state.spool_path, offset, length)
