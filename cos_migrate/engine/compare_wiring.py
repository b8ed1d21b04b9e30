"""Builds comparisons and deletes from the configuration of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cos_migrate.config.common import Common
from cos_migrate.cos.settings import CosSettings
from cos_migrate.engine.both_sides import BothSides, ListingOptions, ScanMaker, SidesMaker
from cos_migrate.engine.compare import Compare, CompareOptions
from cos_migrate.engine.deletion import DeleteOptions, Deletion
from cos_migrate.engine.key_sort import KeySort
from cos_migrate.engine.loop import PassParts
from cos_migrate.engine.options import MigrationOptions, RunWords
from cos_migrate.engine.own_items import OwnItems
from cos_migrate.errors import Side
from cos_migrate.filters import Filters
from cos_migrate.http.pacing import ProcessPace, ThreadPace
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.report import Report
from cos_migrate.sources.cos_bucket.target import TargetListing


class SidesParts(NamedTuple):
    """What a run gives to the listings of the source and of COS."""

    common: Common
    options: MigrationOptions
    filters: Filters
    settings: CosSettings
    make_scan: ScanMaker
    files: TempFiles
    """Open."""
    own_pace: ProcessPace


class _SidesMaker(NamedTuple):
    target: TargetListing
    make: SidesMaker


def _sides_maker(
    of_pass: PassParts, parts: SidesParts, *, protects_below: bool = False
) -> _SidesMaker:
    """Return what lists both sides."""
    source, options = of_pass.source, parts.options
    target = TargetListing(parts.settings, source.target)
    target.pace_by(ThreadPace(parts.own_pace.cos(big=False)))
    gate = options.credentials.gate
    own = OwnItems(options.shard, source) if options.shard else None
    gate.supply(Side.COS, target, parts.settings.credentials.number)

    def make(post: Callable[[object], None]) -> BothSides:
        return BothSides(
            source=source,
            filters=parts.filters,
            make_scan=parts.make_scan,
            target=target,
            files=parts.files,
            options=ListingOptions(options.list_parallel, options.tries, gate, own),
            report=of_pass.report,
            post=post,
            protects_below=protects_below,
        )

    return _SidesMaker(target, make)


def make_comparison(words: RunWords, of_pass: PassParts, parts: SidesParts) -> Compare:
    """Return the pass of `--compare`."""
    return Compare(
        of_pass,
        options=CompareOptions(
            content=words.content,
            forget=words.forget,
            encrypted=parts.common.client_encryption,
        ),
        filters=parts.filters,
        make_sides=_sides_maker(of_pass, parts).make,
    )


def make_deletion(of_pass: PassParts, parts: SidesParts, *, began: float, is_dry: bool) -> Deletion:
    """Return the pass of deleteExtra; `began`: monotonic time of the start of the run."""
    sides = _sides_maker(of_pass, parts, protects_below=True)
    return Deletion(
        of_pass,
        options=DeleteOptions(
            recorded_only=parts.common.delete_extra == "recorded",
            most=parts.common.max_delete,
            is_dry=is_dry,
            began=began,
        ),
        target=sides.target,
        make_sides=sides.make,
        extras=KeySort(parts.files),
    )


def reason_against_deletes(report: Report, *, complete: bool, resumed: bool) -> str:
    """Return why a run must not remove anything; empty: it may."""
    if resumed:
        return "the listing went on at the position of an earlier run"
    return "" if complete and not report.failures else "not everything was listed and migrated"
