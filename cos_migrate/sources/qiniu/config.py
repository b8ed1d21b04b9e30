"""The `[migrateQiniu]` section."""

from __future__ import annotations

from dataclasses import dataclass

from cos_migrate.config import legal, values
from cos_migrate.config.cloud import CloudAccess, service_address_option
from cos_migrate.config.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class QiniuConfig(CloudAccess):
    """The `[migrateQiniu]` section: a bucket of Qiniu Kodo, and how to reach it."""

    end_point: str = option(
        "endPoint",
        help="download domain of the bucket",
        parse=values.endpoint,
        legal="a domain such as www.bkt.clouddn.com; http://, https:// and a port may be added",
        batch=True,
        place=True,
    )
    need_sign: bool = option(
        "needSign",
        help="sign download URLs, as private buckets require",
        default=True,
        parse=values.on_off,
        legal=legal.ON_OFF,
    )
    rs_host: str = service_address_option("rsHost", "private deployment: resource management")
    rsf_host: str = service_address_option("rsfHost", "private deployment: listing")
    uc_host: str = service_address_option("ucHost", "private deployment: bucket management")
