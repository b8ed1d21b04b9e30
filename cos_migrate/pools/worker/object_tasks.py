"""Tasks that concern a whole object: PUT, HEAD and comparison."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from functools import partial

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.envelope import is_encrypted, plain_length
from cos_migrate.errors import GONE_CODES, SourceChanged, SourceError
from cos_migrate.model import Fingerprint, RestoreState, SourceObject
from cos_migrate.pools.results import Comparison, Content, SourceHead, Spooled
from cos_migrate.pools.tasks import (
    CompareObject,
    HeadSource,
    LookAtRestore,
    PutObject,
    RequestListing,
    RestoreObject,
    Stat,
    source_object,
)
from cos_migrate.pools.worker.bodies import Bodies, Body
from cos_migrate.pools.worker.sending import CHANGED_TRIES, Sending
from cos_migrate.pools.worker.tagging import send_tagged
from cos_migrate.pools.worker.task_context import TaskContext
from cos_migrate.sources.base import Source

"""Codes of a source that does not have an object any more."""


class ObjectTasks:
    """Carries out tasks about one object: PutObject, CompareObject, questions to the source."""

    def __init__(self, source: Source, client: CosClient, bodies: Bodies, sending: Sending) -> None:
        self._source = source
        self._client = client
        self._bodies = bodies
        self._sending = sending

    def put_object(self, task: PutObject, context: TaskContext) -> Content:
        """Send an object by one request."""
        name, size, mtime_ns, etag, is_folder, cos_path, skip_if = task
        obj = source_object(name, size, mtime_ns, etag, is_folder=is_folder)

        def send(obj: SourceObject) -> Content:
            with self._body(obj, context) as body:
                if isinstance(body, Spooled):
                    return body
                payload, headers, (_, mtime_ns, etag) = body
                upload = partial(self._client.upload_object, cos_path, payload)
                stored = send_tagged(
                    lambda sent: upload(sent, context.take_error()), headers, context.warn
                )
                size = payload.size
            request_id, unverified = stored.request_id, stored.unverified
            return (request_id, unverified, stored.crc64, size, mtime_ns, etag, stored.etag)

        return self._sending.send_unless_on_cos(obj, cos_path, skip_if, send)

    def _body(
        self, obj: SourceObject, context: TaskContext
    ) -> AbstractContextManager[Body | Spooled]:
        read = context.take_body()
        if read:
            return contextlib.nullcontext(read)
        return self._bodies.whole(obj, context.report_progress, context.warn)

    def stat(self, task: Stat, _: TaskContext) -> Fingerprint:
        """Ask the source for the present fingerprint of an object."""
        return self._bodies.stat(task.obj).fingerprint

    def head_source(self, task: HeadSource, _: TaskContext) -> SourceHead:
        """Ask the source about an object that was listed without its size."""
        described = self._bodies.describe_latest(task.obj)
        return SourceHead(described.fingerprint, described.storage_class)

    def look_at_restore(self, task: LookAtRestore, _: TaskContext) -> RestoreState:
        """Ask the source whether an archived object can be read."""
        return self._bodies.look_at_restore(task.obj)

    def restore(self, task: RestoreObject, _: TaskContext) -> RestoreState:
        """Ask the source to restore an archived object, unless a look shows that none is needed."""
        obj, storage_class, tier, days = task
        if not storage_class:
            state = self._bodies.look_at_restore(obj)
            if state.readable or state.pending:
                return state
            storage_class = state.storage_class
        rule = self._source.restore_rules[storage_class]
        tier, days = rule.nearest_tier(tier), min(days, rule.days_most)
        state = self._bodies.request_restore(obj, storage_class, tier, days)
        return state._replace(requested=True)

    def request_listing(self, _task: RequestListing, _context: TaskContext) -> None:
        """Ask the source for one page of its listing."""
        self._bodies.request_listing()

    def compare(self, task: CompareObject, _: TaskContext) -> Comparison:
        """Ask COS, and the source where that is wanted, about a recorded object."""
        size, crc64 = self._content(task.obj) if task.asks_source else (-1, -1)
        head = self._client.head_object(task.cos_path)
        if head is None:
            return Comparison(
                cos_size=-1,
                cos_crc64=-1,
                is_encrypted=False,
                source_size=size,
                source_crc64=crc64,
                request_id="",
            )
        return Comparison(
            cos_size=plain_length(head.headers, head.size),
            cos_crc64=-1 if head.crc64 is None else head.crc64,
            is_encrypted=is_encrypted(head.headers),
            source_size=size,
            source_crc64=crc64,
            request_id=head.request_id,
            cos_etag=head.etag,
        )

    def _content(self, obj: SourceObject) -> tuple[int, int]:
        """Return the size and CRC-64 of a recorded object as it is now, -1 where it is gone."""
        try:
            for attempt in range(1, CHANGED_TRIES + 1):
                if self._source.is_local:
                    obj = self._source.stat(obj)
                try:
                    return obj.fingerprint.size, self._bodies.checksum(obj)
                except SourceChanged:
                    # A cloud has another version than was migrated: the record has to do.
                    if not self._source.is_local:
                        return -1, -1
                    if attempt == CHANGED_TRIES:
                        raise
        except SourceError as error:
            if error.code in GONE_CODES or error.status == 404:  # noqa: PLR2004 - HTTP
                return -1, -1
            raise
        raise AssertionError  # the loop returns or raises
