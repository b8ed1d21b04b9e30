"""A Dask scheduler on this machine, for the workers of one coordinator."""

from __future__ import annotations

import distributed

from cos_migrate.pools.cluster.local_part import Announce, serve
from cos_migrate.pools.cluster.places import PartOrder


async def _work(order: PartOrder, announce: Announce) -> None:
    async with distributed.Scheduler(
        host="127.0.0.1",
        protocol="tls",
        security=order.security.of_dask(),
        dashboard=False,
    ) as scheduler:
        announce(scheduler.address)
        await scheduler.finished()


if __name__ == "__main__":
    serve(_work)
