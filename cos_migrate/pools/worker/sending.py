"""Steps that sending and copying an object share: a HEAD of COS first, and changed objects."""

from __future__ import annotations

import re
from collections.abc import Callable

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.envelope import is_encrypted
from cos_migrate.cos.verify import ObjectHead
from cos_migrate.errors import Code, SourceChanged, SourceError
from cos_migrate.http.dates import NANO, parse_date
from cos_migrate.model import SourceObject
from cos_migrate.pools.results import Content, TargetExists
from cos_migrate.pools.tasks import HeadTarget, SkipIf
from cos_migrate.pools.worker.bodies import Bodies
from cos_migrate.pools.worker.task_context import TaskContext
from cos_migrate.sources.base import Source
from cos_migrate.sources.mismatches import CONTRADICTORY_CHANGE

_MD5 = re.compile("[0-9a-f]{32}")
CHANGED_TRIES = 3
"""Tries of an object that changes while it is read."""


class Sending:
    """Sends an object unless COS has it, and again where it changed meanwhile."""

    def __init__(self, source: Source, client: CosClient, bodies: Bodies) -> None:
        self._source = source
        self._client = client
        self._bodies = bodies

    def head_target(self, task: HeadTarget, _: TaskContext) -> TargetExists | None:
        """Look for an object on COS."""
        return self.find_on_cos(*task)

    def find_on_cos(self, obj: SourceObject, cos_path: str, skip_if: int) -> TargetExists | None:
        """Return TargetExists if COS has what `skip_if` asks for, else None."""
        if not skip_if:
            return None
        head = self._client.head_object(cos_path)
        if head is None:
            return None
        if skip_if & SkipIf.NEWER_ON_COS and _is_newer(
            head.last_modified, obj.fingerprint.mtime_ns
        ):
            return TargetExists(is_newer=True)
        skips = skip_if & SkipIf.ON_COS or (
            skip_if & SkipIf.SAME_ON_COS and self._is_same(obj, head)
        )
        return TargetExists(is_newer=False) if skips else None

    def _is_same(self, obj: SourceObject, head: ObjectHead) -> bool:
        """Return whether COS has the same size and, where it states one, the same checksum.

        Where only COS states a CRC-64, equal ETags that are an MD5 count instead.
        """
        if is_encrypted(head.headers) or obj.fingerprint.size != head.size:
            return False
        if head.crc64 is None:
            return True
        etag = obj.fingerprint.etag.lower()
        if _MD5.fullmatch(etag) and etag == head.etag.lower():
            return True
        try:
            return self._bodies.checksum(obj) == head.crc64
        except SourceChanged:
            return False

    def send_unless_on_cos(
        self,
        obj: SourceObject,
        cos_path: str,
        skip_if: int,
        send: Callable[[SourceObject], Content],
    ) -> Content:
        """Call `send`, again where the object changes meanwhile; not if COS has it."""
        found = self.find_on_cos(obj, cos_path, skip_if)
        if found:
            return found
        changed = self._source.is_local
        for attempt in range(1, CHANGED_TRIES + 1):
            try:
                return send(obj)
            except SourceChanged as error:
                if attempt == CHANGED_TRIES:
                    if changed:
                        raise
                    raise SourceError(
                        CONTRADICTORY_CHANGE,
                        operation="GetObject",
                        target=error.target,
                        code=Code.CONTRADICTORY,
                    ) from error
                now = self._bodies.stat(obj)
                changed = changed or now.fingerprint != obj.fingerprint
                obj = now
        raise AssertionError  # the loop returns or raises


def _is_newer(last_modified: str, mtime_ns: int) -> bool:
    """Return whether a Last-Modified (whole seconds) is later than a time of the source."""
    return mtime_ns >= 0 and parse_date(last_modified.encode()) > mtime_ns // NANO
