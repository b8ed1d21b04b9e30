"""Which source a `[migrateType] type` names, loading only the one that is asked for."""

from __future__ import annotations

import importlib
from typing import cast

from cos_migrate.sources.base import Source

_MODULES = {
    "migrateLocal": ("cos_migrate.sources.local.source", "LocalSource"),
    "migrateAws": ("cos_migrate.sources.s3.aws", "AwsSource"),
    "migrateAli": ("cos_migrate.sources.oss.source", "AliyunSource"),
    "migrateQiniu": ("cos_migrate.sources.qiniu.source", "QiniuSource"),
    "migrateUpyun": ("cos_migrate.sources.upyun.source", "UpyunSource"),
    "migrateUrl": ("cos_migrate.sources.url_list.source", "UrlListSource"),
    "migrateBucketCopy": ("cos_migrate.sources.cos_bucket.source", "CosBucketSource"),
    "migrateCsp": ("cos_migrate.sources.s3.csp", "CspSource"),
}


def find(migrate_type: str) -> type[Source]:
    """Return the source class of a type. Raises KeyError for one that there is not."""
    module, name = _MODULES[migrate_type]
    return cast("type[Source]", getattr(importlib.import_module(module), name))


def available() -> tuple[str, ...]:
    """Return the types that `find` knows."""
    return tuple(_MODULES)
