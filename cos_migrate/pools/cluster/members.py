"""The workers of a Dask cluster: found, tried, and given to the pools of a pass.

A thread of the coordinator asks the scheduler every second. A worker that proves that it reaches
both sides is posted as ready; what cannot be used is named.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from cos_migrate.config.cluster_keys import is_loopback
from cos_migrate.errors import MigrateError
from cos_migrate.pools.cluster import wire
from cos_migrate.pools.cluster.channel import ClusterChannel
from cos_migrate.pools.cluster.checks import ChecksMaker, Proof, SeatCheck
from cos_migrate.pools.job import Job
from cos_migrate.pools.worker_handles import PoolsNews
from cos_migrate.text import describe_error, masked, printable

_LOOK_EVERY = 1.0
_ANSWER = 15.0
"""Seconds that the scheduler may take for an answer."""
_LOST_MOST = 20.0
"""Seconds for which a scheduler that was reached before is tried again."""
_EMPTY_MOST = 60.0
"""Seconds for which a run waits for the first worker, or the next one when all are gone."""
_REACH = 15.0
"""Seconds that a Dask worker may take to answer."""
_PROOF = 60.0
"""Seconds that a worker may take to start and to prove that it reaches both sides."""
_TRY_AGAIN = 5.0
"""Seconds until the next try with a worker that was not reached, or is lost."""


class Place(Protocol):
    """Where the scheduler of a cluster is."""

    is_insecure: bool
    """Whether workers on other machines are used without encryption."""

    def begin(self) -> tuple[str, wire.Security]:
        """Return its address and the certificates, once it is there.

        Raises OSError where there is none.
        """
        ...

    def look(self) -> None:
        """Keep what belongs to it going; called every second."""
        ...


class PassOrder(NamedTuple):
    """What the workers of a pass get and prove, and where to post news of them."""

    job: Callable[[], Job]
    """Returns the job with the present credentials."""
    checks: ChecksMaker
    post: Callable[[PoolsNews], None]
    seat: Callable[[ClusterChannel], None]
    """Takes a worker that can be used; called in the thread of the engine."""


class Members:
    """The workers of one pass."""

    def __init__(self, place: Place, order: PassOrder) -> None:
        self._place = place
        self._order = order
        self._checks: tuple[SeatCheck, ...] = ()
        self._security = wire.Security()
        self._refused: set[str] = set()
        """Addresses of workers that are not tried again."""
        self._unreached: set[str] = set()
        """Addresses of workers that are named already."""
        self._next_try: dict[str, float] = {}
        self._channels: dict[str, ClusterChannel] = {}
        """Those that are tried, or in use."""
        self._serving: set[asyncio.Task[None]] = set()
        self._is_first_look = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)

    def begin(self) -> None:
        """Start to look for workers; what comes of it is posted."""
        self._thread.start()

    def close(self) -> None:
        """Stop to look; the channels that are not in use are closed, too."""
        self._is_closed = True
        if self._loop:
            with contextlib.suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(_LOOK_EVERY)

    def _run(self) -> None:
        wire.keep_quiet()
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._is_closed:
            return
        try:
            address, self._security = await asyncio.to_thread(self._place.begin)
            self._checks = await asyncio.to_thread(self._order.checks)
            await self._look_on(address)
        except Exception as error:
            is_explained = isinstance(error, (OSError, wire.Refused, MigrateError))
            text = printable(masked(str(error)) if is_explained else describe_error(error))
            self._order.post(PoolsNews(end=f"the Dask cluster cannot be used: {text}"))
        finally:
            await self._closing.wait()  # the workers go on until the pools close them
            for channel in self._channels.values():
                channel.kill()
            if self._serving:
                await asyncio.wait(self._serving, timeout=_LOOK_EVERY)

    async def _look_on(self, address: str) -> None:
        scheduler = await wire.connect(address, self._security)
        answered = filled = time.monotonic()
        while not self._closing.is_set():
            workers: dict[str, str] | None = None
            try:
                if scheduler is None:
                    scheduler = await wire.connect(address, self._security)
                workers = await asyncio.wait_for(wire.find_workers(scheduler), _ANSWER)
                answered = time.monotonic()
            except (OSError, asyncio.TimeoutError) as error:
                scheduler = None
                if time.monotonic() - answered > _LOST_MOST:
                    raise OSError(f"the scheduler {address} is lost: {error}") from error
            if workers is not None:
                await self._admit_new(workers)
            if self._channels:
                filled = time.monotonic()
            elif time.monotonic() - filled > _EMPTY_MOST:
                raise OSError(f"the scheduler {address} has no worker that can be used")
            await asyncio.to_thread(self._place.look)
            await self._pause()
        if scheduler:
            scheduler.abort()

    async def _pause(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closing.wait(), _LOOK_EVERY)

    async def _admit_new(self, workers: dict[str, str]) -> None:
        now = time.monotonic()
        self._refused &= workers.keys()
        new = [
            each
            for each in workers
            if each not in self._channels
            and each not in self._refused
            and self._next_try.get(each, 0.0) <= now
        ]
        if not self._is_first_look:
            for each in new:
                self._serve(self._admit(each, workers[each]))
            return
        if not new:
            return
        self._is_first_look = False
        trials = [self._try(each, workers[each]) for each in new]
        found = await asyncio.gather(*trials)
        problems = [problem for _, problem in found if problem]
        if problems:
            raise OSError("; ".join(problems))
        for channel, _ in found:
            if channel:
                self._ready(channel)

    async def _admit(self, address: str, name: str) -> None:
        channel, problem = await self._try(address, name)
        if channel:
            self._ready(channel)
        elif problem:
            self._refuse(address, problem)

    def _ready(self, channel: ClusterChannel) -> None:
        self._order.post(PoolsNews(act=partial(self._order.seat, channel)))

    def _refuse(self, address: str, problem: str) -> None:
        self._refused.add(address)
        self._order.post(PoolsNews(warning=f"a Dask worker is not used: {problem}"))

    async def _try(self, address: str, name: str) -> tuple[ClusterChannel | None, str]:
        """Try a worker; return it, or what it does not reach, both empty where it is named."""
        channel = self._channels[address] = ClusterChannel(address, name)
        try:
            self._check_encryption(address)
            await asyncio.wait_for(channel.open(self._security, self._order.job()), _REACH)
        except wire.Refused as error:
            del self._channels[address]
            self._refuse(address, f"{channel.name}: {printable(masked(str(error)))}")
            return None, ""
        except (OSError, asyncio.TimeoutError) as error:
            channel.kill()
            self._channels.pop(address, None)
            self._next_try[address] = time.monotonic() + _TRY_AGAIN
            if address not in self._unreached:
                self._unreached.add(address)
                text = printable(masked(str(error))) or "it does not answer"
                warning = f"{channel.name} is not reached, and is tried again: {text}"
                self._order.post(PoolsNews(warning=warning))
            return None, ""
        self._unreached.discard(address)
        self._serve(self._serve_channel(channel))
        try:
            proof = await asyncio.wait_for(channel.prove(self._checks), _PROOF)
        except asyncio.TimeoutError:
            proof = Proof(())
            proof.problem = f"does not show within {_PROOF:g} s that it reaches COS and the source"
        if proof.problem:
            channel.kill()
            return None, f"{channel.name} {proof.problem}"
        for text, do_without in proof.lacks:
            self._order.post(PoolsNews(warning=f"{channel.name} {text}", act=do_without))
        return channel, ""

    def _check_encryption(self, address: str) -> None:
        """Raise `wire.Refused` for a worker that is reached in another way than allowed."""
        if address.startswith("tls://"):
            return
        host, _, _ = address.partition("://")[2].rpartition(":")
        if self._security.cert or not (self._place.is_insecure or is_loopback(host)):
            raise wire.Refused("its connections are not encrypted")

    async def _serve_channel(self, channel: ClusterChannel) -> None:
        try:
            await channel.serve()
        finally:
            if self._channels.get(channel.address) is channel:
                del self._channels[channel.address]
            self._next_try[channel.address] = time.monotonic() + _LOOK_EVERY

    def _serve(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
