"""Makes the settings of a run from its configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cos_migrate.config.common import Common
from cos_migrate.config.credential_keys import ineffective_chain_keys
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.cos.settings import CosSettings
from cos_migrate.engine.billing import LeastBilled
from cos_migrate.engine.credential_keeper import CredentialKeeper
from cos_migrate.engine.options import MigrationOptions, RestoreOptions, UploadOptions
from cos_migrate.engine.rules import PlanOptions
from cos_migrate.engine.spot_check import SpotCheckMaker
from cos_migrate.engine.tuning import AutoPools
from cos_migrate.errors import ConfigError
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Credentials
from cos_migrate.pools.tasks import SkipIf
from cos_migrate.shards import Shard
from cos_migrate.sources.base import Source
from cos_migrate.sources.recipe import proxy_of, request_limit

_BILLED_LARGE = frozenset(
    {
        "STANDARD_IA",
        "ARCHIVE",
        "DEEP_ARCHIVE",
        "MAZ_STANDARD_IA",
        "MAZ_ARCHIVE",
        "MAZ_DEEP_ARCHIVE",
    }
)
_LEAST_BILLED = 64 << 10
"""Bytes that these classes bill at least for an object (COS pricing documentation)."""

_SKIP_IF = {"false": SkipIf.NEVER, "true": SkipIf.ON_COS, "same": SkipIf.SAME_ON_COS}
"""By the value of skipSamePath."""


class JobPlace(NamedTuple):
    """The database and name of a job; the same configuration always has the same."""

    database: Path
    name: str
    """Short and unique: part of the names of the job's own files."""

    @classmethod
    def of(
        cls, folder: Path, source: Source, task: str = "", shard: Shard | None = None
    ) -> JobPlace:
        """Return the place of the job of `source`; `task` becomes part of the job's name.

        `shard`: the part of the job that is migrated; None: the whole job.
        """
        text = job_text_of(source, shard)
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        bucket = source.target.bucket
        database = folder / "db" / source.record_kind / bucket / digest
        name = f"{source.migrate_type}-{bucket}-{digest[:8]}"
        if shard:
            name = f"{name}-{shard.name}"
        return cls(database, f"{name}-{task}" if task else name)


def job_text_of(source: Source, shard: Shard | None) -> str:
    """Return the text whose MD5 names the record database of a job, or of a shard of it."""
    return source.job_text() + (shard.suffix if shard else "")


def cos_settings(common: Common, credentials: Credentials | None) -> CosSettings:
    """Return the settings of a client of the target bucket."""
    return CosSettings(
        bucket=common.bucket_name,
        region=common.region,
        credentials=credentials or Credentials("", ""),
        suffix=common.end_point_suffix,
        https=common.https,
        ca_file=common.ca_file,
        proxy=proxy_of(common),
        short_connection=common.short_connection,
        storage_class=common.storage_class,
        encryption="AES256" if common.encryption_type else "",
        traffic_limit=common.thread_traffic_limit,
        tries=common.request_try_count,
        timeouts=Timeouts(request=request_limit(common)),
    )


def least_billed(common: Common) -> LeastBilled:
    """Return what the storage classes of a configuration bill at least for an object."""
    return LeastBilled(
        _least_billed_in(common.storage_class),
        {name: _least_billed_in(target) for name, target in common.storage_class_map},
    )


def _least_billed_in(storage_class: str) -> int:
    return _LEAST_BILLED if storage_class in _BILLED_LARGE else 0


def encryption_of(common: Common) -> EncryptionSettings | None:
    """Return the settings of clientEncryption; None: it is off. Raises ConfigError."""
    if not common.client_encryption:
        return None
    try:
        key = Path(common.key_path).read_bytes()
    except OSError as error:
        raise ConfigError([f"cannot read keyPath {common.key_path}: {error.strerror}"]) from error
    return EncryptionSettings(key, common.encrypt_iv.encode())


def ineffective_keys(common: Common, source_type: type[Source]) -> Iterator[str]:
    """Yield a warning for each key that is set but has no effect on the source."""
    yield from ineffective_chain_keys("common", common)
    if common.real_time_compare and not source_type.compares_times:
        yield f"[common] realTimeCompare changes nothing for {source_type.migrate_type}"
    if common.storage_class_map and not source_type.states_storage_class:
        yield (
            f"[common] storageClassMap changes nothing for {source_type.migrate_type}: it states "
            "no storage classes, and storageClass decides"
        )
    if common.restore_archived and not source_type.restore_rules:
        yield (
            f"[common] restoreArchived changes nothing for {source_type.migrate_type}: its "
            "objects cannot be restored by this tool"
        )
    if common.copy_tags and not source_type.has_tags:
        yield (
            f"[common] copyTags changes nothing for {source_type.migrate_type}: its objects have "
            "no tags"
        )
    if common.resume and not source_type.resumes_listing:
        yield (
            f"[common] resume changes nothing for {source_type.migrate_type}: it is always walked "
            "from its start, and what is recorded is skipped"
        )


def auto_pools(common: Common) -> AutoPools:
    """Return the pools whose number of transfers is not given."""
    return AutoPools(not common.small_file_executor_num, not common.big_file_executor_num)


def _restore_options(common: Common, source: Source) -> RestoreOptions | None:
    if not source.options.restores:
        return None
    seconds = common.restore_wait * 60.0
    return RestoreOptions(
        common.restore_archived, common.restore_days, seconds, source.restore_rules
    )


def migration_options(
    common: Common,
    source: Source,
    encryption: EncryptionSettings | None,
    credentials: CredentialKeeper,
    make_spot_check: SpotCheckMaker,
) -> MigrationOptions:
    """Return the options of the pass that migrates."""
    comparing = common.real_time_compare and source.compares_times
    skip_if = _SKIP_IF[common.skip_same_path]
    return MigrationOptions(
        plan=PlanOptions(
            small_below=common.small_file_threshold,
            part_size=common.big_file_upload_part_size,
            use_records=source.uses_records and not comparing,
        ),
        upload=UploadOptions(
            part_size=common.big_file_upload_part_size,
            threshold=common.small_file_threshold,
            md5=common.entire_file_md5_attached,
            skip_if=int(skip_if | SkipIf.NEWER_ON_COS if comparing else skip_if),
            is_local=source.is_local,
            encryption=encryption,
        ),
        window=common.execute_time_window,
        least_billed=least_billed(common),
        restores=_restore_options(common, source),
        shard=common.shard,
        list_parallel=common.list_parallel,
        tries=common.request_try_count,
        resume=common.resume,
        spot_check=make_spot_check if common.probe_records else None,
        credentials=credentials,
    )
