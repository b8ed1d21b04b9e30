"""Requests the next part of a thread while COS's answer to the present one is awaited."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cos_migrate.pools.tasks import NumberedTask, TaskKind, UploadPart
from cos_migrate.pools.worker.thread_pool import Taker

if TYPE_CHECKING:
    from cos_migrate.sources.requests_ahead import RangesAhead

_UPLOAD_PART = int(TaskKind.UPLOAD_PART)


class PartAhead:
    """`NextBody` of one thread that streams parts from a source over the network."""

    def __init__(self, ranges: RangesAhead, take: Taker[NumberedTask]) -> None:
        """`take` has the tasks of the thread."""
        self._ranges = ranges
        self._take = take

    def begin(self) -> None:
        """Reserve the next part, and request it."""
        task = self._take.reserve(_is_streamed)
        if task is None:
            return
        _, _, part = task
        assert isinstance(part, UploadPart)  # noqa: S101 - by its kind
        with contextlib.suppress(Exception):  # its own turn meets the error again and judges it
            self._ranges.begin(part.obj, part.offset, part.length)

    def drop(self) -> None:
        """Give the reserved part back, for other threads, and drop its request."""
        if self._take.give_back():
            self._ranges.drop()


def _is_streamed(task: NumberedTask) -> bool:
    _, kind, part = task
    return kind == _UPLOAD_PART and isinstance(part, UploadPart) and not part.obj.spooled
