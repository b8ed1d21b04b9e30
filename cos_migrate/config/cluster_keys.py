"""The keys of `[common]` that spread a job over several machines."""

from __future__ import annotations

import importlib.util
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cos_migrate.config import values
from cos_migrate.config.delete_keys import DeleteKeys
from cos_migrate.config.options import Mistake, option
from cos_migrate.config.target_access import on_off_option
from cos_migrate.shards import Shard

LOCAL_MOST = 64
"""Workers of a cluster on this machine at most."""
_LOCAL = re.compile("local:([0-9]{1,3})")
_URL = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]@?#]+):([0-9]{1,5})/?")
_PORTS = 1 << 16
_ADDRESSES = (
    f"local:N with N from 1 to {LOCAL_MOST}, tcp://host:port or tls://host:port of a Dask "
    "scheduler, or nothing"
)
_FILE = "the absolute path of an existing file in PEM format, or nothing"


class ClusterAddress(NamedTuple):
    """Where the workers of a Dask cluster are found."""

    local: int = 0
    """How many workers to start on this machine; 0: `host` has a scheduler."""
    scheme: str = "tls"
    """`tcp` or `tls`."""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"local:{self.local}" if self.local else f"{self.scheme}://{self.host}:{self.port}"

    @property
    def most_workers(self) -> int:
        """How many workers are reckoned with where the number of transfers is found by the run."""
        return self.local or LOCAL_MOST

    @property
    def is_exposed(self) -> bool:
        """Whether others could reach it: it is neither encrypted nor on this machine alone."""
        return self.scheme == "tcp" and not is_loopback(self.host)

    @classmethod
    def parse(cls, text: str) -> ClusterAddress:
        """Parse `local:N`, `tcp://host:port` or `tls://host:port`. Raises ValueError."""
        if local := _LOCAL.fullmatch(text):
            if 1 <= int(local[1]) <= LOCAL_MOST:
                return cls(int(local[1]))
        elif (url := _URL.fullmatch(text)) and 0 < int(url[3]) < _PORTS:
            return cls(0, url[1], url[2], int(url[3]))
        raise ValueError(f"{text} is no address of a Dask cluster")


def is_loopback(host: str) -> bool:
    """Return whether a host, with brackets around an IPv6 address, is this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class _ClusterFiles(DeleteKeys):
    """The certificates for a Dask scheduler that is reached by TLS."""

    cluster_cert: str = option(
        "clusterCert",
        help="certificate with which the tool signs in at a tls:// scheduler and its workers",
        default="",
        parse=values.existing_file,
        legal=_FILE,
        path=True,
    )
    cluster_key: str = option(
        "clusterKey",
        help="private key of clusterCert",
        default="",
        parse=values.existing_file,
        legal=_FILE,
        path=True,
    )
    cluster_ca: str = option(
        "clusterCa",
        help="certificate of the authority that has signed those of scheduler and workers",
        default="",
        parse=values.existing_file,
        legal=_FILE,
        path=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKeys(_ClusterFiles):
    """The part of `[common]` that spreads a job over several machines."""

    cluster: ClusterAddress | None = option(
        "cluster",
        help="Dask cluster whose workers make the transfers: that of a scheduler, or one of N "
        "processes on this machine; nothing: worker processes of the tool's own",
        default=None,
        parse=ClusterAddress.parse,
        legal=_ADDRESSES,
    )
    cluster_insecure: bool = on_off_option(
        "clusterInsecure", "use a tcp:// scheduler on another machine, without encryption"
    )
    shard: Shard | None = option(
        "shard",
        help="migrate only one of N parts of the job, k/N: the target key decides the part of an "
        "object; nothing: all",
        default=None,
        parse=Shard.parse,
        legal="k/N with 1 <= k <= N, such as 3/16, or nothing",
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Yield the mistakes that the keys of a cluster make together."""
        # No super(): with slots=True it refers to the class before slots were added.
        yield from DeleteKeys.mistakes(self)
        if self.cluster is None:
            return
        if importlib.util.find_spec("distributed") is None:
            text = f"cluster={self.cluster} needs the extra cluster"
            yield Mistake("cluster", text, "start the tool with --install cluster once")
        if self.cluster.is_exposed and not self.cluster_insecure:
            text = (
                f"cluster={self.cluster} is not encrypted: whoever reaches the scheduler or a "
                "worker reads the credentials and runs code there"
            )
            yield Mistake("cluster", text, "tls://host:port, or clusterInsecure=on")
        if self.cluster.local or self.cluster.scheme == "tcp":
            return
        files = {
            "clusterCert": self.cluster_cert,
            "clusterKey": self.cluster_key,
            "clusterCa": self.cluster_ca,
        }
        for key, path in files.items():
            if not path:
                yield Mistake(key, f"{key} is required for cluster={self.cluster}", _FILE)
