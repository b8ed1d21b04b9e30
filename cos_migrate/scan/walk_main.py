"""The program of a scan process: sends batches, as many as the coordinator allows.

Started as `python -m cos_migrate.scan.walk_main`; it exits when the coordinator is gone.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from cos_migrate.processes import coordinator_pipes
from cos_migrate.processes.frames import FrameReader, FrameWriter

if TYPE_CHECKING:
    from cos_migrate.model import Found, Row
    from cos_migrate.sources.recipe import SourceRecipe


def main() -> None:
    """Scan until the coordinator ends this process."""
    incoming, outgoing = coordinator_pipes.take_over()
    gc.disable()  # as a worker does
    from cos_migrate.scan.base import ScanEnded, Scanned  # noqa: PLC0415 - as above
    from cos_migrate.scan.walk import WalkThread  # noqa: PLC0415 - as above

    sending = threading.Lock()
    writer: FrameWriter[Sequence[Found | Row] | ScanEnded | None] = FrameWriter(outgoing)

    def send(value: Sequence[Found | Row] | ScanEnded | None) -> None:
        try:
            with sending:
                writer.write(value)
        except OSError:
            os._exit(1)

    def post(event: Scanned | ScanEnded) -> None:
        send(event.found if isinstance(event, Scanned) else event)

    def beat() -> None:
        while True:
            time.sleep(coordinator_pipes.HEARTBEAT_SECONDS)
            send(None)

    try:
        recipes: FrameReader[SourceRecipe] = FrameReader(incoming)
        recipe = recipes.read()
        gc.enable()
        threading.Thread(target=beat, daemon=True).start()
        scanner = WalkThread(_scan_of(recipe), post, turns=False)
        scanner.start()
        batches: FrameReader[int] = FrameReader(incoming)
        while True:
            scanner.allow_more(batches.read())
    except EOFError:
        os._exit(1)


def _scan_of(recipe: SourceRecipe) -> Callable[[], Iterator[Found | Row]]:
    scan = recipe.build().scan_rows
    if not recipe.filters.are_set:
        return scan
    from cos_migrate.filters import Filters  # noqa: PLC0415 - few walks need it

    return partial(scan, Filters(recipe.filters).reason_against_folder)


if __name__ == "__main__":
    main()
