"""Builds comparisons and deletes from the configuration of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cos_migrate.config.common import Common
from cos_migrate.cos.settings import CosSettings
from cos_migrate.engine.both_sides import BothSides, ListingOptions, ScanMaker
from cos_migrate.engine.compare import Compare, CompareOptions
from cos_migrate.engine.deletion import DeleteOptions, Deletion
from cos_migrate.engine.key_sort import KeySort
from cos_migrate.engine.limits import RunLimits
from cos_migrate.engine.loop import PoolsMaker
from cos_migrate.engine.options import MigrationOptions, RunWords
from cos_migrate.engine.own_items import OwnItems
from cos_migrate.errors import Side
from cos_migrate.filters import Filters
from cos_migrate.http.pacing import ThreadPace
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.report import Report
from cos_migrate.sources.base import Source
from cos_migrate.sources.cos_bucket.target import TargetListing
from cos_migrate.state.store import RecordStore


class PassParts(NamedTuple):
    """What a pass over both sides needs of its run."""

    common: Common
    options: MigrationOptions
    source: Source
    filters: Filters
    settings: CosSettings
    state: RecordStore
    report: Report
    make_pools: PoolsMaker
    make_scan: ScanMaker
    files: TempFiles
    """Open."""
    limits: RunLimits


class _SidesMaker(NamedTuple):
    target: TargetListing
    make: Callable[[Callable[[object], None]], BothSides]


def _sides_maker(parts: PassParts, *, protects_below: bool = False) -> _SidesMaker:
    """Return what lists both sides."""
    target = TargetListing(parts.settings, parts.source.target)
    target.pace_by(ThreadPace(parts.limits.own_pace.cos(big=False)))
    options = parts.options
    gate = options.credentials.gate
    own = OwnItems(options.shard, parts.source) if options.shard else None
    gate.supply(Side.COS, target, parts.settings.credentials.number)

    def make(post: Callable[[object], None]) -> BothSides:
        return BothSides(
            source=parts.source,
            filters=parts.filters,
            make_scan=parts.make_scan,
            target=target,
            files=parts.files,
            options=ListingOptions(options.list_parallel, options.tries, gate, own),
            report=parts.report,
            post=post,
            protects_below=protects_below,
        )

    return _SidesMaker(target, make)


def make_comparison(words: RunWords, parts: PassParts) -> Compare:
    """Return the pass of `--compare`."""
    return Compare(
        options=CompareOptions(
            content=words.content,
            forget=words.forget,
            encrypted=parts.common.client_encryption,
        ),
        window=parts.options.watch_window(),
        credentials=parts.options.credentials,
        source=parts.source,
        filters=parts.filters,
        state=parts.state,
        report=parts.report,
        make_pools=parts.make_pools,
        make_sides=_sides_maker(parts).make,
        auto=parts.options.auto,
        limits=parts.limits,
    )


def make_deletion(parts: PassParts, *, began: float, is_dry: bool) -> Deletion:
    """Return the pass of deleteExtra; `began`: monotonic time of the start of the run."""
    sides = _sides_maker(parts, protects_below=True)
    return Deletion(
        options=DeleteOptions(
            recorded_only=parts.common.delete_extra == "recorded",
            most=parts.common.max_delete,
            is_dry=is_dry,
            began=began,
        ),
        window=parts.options.watch_window(),
        credentials=parts.options.credentials,
        source=parts.source,
        target=sides.target,
        state=parts.state,
        report=parts.report,
        make_pools=parts.make_pools,
        make_sides=sides.make,
        extras=KeySort(parts.files),
        limits=parts.limits,
    )


def reason_against_deletes(report: Report, *, complete: bool, resumed: bool) -> str:
    """Return why a run must not remove anything; empty: it may."""
    if resumed:
        return "the listing went on at the position of an earlier run"
    return "" if complete and not report.failures else "not everything was listed and migrated"
