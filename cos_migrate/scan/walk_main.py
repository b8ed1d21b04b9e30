"""The process in which a source is scanned: batches leave, and each that was used allows another.

Started as `python -m cos_migrate.scan.walk_main`. When the coordinator is gone, so is this process.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from cos_migrate.pools import frames as wire
from cos_migrate.pools import process_main as parent

if TYPE_CHECKING:
    from cos_migrate.sources.recipe import ScanJob


def main() -> None:
    """Scan until the coordinator has enough."""
    incoming, outgoing = parent.pipes()
    gc.disable()  # as a worker does
    from cos_migrate.scan.walk import ScanEnded, Scanned, Scanner  # noqa: PLC0415 - as above

    sending = threading.Lock()

    def send(value: Any) -> None:
        try:
            with sending:
                wire.send(outgoing, value)
        except OSError:
            os._exit(1)

    def post(event: Scanned | ScanEnded) -> None:
        send(event.found if isinstance(event, Scanned) else event)

    def beat() -> None:
        while True:
            time.sleep(parent.BEAT)
            send(None)

    try:
        job: ScanJob = wire.receive(incoming)
        gc.enable()
        threading.Thread(target=beat, daemon=True).start()
        scanner = Scanner(job.build().scan_rows, post, turns=False)
        scanner.start()
        while True:
            scanner.consumed(wire.receive(incoming))
    except EOFError:
        os._exit(1)


if __name__ == "__main__":
    main()
