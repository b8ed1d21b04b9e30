"""The keys of `[common]` that decide what is carried over besides content and metadata."""

from __future__ import annotations

from dataclasses import dataclass

from cos_migrate.config import values
from cos_migrate.config.limit_keys import LimitKeys
from cos_migrate.config.options import option
from cos_migrate.config.storage_class_map import storage_class_pairs
from cos_migrate.config.target_access import on_off_option

RESTORE_TIERS = ("Expedited", "Standard", "Bulk")
"""From the fastest to the slowest."""


def _restore_tier(text: str) -> str:
    """Parse a tier, in any case; empty: off."""
    for tier in RESTORE_TIERS:
        if text.lower() == tier.lower():
            return tier
    if text.lower() == "off":
        return ""
    raise ValueError(f"{text} is invalid, legal restoreArchived is off, Expedited, Standard, Bulk")


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class CarriedKeys(LimitKeys):
    """The keys of `[common]` for what else is carried over: ACL, tags, time, class."""

    copy_acl: bool = on_off_option(
        "copyAcl", "carry over the ACL of objects where the source provides it"
    )
    copy_tags: bool = on_off_option(
        "copyTags", "carry over the tags of objects: S3, OSS, CSP and bucket copy"
    )
    copy_mtime: bool = on_off_option(
        "copyMtime", "store the modification time of objects as x-cos-meta-mtime, as rclone does"
    )
    restore_archived: str = option(
        "restoreArchived",
        help="restore archived objects at the source before they are read, with this tier",
        default="",
        parse=_restore_tier,
        legal="off, Expedited, Standard or Bulk",
    )
    restore_days: int = option(
        "restoreDays",
        help="days for which restored objects stay readable at the source",
        default=1,
        parse=values.integer(1, 365, "{} is invalid, legal restoreDays is [1, 365]"),
        legal="a whole number from 1 to 365",
    )
    restore_wait: int = option(
        "restoreWait",
        help="minutes to wait for restores when all else is done",
        default=0,
        parse=values.integer(0, 100_000, "{} is invalid, legal restoreWait is [0, 100000]"),
        legal="minutes, 0 to 100000",
    )
    storage_class_map: tuple[tuple[str, str], ...] = option(
        "storageClassMap",
        help="storage class of an object by that at the source; storageClass for all others",
        default=(),
        parse=storage_class_pairs,
        legal="pairs such as STANDARD_IA:Standard_IA;GLACIER:Archive, separated by ;, with a class "
        f"of the source and one of {', '.join(values.STORAGE_CLASSES)}",
    )
