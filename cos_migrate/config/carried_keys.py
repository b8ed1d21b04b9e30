"""The keys of `[common]` that decide what is carried over besides content and metadata."""

from __future__ import annotations

from dataclasses import dataclass

from cos_migrate.config import values
from cos_migrate.config.limit_keys import LimitKeys
from cos_migrate.config.options import option
from cos_migrate.config.storage_class_map import storage_class_pairs
from cos_migrate.config.target_access import on_off_option


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedKeys(LimitKeys):
    """The part of `[common]` that decides what is carried over."""

    copy_acl: bool = on_off_option(
        "copyAcl", "carry over the ACL of objects where the source provides it"
    )
    copy_tags: bool = on_off_option(
        "copyTags", "carry over the tags of objects: S3, OSS, CSP and bucket copy"
    )
    copy_mtime: bool = on_off_option(
        "copyMtime", "store the modification time of objects as x-cos-meta-mtime, as rclone does"
    )
    storage_class_map: tuple[tuple[str, str], ...] = option(
        "storageClassMap",
        help="storage class of an object by that at the source; storageClass for all others",
        default=(),
        parse=storage_class_pairs,
        legal="pairs such as STANDARD_IA:Standard_IA;GLACIER:Archive, separated by ;, with a class "
        f"of the source and one of {', '.join(values.STORAGE_CLASSES)}",
    )
