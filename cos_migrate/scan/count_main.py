"""The program of a counting process: walks a source once, and sends how much there is.

Started as `python -m cos_migrate.scan.count_main`; it exits when the coordinator is gone. It takes
the processor only where nothing else wants it, and a fifth of the disk's time at most.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from cos_migrate.processes import coordinator_pipes
from cos_migrate.processes.frames import FrameReader, FrameWriter

if TYPE_CHECKING:
    from cos_migrate.scan.ahead_count import Counted
    from cos_migrate.sources.recipe import SourceRecipe

_LOWEST = 19
"""Priority of a process that others are to take precedence over."""
_BATCH = 512
"""Objects between two looks at the time."""
_SEND_EVERY = 0.5
"""Seconds between two frames."""
_REST = 4.0
"""Seconds of rest for each second that the disk was waited for."""


def main() -> None:
    """Count, send the totals, and end."""
    incoming, outgoing = coordinator_pipes.take_over()
    with contextlib.suppress(OSError, AttributeError):  # Windows has no such priority
        os.nice(_LOWEST)
    recipes: FrameReader[SourceRecipe] = FrameReader(incoming)
    writer: FrameWriter[Counted] = FrameWriter(outgoing)
    try:
        recipe = recipes.read()
    except EOFError:
        os._exit(1)

    def end_with_coordinator() -> None:
        with contextlib.suppress(EOFError, OSError):
            recipes.read()
        os._exit(1)

    threading.Thread(target=end_with_coordinator, daemon=True).start()
    try:
        count(recipe, writer.write)
    except OSError:
        os._exit(1)
    os._exit(0)


def count(recipe: SourceRecipe, send: Callable[[Counted], None]) -> None:
    """Walk the source of a recipe and send how much there is, now and then and at the end."""
    from cos_migrate.filters import Filters  # noqa: PLC0415 - while the recipe is on its way
    from cos_migrate.model import count_and_size  # noqa: PLC0415 - as above
    from cos_migrate.scan.ahead_count import Counted  # noqa: PLC0415 - as above

    source = recipe.build()
    filters = Filters(recipe.filters, source.is_empty, describes_first=source.describes_first)
    items = source.scan_rows(filters.reason_against_folder)
    objects = size = 0
    sent = time.monotonic()
    idle = _idle_seconds()
    while found := list(islice(items, _BATCH)):
        if filters:
            found = filters.replace_rejected(found)
        more, bytes_more = count_and_size(found)
        objects, size = objects + more, size + bytes_more
        now = time.monotonic()
        if now - sent > _SEND_EVERY:
            sent = now
            send(Counted(objects, size, is_complete=False))
        waited = _idle_seconds() - idle
        if waited > 0:
            time.sleep(waited * _REST)
        idle = _idle_seconds()
    send(Counted(objects, size, is_complete=True))


def _idle_seconds() -> float:
    """Return a growing number of seconds in which this thread neither ran nor could have run."""
    ready = 0.0
    with (
        contextlib.suppress(OSError, ValueError, IndexError),  # Linux only
        open("/proc/thread-self/schedstat", encoding="ascii") as facts,
    ):
        ready = int(facts.read().split()[1]) / 1e9
    return time.monotonic() - time.thread_time() - ready


if __name__ == "__main__":
    main()
