"""The `[migrateUpyun]` section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cos_migrate.config import legal, values
from cos_migrate.config.cloud import CloudAccess, service_address_option
from cos_migrate.config.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class UpyunConfig(CloudAccess):
    """The `[migrateUpyun]` section: a service of Upyun, an operator and its password."""

    public_host: ClassVar[str] = "v0.api.upyun.com"

    end_point: str = service_address_option("endPoint", "private deployment: the API", place=True)
    db_prefix: str = option(
        "dbPrefix",
        help="replaces prefix in the name of the record database",
        default="",
        parse=values.prefix,
        legal=legal.PREFIX,
    )
    compare_md5: bool = option(
        "compareMd5",
        help="keep Upyun's MD5 as x-cos-meta-upyun-etag; it is compared anyway",
        default=False,
        parse=values.on_off,
        legal=legal.ON_OFF,
    )
    acsending_order: bool = option(
        "acsendingOrder",
        help="list in ascending order",
        default=True,
        parse=values.true_false,
        legal=legal.TRUE_FALSE,
    )

    @property
    def listed_prefix(self) -> str:
        """The folder that `prefix` names, ending in `/`; empty: all."""
        return f"{self.prefix.rstrip('/')}/" if self.prefix.strip("/") else ""

    def announcement(self) -> str:
        """Return the Java tool's line about a proxy."""
        return "use proxy" if self.proxy_host else ""
