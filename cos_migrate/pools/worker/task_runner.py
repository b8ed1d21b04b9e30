"""Carries out the tasks of one thread, over connections of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.payload import NextBody
from cos_migrate.descriptors import exhaustion_code, retry_while_exhausted
from cos_migrate.errors import Code, MigrateError
from cos_migrate.model import Described, failure_of, unexpected_failure
from cos_migrate.pools.results import (
    DESCRIBED,
    DONE,
    FAILED,
    SPOOLED,
    TARGET_EXISTS,
    UNSTARTED,
    Content,
    Result,
    Spooled,
    TargetExists,
)
from cos_migrate.pools.tasks import NumberedTask, TaskKind
from cos_migrate.pools.worker.bodies import Bodies, Body
from cos_migrate.pools.worker.copy_tasks import CopyTasks
from cos_migrate.pools.worker.object_tasks import ObjectTasks
from cos_migrate.pools.worker.ordered_comparison import OrderedComparisons
from cos_migrate.pools.worker.sending import Sending
from cos_migrate.pools.worker.task_context import TaskContext
from cos_migrate.pools.worker.upload_tasks import UploadTasks
from cos_migrate.sources.base import Source

_OTHER_KINDS: Final[dict[type, int]] = {
    TargetExists: TARGET_EXISTS,
    Spooled: SPOOLED,
    Described: DESCRIBED,
}
"""Kinds of results that are not DONE, by their content."""


class TaskRunner:
    """Carries out tasks one after the other; each ends in exactly one result."""

    def __init__(
        self,
        *,
        source: Source,
        client: CosClient,
        bodies: Bodies,
        comparisons: OrderedComparisons,
        emit: Callable[[Result], None],
        pause: Callable[[float], object] = time.sleep,
        next_body: NextBody | None = None,
    ) -> None:
        """`comparisons`: those of the process; `emit` takes reports that precede a result.

        `next_body`: what the thread begins with once the body of a part is sent; None: nothing.
        `pause` waits for some seconds; it returns something true when the run is stopping.
        """
        self.client = client
        self._emit = emit
        self._pause = pause
        sending = Sending(source, client, bodies)
        objects = ObjectTasks(source, client, bodies, sending)
        copies = CopyTasks(source, client, bodies, sending)
        uploads = UploadTasks(client, bodies, comparisons, next_body)
        # Any: each takes the content of its kind.
        self._carry_out: dict[int, Callable[[Any, TaskContext], Content]] = {
            TaskKind.PUT_OBJECT: objects.put_object,
            TaskKind.HEAD_TARGET: sending.head_target,
            TaskKind.DIGEST: uploads.digest,
            TaskKind.INITIATE_UPLOAD: uploads.initiate,
            TaskKind.LIST_PARTS: uploads.list_parts,
            TaskKind.UPLOAD_PART: uploads.upload_part,
            TaskKind.COMPLETE_UPLOAD: uploads.complete,
            TaskKind.ABORT_UPLOAD: uploads.abort,
            TaskKind.STAT: objects.stat,
            TaskKind.HEAD_SOURCE: objects.head_source,
            TaskKind.COPY_OBJECT: copies.copy_object,
            TaskKind.COPY_PART: copies.copy_part,
            TaskKind.FETCH_RANGE: uploads.fetch_range,
            TaskKind.COMPARE_OBJECT: objects.compare,
            TaskKind.PROBE_UPLOAD: uploads.probe_upload,
            TaskKind.REQUEST_LISTING: objects.request_listing,
            TaskKind.LOOK_AT_RESTORE: objects.look_at_restore,
            TaskKind.RESTORE_OBJECT: objects.restore,
            TaskKind.DELETE_OBJECTS: uploads.delete,
        }

    def run(
        self, task: NumberedTask, error: MigrateError | None = None, body: Body | None = None
    ) -> Result:
        """Carry out one task and return its result.

        `error` and `body`: how a first try made elsewhere failed, and what was read for it.
        """
        number, kind, content = task
        context = TaskContext(number, self._emit, error, body)
        carry_out = partial(self._carry_out[kind], content, context)
        try:
            result = retry_while_exhausted(carry_out, self._make_room)
        except MigrateError as failed:
            if failed.code == Code.STOPPING:
                return (number, UNSTARTED, None)
            return (number, FAILED, failure_of(failed))
        except Exception as unexpected:
            failure = unexpected_failure("transfer", unexpected)
            code = exhaustion_code(unexpected)
            return (number, FAILED, failure._replace(code=code) if code else failure)
        return (number, _OTHER_KINDS.get(type(result), DONE), result)

    def _make_room(self, seconds: float) -> object:
        """Wait for a descriptor, holding none: others may wait for the same."""
        self.client.close()
        return self._pause(seconds)
