"""A Dask worker on this machine, for one coordinator."""

from __future__ import annotations

import distributed

from cos_migrate.pools.cluster.local_part import Announce, serve
from cos_migrate.pools.cluster.places import PartOrder


async def _work(order: PartOrder, _announce: Announce) -> None:
    async with distributed.Worker(
        order.scheduler,
        host="127.0.0.1",
        protocol="tls",
        security=order.security.of_dask(),
        name=order.name,
        nthreads=1,
        memory_limit=0,
        dashboard=False,
        local_directory=order.folder,
    ) as worker:
        await worker.finished()


if __name__ == "__main__":
    serve(_work)
