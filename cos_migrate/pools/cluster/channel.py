"""The connection of the coordinator to one Dask worker: commands out, results in."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from cos_migrate.http.pacing import Units
from cos_migrate.pools import plain_results
from cos_migrate.pools.cluster import relay, wire
from cos_migrate.pools.cluster.checks import Proof, SeatCheck
from cos_migrate.pools.job import Job
from cos_migrate.pools.results import Result
from cos_migrate.pools.worker.commands import Close, Command, KeepAlive, Submit
from cos_migrate.pools.worker_handles import Post, WorkerLost, WorkerResults
from cos_migrate.processes.frames import pickled
from cos_migrate.text import masked, printable

_KEEP_ALIVE = 10.0
"""Seconds from one sign of life of the coordinator to the next; see `worker.__main__`."""
_ABORTED = 1.0
"""Seconds that are waited for the end of an aborted connection."""


class Seat(NamedTuple):
    """The place of a worker among those of the pools."""

    place: int
    generation: int
    post: Post
    asked: Callable[[Units], None]
    """Takes what the worker asks of limits."""


class ClusterChannel:
    """A worker on a Dask worker; a `WorkerHandle` once it has a seat.

    Its coroutines run in the loop of `Members`, all other methods in any thread.
    """

    def __init__(self, address: str, name: str) -> None:
        self.address = address
        self.name = f"Dask worker {printable(name)}"
        if name != address:
            self.name += f" ({address})"
        self.heartbeats = 0
        self._loop = asyncio.get_running_loop()
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._comm: Any = None
        self._proof = Proof(())
        self._changed = asyncio.Event()
        self._seating = threading.Lock()
        self._seat: Seat | None = None
        self._lost_by = ""
        """Why it has ended unexpectedly; empty: it has not."""
        self._closing = False
        self._ended = threading.Event()

    async def open(self, security: wire.Security, job: Job) -> None:
        """Begin a worker. Raises OSError when it is not reached, `wire.Refused` when it refuses."""
        self._comm = await wire.connect(self.address, security)
        try:
            await wire.run(self._comm, relay.install, *relay.versions())
            await self._comm.write({"op": relay.OPERATION, "reply": False})
            await self._comm.write(pickled(job))
        except BaseException:
            self._comm.abort()
            raise

    async def prove(self, checks: tuple[SeatCheck, ...]) -> Proof:
        """Carry out the checks; return what came of them. `serve` has to run."""
        proof = self._proof = Proof(checks)
        if checks:
            self.send(Submit(proof.tasks))
        while not proof.is_complete:
            if self._ended.is_set():
                proof.problem = f"has ended: {self._lost_by}"
                break
            self._changed.clear()
            await self._changed.wait()
        return proof

    async def serve(self) -> None:
        """Exchange commands and results until the worker ends."""
        tasks = [asyncio.create_task(each) for each in (self._send(), self._keep_alive())]
        reason = "the connection was lost"
        try:
            while True:
                kind, data = await self._comm.read()
                if kind == relay.KIND_END:
                    reason = masked(bytes(data).decode("utf-8", "replace"))
                    break
                self.heartbeats += 1
                self._take(plain_results.decode(data))
        except OSError as error:
            if str(error):
                reason = f"the connection was lost: {masked(str(error))}"
        except (ValueError, TypeError) as error:
            reason = f"it sent what is no result: {error}"
        finally:
            for task in tasks:
                task.cancel()
            self._comm.abort()
            self._end(printable(reason))

    def _take(self, frame: list[Result] | Units | None) -> None:
        seat = self._seat
        if isinstance(frame, Units):
            if seat:
                seat.asked(frame)
        elif frame and seat:
            seat.post(WorkerResults(seat.place, frame))
        elif frame:
            for result in frame:
                self._proof.note(result)
            self._changed.set()

    async def _send(self) -> None:
        with contextlib.suppress(OSError):  # `serve` meets it too
            while True:
                await self._comm.write(await self._outgoing.get())

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_ALIVE)
            self._outgoing.put_nowait(pickled(KeepAlive()))

    def _end(self, reason: str) -> None:
        with self._seating:
            self._lost_by = reason
            seat = self._seat
            self._ended.set()
        self._changed.set()
        if seat and not self._closing:
            seat.post(WorkerLost(seat.place, seat.generation, f"{self.name}: {reason}"))

    def take_seat(self, seat: Seat) -> None:
        """Post results and the loss of the worker from now on."""
        with self._seating:
            self._seat = seat
            has_ended = self._ended.is_set()
        if has_ended:
            seat.post(WorkerLost(seat.place, seat.generation, f"{self.name}: {self._lost_by}"))

    def send(self, command: Command | Close) -> None:
        """Send a command without waiting; the loss of the worker is posted."""
        frame = pickled(command)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._outgoing.put_nowait, frame)

    def end(self) -> None:
        """Let the worker finish its tasks and end."""
        self._closing = True
        self.send(Close())

    def kill(self) -> None:
        """End the worker at once."""
        self._closing = True
        with contextlib.suppress(RuntimeError):  # as above
            self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        if self._comm is not None:
            self._comm.abort()

    def close(self, deadline: float) -> None:
        """Wait for the worker's end until time.monotonic() is `deadline`, then end it."""
        if not self._ended.wait(max(0.0, deadline - time.monotonic())):
            self.kill()
            self._ended.wait(_ABORTED)
