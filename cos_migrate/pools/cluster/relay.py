"""Inside a Dask worker: passes frames between the coordinator and a worker process of the tool.

The process is started here, ends with the connection of its coordinator, and with this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
from typing import Any, Final

from cos_migrate import __version__
from cos_migrate.pools import WORKER_PROGRAM
from cos_migrate.pools.worker.__main__ import PLAIN
from cos_migrate.processes.child import Child
from cos_migrate.processes.frames import framed
from cos_migrate.processes.launcher import start_process

OPERATION: Final = "cos-migrate"
"""The name of the operation that a Dask worker gets."""
KIND_FRAME, KIND_END = 0, 1
"""Kinds of messages to the coordinator: a frame of the process, or how it ended."""


def versions() -> tuple[str, str]:
    """Return the versions that both ends must share: of the tool, and of Python."""
    return __version__, ".".join(platform.python_version_tuple()[:2])


def install(version: str, python: str, dask_worker: Any) -> None:
    """Give a Dask worker the operation that begins a relay. Raises RuntimeError.

    `version`, `python`: those of the coordinator.
    """
    own_version, own_python = versions()
    if version != own_version:
        raise RuntimeError(f"it has version {own_version} of cos-migrate instead of {version}")
    if python != own_python:
        raise RuntimeError(f"it has Python {own_python} instead of {python}")
    dask_worker.handlers[OPERATION] = relay


async def relay(comm: Any) -> None:
    """Relay frames until one end is gone; the first message of the coordinator is the job."""
    loop = asyncio.get_running_loop()
    outgoing: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    def pass_on(kind: int, data: bytes) -> None:
        loop.call_soon_threadsafe(outgoing.put_nowait, (kind, data))

    child: Child[object, bytes] = Child(
        start_process(WORKER_PROGRAM, os.environ, PLAIN),
        on_frame=lambda data: pass_on(KIND_FRAME, data),
        on_loss=lambda reason: pass_on(KIND_END, reason.encode("utf-8", "replace")),
        unpack=bytes,
    )
    sender = asyncio.create_task(_send(comm, outgoing))
    try:
        while True:
            frame = await comm.read()
            child.write_frame(framed(frame))
    except OSError:
        pass  # the coordinator is gone, or does not need the process any more
    finally:
        sender.cancel()
        child.kill()
        comm.abort()


async def _send(comm: Any, outgoing: asyncio.Queue[tuple[int, bytes]]) -> None:
    with contextlib.suppress(OSError):  # the coordinator is gone; `relay` meets it too
        kind = KIND_FRAME
        while kind != KIND_END:
            kind, data = await outgoing.get()
            await comm.write((kind, data))
        await comm.close()
