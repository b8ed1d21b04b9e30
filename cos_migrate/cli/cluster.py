"""The Dask cluster that a configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cos_migrate.config.common import Common
from cos_migrate.processes.launcher import Launcher

if TYPE_CHECKING:
    from cos_migrate.pools.cluster.members import Place


@contextmanager
def cluster_of(common: Common, launcher: Launcher, *, is_used: bool) -> Iterator[Place | None]:
    """Give the place of the workers until the end of a block; None: on this machine.

    What runs for it on this machine ends with the block. `is_used`: whether the command line asks
    for transfers.
    """
    address = common.cluster
    if address is None or not is_used:
        yield None
        return
    from cos_migrate.pools.cluster.places import GivenPlace, LocalPlace  # noqa: PLC0415 - an extra
    from cos_migrate.pools.cluster.wire import Security  # noqa: PLC0415 - as above

    if not address.local:
        security = Security()
        if address.scheme == "tls":
            security = Security(common.cluster_cert, common.cluster_key, common.cluster_ca)
        yield GivenPlace(str(address), security, is_insecure=common.cluster_insecure)
        return
    place = LocalPlace(address.local, launcher, str(Path(common.tmp_folder).absolute()))
    try:
        yield place
    finally:
        place.close()
