"""The keys that all cloud sources share: bucket, credentials, prefix, proxy, time-outs.

Each source declares `endPoint` and the keys of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from cos_migrate.config import legal, values
from cos_migrate.config.access_slips import bucket_in_endpoint, swapped_access_keys
from cos_migrate.config.credential_keys import (
    access_key_option,
    access_secret_option,
    credentials_of,
)
from cos_migrate.config.options import Mistake, Section, option
from cos_migrate.config.proxy_keys import proxy_host_option, proxy_mistakes, proxy_port_option
from cos_migrate.config.values import NO_SECRET, Secret
from cos_migrate.model import Credentials


class ConnectionSettings(NamedTuple):
    """How the servers of a source are reached."""

    connect_ms: int
    """Milliseconds to wait for a connection."""
    silence_ms: int
    """Milliseconds to wait for the source to send something."""
    proxy_host: str
    """Empty: no proxy."""
    proxy_port: int


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class BucketSection(Section):
    """Base class of the configuration sections of sources that are buckets."""

    @property
    def listed_prefix(self) -> str:
        """The beginning of the keys to migrate."""
        raise NotImplementedError

    @property
    def key_file(self) -> str:
        """Path of a file of keys to migrate; empty: the bucket is listed."""
        raise NotImplementedError

    @property
    def inventory_place(self) -> str:
        """The manifest of an inventory to migrate instead of a listing; empty: none."""
        return ""

    def of_other_bucket(self, bucket: str) -> BucketSection:
        """Return this section with another bucket, and without lists of the first one's keys."""
        raise NotImplementedError

    @property
    def connection_settings(self) -> ConnectionSettings | None:
        """How the bucket is reached; None: as COS is."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class CloudAccess(BucketSection):
    """Base class of the sections of clouds that are reached with an access key."""

    batch_keys: ClassVar[tuple[str, ...]] = ("accessKeyId", "accessKeySecret", "bucket", "endPoint")

    public_host: ClassVar[str] = ""
    """The host of the public cloud, where `endPoint` may be blank."""
    id_form: ClassVar[str] = ""
    """Regular expression of all access key ids of the cloud; empty: they have no form."""

    bucket: str = option(
        "bucket",
        help="source bucket",
        parse=values.foreign_bucket,
        legal="the name of the source bucket",
        batch=True,
        place=True,
    )
    access_key_id: Secret = access_key_option()
    access_key_secret: Secret = access_secret_option()
    prefix: str = option(
        "prefix",
        help="migrate only keys that begin with this",
        default="",
        parse=values.prefix,
        legal=legal.PREFIX,
        place=True,
    )
    proxy_host: str = proxy_host_option("the source", access=True)
    proxy_port: int = proxy_port_option(access=True)
    src_https: bool = option(
        "srcHttps",
        help="reach the source over HTTPS",
        default=False,
        parse=values.on_off,
        legal=legal.ON_OFF,
        access=True,
    )
    src_connect_timeout: int = option(
        "srcConnectTimeout",
        help="milliseconds to wait for a connection to the source",
        default=5000,
        parse=values.integer(1, values.MAX_INT, "{} is invalid, srcConnectTimeout must be gt 0"),
        legal=legal.MILLISECONDS,
        access=True,
    )
    src_socket_timeout: int = option(
        "srcSocketTimeout",
        help="milliseconds to wait for the source to send something",
        default=10_000,
        parse=values.integer(1, values.MAX_INT, "{} is invalid, srcSocketTimeout must be gt 0"),
        legal=legal.MILLISECONDS,
        access=True,
    )
    uri_list: str = option(
        "uriList",
        help="file of keys, one a line: migrate these instead of listing the bucket",
        default="",
        parse=values.existing_file,
        legal=legal.FILE,
        path=True,
    )

    @property
    def end_point(self) -> str:
        """The value of `endPoint`, the address of the service; empty: that of the public cloud."""
        raise NotImplementedError

    @property
    def clear_text_host(self) -> str:
        """The host of the service, unless it is reached over TLS."""
        scheme, mark, host = (self.end_point or self.public_host).rpartition("://")
        is_clear = scheme.lower() == "http" if mark else not self.src_https
        return self.proxy_host or host.partition("/")[0] if is_clear else ""

    @property
    def own_token(self) -> Secret:
        """The token of temporary keys, by a key of each cloud's own."""
        return NO_SECRET

    @property
    def own_credentials(self) -> Credentials | None:
        """The keys of the section; None: they are blank."""
        return credentials_of(self.access_key_id, self.access_key_secret, self.own_token)

    @property
    def listed_prefix(self) -> str:
        """The value of `prefix`: the beginning of the keys to migrate."""
        return self.prefix

    @property
    def key_file(self) -> str:
        """The value of `uriList`: the path of a file of keys to migrate."""
        return self.uri_list

    @property
    def connection_settings(self) -> ConnectionSettings:
        """The time-outs and the proxy of the section."""
        return ConnectionSettings(
            self.src_connect_timeout, self.src_socket_timeout, self.proxy_host, self.proxy_port
        )

    @property
    def bucket_address(self) -> tuple[str, str]:
        """The bucket and its endpoint, as the section names them."""
        return self.bucket, self.end_point

    def mistakes(self) -> Iterator[Mistake]:
        """Yield the mistakes that several keys make together."""
        yield from proxy_mistakes(self.proxy_host, self.proxy_port)
        yield from inventory_mistakes(self.inventory_place, self.uri_list, "uriList")
        yield from bucket_in_endpoint(self.end_point, self.bucket)
        yield from swapped_access_keys(self.access_key_id, self.access_key_secret, self.id_form)

    def of_other_bucket(self, bucket: str) -> BucketSection:
        """Return the section with another bucket, and without lists of its keys."""
        return replace(self, bucket=bucket, prefix="", uri_list="")


def inventory_option() -> Any:
    """Declare the key of an inventory."""
    return option(
        "inventory",
        help="manifest of an inventory of the bucket: migrate its rows instead of listing",
        default="",
        parse=values.inventory_place,
        legal="the absolute path of a manifest.json, or bucket://<bucket>/<key> of one; or nothing",
    )


def inventory_mistakes(inventory: str, key_file: str, key: str) -> Iterator[Mistake]:
    """Yield the mistake of an inventory beside a file of keys, which `key` names."""
    if inventory and key_file:
        yield Mistake("inventory", f"{key} names the objects already", f"either it or {key}")


def service_address_option(key: str, help_: str, *, place: bool = False) -> Any:
    """Declare an optional address that replaces the provider's own."""
    return option(
        key,
        help=help_,
        default="",
        parse=values.endpoint,
        legal="host or host:port, with or without http:// or https://; or nothing",
        place=place,
    )
