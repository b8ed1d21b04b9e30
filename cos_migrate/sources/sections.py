"""The section of each source: what `[migrateType] type` may say, and which keys go with it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cos_migrate.sources.aliyun import AliyunConfig
from cos_migrate.sources.aws import AwsConfig
from cos_migrate.sources.cos_bucket import CosBucketConfig
from cos_migrate.sources.csp import CspConfig
from cos_migrate.sources.local_config import LocalConfig
from cos_migrate.sources.qiniu import QiniuConfig
from cos_migrate.sources.upyun import UpyunConfig
from cos_migrate.sources.url_list import UrlListConfig

SECTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "migrateLocal": LocalConfig,
        "migrateAws": AwsConfig,
        "migrateAli": AliyunConfig,
        "migrateQiniu": QiniuConfig,
        "migrateUpyun": UpyunConfig,
        "migrateUrl": UrlListConfig,
        "migrateBucketCopy": CosBucketConfig,
        "migrateCsp": CspConfig,
    }
)
"""Migrate type, which is also the section's name, to the section's dataclass."""
