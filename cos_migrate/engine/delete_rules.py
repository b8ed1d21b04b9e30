"""Pure rules of deletes: with which keys none is allowed, and how many are."""

from __future__ import annotations

from collections.abc import Iterator

from cos_migrate.config.common import Common
from cos_migrate.config.options import Section, values_of
from cos_migrate.model import Fingerprint
from cos_migrate.state.companions import Companion

_OF_COMMON = ("modifiedAfter", "modifiedBefore", "batchTaskPath")
_OF_SOURCE = frozenset(
    {
        "ignoreModifiedTimeLessThanSeconds",
        "uriList",
        "fileListMode",
        "srcFileList",
        "srcStorageClass",
        "inventory",
        "urllistPath",
    }
)
"""Keys with which not all objects of the source are listed."""
_SECOND_NS = 1_000_000_000


def conflicts(common: Common, section: Section, migrate_type: str) -> Iterator[str]:
    """Yield a sentence for each key that is set and cannot be combined with deleteExtra."""
    if common.delete_extra == "off":
        return
    named = [one.key for one, value in values_of(common) if one.key in _OF_COMMON and value]
    refused = [f"[common] {key}" for key in named]
    for one, value in values_of(section):
        if one.key == "checkLocalRecord":
            if not value:
                refused.append(f"[{migrate_type}] checkLocalRecord=false")
        elif one.key in _OF_SOURCE and value:
            refused.append(f"[{migrate_type}] {one.key}")
    for name in refused:
        yield (
            f"[common] deleteExtra={common.delete_extra} cannot be combined with {name}: it would "
            "remove objects that the source still has; legal with it: deleteExtra=off"
        )


def reason_to_keep(
    cos: Fingerprint, companion: Companion | None, mark: str, began_ns: int, *, recorded_only: bool
) -> str:
    """Return why an extra object stays on COS; empty: it may be removed.

    `mark`: of the source; `began_ns`: when the run began, by the clock of COS.
    """
    if recorded_only:
        if companion is None or not companion.etag or companion.mark != mark:
            return "not recorded as sent from this source"
        if companion.etag != cos.etag:
            return "changed on COS since it was sent"
    # COS lists whole seconds. What an earlier run has recorded was there before this one began.
    modified, began = cos.mtime_ns // _SECOND_NS, began_ns // _SECOND_NS
    if cos.mtime_ns < 0 or began_ns < 0 or modified > began - (not recorded_only):
        return "modified since the run began"
    return ""
