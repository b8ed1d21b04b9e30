"""The sources by their `[migrateType] type`; each is loaded when it is looked up."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

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
    """Return the source class of a type. Raises KeyError for an unknown type."""
    module, name = _MODULES[migrate_type]
    return cast("type[Source]", getattr(importlib.import_module(module), name))


def available() -> tuple[str, ...]:
    """Return the types that `find` knows."""
    return tuple(_MODULES)


class _Sections(Mapping[str, type[Any]]):
    """Loads a source when its section is looked up."""

    def __getitem__(self, name: str) -> type[Any]:
        return find(name).Config

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


SECTIONS: Mapping[str, type[Any]] = _Sections()
"""Migrate type, which is also the section's name, to the section's dataclass."""
