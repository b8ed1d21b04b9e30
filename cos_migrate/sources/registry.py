"""Which source a `[migrateType] type` names, loading only the one that is asked for."""

from __future__ import annotations

import importlib
from typing import cast

from cos_migrate.sources.base import Source

_MODULES = {
    "migrateAli": ("cos_migrate.sources.aliyun", "AliyunSource"),
    "migrateAws": ("cos_migrate.sources.aws", "AwsSource"),
    "migrateCsp": ("cos_migrate.sources.csp", "CspSource"),
    "migrateLocal": ("cos_migrate.sources.local", "LocalSource"),
    "migrateQiniu": ("cos_migrate.sources.qiniu", "QiniuSource"),
    "migrateUpyun": ("cos_migrate.sources.upyun", "UpyunSource"),
    "migrateUrl": ("cos_migrate.sources.url_list", "UrlListSource"),
    "migrateBucketCopy": ("cos_migrate.sources.cos_bucket", "CosBucketSource"),
}


def find(migrate_type: str) -> type[Source]:
    """Return the source class of a type, which is that of a section."""
    module, name = _MODULES[migrate_type]
    return cast("type[Source]", getattr(importlib.import_module(module), name))


def available() -> tuple[str, ...]:
    """Return the types that `find` knows."""
    return tuple(_MODULES)
