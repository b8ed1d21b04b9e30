"""The recipe from which other processes build a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cos_migrate.config.filter_settings import FilterSettings
from cos_migrate.config.options import Section
from cos_migrate.config.storage_class_map import StorageClassMap
from cos_migrate.model import Credentials, Target
from cos_migrate.sources.base import Source, SourceOptions

if TYPE_CHECKING:
    from cos_migrate.config.common import Common
    from cos_migrate.http.routes import Proxy


class SourceRecipe(NamedTuple):
    """Class and arguments of a source; can be pickled."""

    source: type[Source]
    config: Section
    target: Target
    options: SourceOptions
    filters: FilterSettings
    """The objects that a walk of it leaves out."""

    @classmethod
    def of(cls, source: type[Source], config: Section, common: Common) -> SourceRecipe:
        """Return the recipe of a configured source."""
        filters = common.filters_with(config)
        options = source_options(common)
        if not source.states_storage_class:
            options = options._replace(storage_classes=None)
        if not source.restore_rules:
            options = options._replace(restores=False)
        return cls(source, config, target_of(common), options, filters)

    def with_credentials(self, credentials: Credentials | None) -> SourceRecipe:
        """Return the recipe with other credentials to begin with."""
        return self._replace(options=self.options._replace(credentials=credentials))

    def build(self) -> Source:
        """Return a new source."""
        return self.source(self.config, self.target, self.options)


def target_of(common: Common) -> Target:
    """Return the target that `[common]` names."""
    return Target(common.bucket_name, common.region, common.cos_path)


def source_options(common: Common) -> SourceOptions:
    """Return the values of `[common]` that sources use."""
    return SourceOptions(
        ca_file=common.ca_file,
        request_timeout=request_limit(common),
        copy_acl=common.copy_acl,
        times=bool(common.modified_after or common.modified_before or common.copy_mtime),
        db_cos_path=common.db_cos_path,
        https=common.https,
        proxy=proxy_of(common),
        restores=bool(common.restore_archived),
        copy_tags=common.copy_tags,
        copy_mtime=common.copy_mtime,
        storage_classes=_storage_classes(common),
    )


def _storage_classes(common: Common) -> StorageClassMap | None:
    if not common.storage_class_map:
        return None
    return StorageClassMap(common.storage_class_map, common.storage_class)


def proxy_of(common: Common) -> Proxy | None:
    """Return the proxy of requests to COS."""
    if not common.proxy_host:
        return None
    from cos_migrate.http.routes import Proxy  # noqa: PLC0415 - a scan of files needs no network

    return Proxy.of(
        common.proxy_host, common.proxy_port, common.proxy_user, common.proxy_password.reveal()
    )


def request_limit(common: Common) -> float:
    """Return the limit for one whole request in seconds, 0 for none."""
    return common.request_timeout_ms / 1000 if common.request_timeout_enable else 0.0
