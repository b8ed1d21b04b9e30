"""Inside a scheduler or worker on this machine: its order, and its end with the coordinator."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from cos_migrate.pools.cluster import wire
from cos_migrate.pools.cluster.places import PartOrder
from cos_migrate.processes import coordinator_pipes
from cos_migrate.processes.frames import FrameReader, FrameWriter

Announce = Callable[[str], None]
"""Sends a text to the coordinator."""


def serve(work: Callable[[PartOrder, Announce], Coroutine[Any, Any, object]]) -> None:
    """Do the work of a process until it ends, or the coordinator is gone."""
    incoming, outgoing = coordinator_pipes.take_over()
    wire.keep_quiet()
    orders: FrameReader[PartOrder] = FrameReader(incoming)
    answers: FrameWriter[str] = FrameWriter(outgoing)
    try:
        order = orders.read()
    except EOFError:
        return
    watch = threading.Thread(
        target=_end_with_coordinator, args=(incoming.fileno(), order.folder), daemon=True
    )
    watch.start()
    asyncio.run(work(order, answers.write))


def _end_with_coordinator(descriptor: int, folder: str) -> None:
    while os.read(descriptor, 1):
        pass
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
