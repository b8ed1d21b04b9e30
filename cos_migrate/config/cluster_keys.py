"""The keys of `[common]` that spread a job over several machines."""

from __future__ import annotations

from dataclasses import dataclass

from cos_migrate.config.delete_keys import DeleteKeys
from cos_migrate.config.options import option
from cos_migrate.shards import Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKeys(DeleteKeys):
    """The part of `[common]` that spreads a job over several machines."""

    shard: Shard | None = option(
        "shard",
        help="migrate only one of N parts of the job, k/N: the target key decides the part of an "
        "object; nothing: all",
        default=None,
        parse=Shard.parse,
        legal="k/N with 1 <= k <= N, such as 3/16, or nothing",
    )
