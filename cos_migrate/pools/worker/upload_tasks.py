"""Tasks that big objects are made of: the steps of a multipart upload."""

from __future__ import annotations

from cos_migrate.checksums import CRC64, Check, PartCrc
from cos_migrate.cos.client import CosClient
from cos_migrate.cos.envelope import envelope_headers, refuse_encrypted
from cos_migrate.cos.payload import NextBody
from cos_migrate.model import Described
from cos_migrate.pools.results import (
    Completed,
    Deleted,
    Digested,
    Initiated,
    ListedParts,
    PartStored,
    picklable,
)
from cos_migrate.pools.tasks import (
    AbortUpload,
    CompleteUpload,
    DeleteObjects,
    Digest,
    FetchRange,
    InitiateUpload,
    ListParts,
    ProbeUpload,
    UploadPart,
)
from cos_migrate.pools.worker.bodies import Bodies, attach_md5
from cos_migrate.pools.worker.ordered_comparison import OrderedComparisons
from cos_migrate.pools.worker.tagging import send_tagged
from cos_migrate.pools.worker.task_context import TaskContext


class UploadTasks:
    """Carries out the tasks of multipart uploads, apart from copies of parts."""

    def __init__(
        self,
        client: CosClient,
        bodies: Bodies,
        comparisons: OrderedComparisons,
        next_body: NextBody | None = None,
    ) -> None:
        """`comparisons`: those of the process; `next_body`: as TaskRunner has it."""
        self._next_body = next_body
        self._client = client
        self._bodies = bodies
        self._comparisons = comparisons

    def digest(self, task: Digest, context: TaskContext) -> Digested:
        """Hash a local or temporary file."""
        md5, described = self._bodies.digest(*task, context.report_progress)
        return Digested(md5, described and picklable(described))

    def initiate(self, task: InitiateUpload, context: TaskContext) -> Initiated | Described:
        """Begin a multipart upload."""
        obj, cos_path, described, md5, envelope, part_size = task
        described = described or self._bodies.describe(obj)
        if md5 is None:
            md5 = described.md5 or described.likely_md5
            if not md5:
                return picklable(described)
        for warning in described.warnings:
            context.warn(warning)
        headers = dict(described.headers)
        if md5:
            attach_md5(headers, md5, context.warn)
        self._bodies.attach_mtime(headers, obj, described, context.warn)
        if envelope:
            refuse_encrypted(headers)
            headers |= envelope_headers(envelope, obj.fingerprint.size, part_size)
        upload_id = send_tagged(
            lambda sent: self._client.initiate(cos_path, sent), list(headers.items()), context.warn
        )
        others = tuple(check for check in described.checks if check.kind != CRC64)
        likely = bool(md5) and not obj.spooled and md5 == described.likely_md5
        if likely:
            others = (Check("MD5", md5),)
        return Initiated(upload_id, described.crc64, others, likely)

    def upload_part(self, task: UploadPart, context: TaskContext) -> PartStored:
        """Send one part."""
        obj, cos_path, envelope, checks, crc_kind, upload_id, number, offset, length = task
        comparison, other = None, PartCrc(crc_kind, offset) if crc_kind else None
        if checks:
            comparison = self._comparisons.of(upload_id, checks, obj.fingerprint.size)
        try:
            content = self._bodies.stream_range(
                obj, offset, length, context.report_progress, comparison or other, self._next_body
            )
            payload = self._bodies.encrypted_part(content, envelope, offset)
            stored = self._client.upload_part(cos_path, upload_id, number, payload)
        except BaseException:
            self._comparisons.end(upload_id)
            raise
        checked = ""
        if comparison:
            comparison.wait(offset + length)
            checked = comparison.result()
            if checked:
                self._comparisons.end(upload_id)
        content_crc64 = content.crc64 if envelope else -1
        other_crc = other.value if other else -1
        return PartStored(stored.etag, stored.crc64, content_crc64, checked, other_crc)

    def fetch_range(self, task: FetchRange, context: TaskContext) -> None:
        """Write a range of the source's object into a temporary file."""
        self._bodies.fetch(*task, context.report_progress)

    def complete(self, task: CompleteUpload, _: TaskContext) -> Completed:
        """Join the parts of an upload."""
        stored = self._client.complete(*task)
        return Completed(stored.request_id, stored.unverified, stored.etag)

    def list_parts(self, task: ListParts, _: TaskContext) -> ListedParts:
        """List the parts that COS has of an upload."""
        from cos_migrate.cos.control import Control  # noqa: PLC0415 - the SDK takes 0.3 s to load

        return ListedParts(Control(self._client.access).list_parts(*task))

    def abort(self, task: AbortUpload, _: TaskContext) -> None:
        """Abort an upload."""
        from cos_migrate.cos.control import Control  # noqa: PLC0415 - the SDK takes 0.3 s to load

        Control(self._client.access).abort(*task)

    def delete(self, task: DeleteObjects, _: TaskContext) -> Deleted:
        """Remove objects."""
        from cos_migrate.cos.control import Control  # noqa: PLC0415 - the SDK takes 0.3 s to load

        return Deleted(tuple(Control(self._client.access).delete(task.cos_paths)))

    def probe_upload(self, task: ProbeUpload, _: TaskContext) -> Initiated:
        """Begin an upload that gets no parts."""
        return Initiated(self._client.initiate(task.cos_path, ()))
