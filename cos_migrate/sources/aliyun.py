"""The `[migrateAli]` section."""

from __future__ import annotations

from dataclasses import dataclass

from cos_migrate import values
from cos_migrate.cloud_access import CloudAccess
from cos_migrate.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class AliyunConfig(CloudAccess):
    """A bucket of Alibaba Cloud OSS."""

    end_point: str = option(
        "endPoint",
        help="endpoint of the bucket's region",
        parse=values.endpoint,
        legal="a domain such as oss-cn-hangzhou.aliyuncs.com; http://, https:// and a port may "
        "be added",
        batch=True,
    )
