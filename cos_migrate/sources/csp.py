"""The `[migrateCsp]` section."""

from __future__ import annotations

from dataclasses import dataclass

from cos_migrate import values
from cos_migrate.cloud_access import CloudAccess
from cos_migrate.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class CspConfig(CloudAccess):
    """A bucket of CSP, Tencent's private-cloud object storage."""

    end_point: str = option(
        "endPoint",
        help="domain of the service",
        parse=values.endpoint,
        legal="a domain such as csp.example.com; http://, https:// and a port may be added",
        batch=True,
    )
    migrate_slash_end_object_acl: bool = option(
        "migrateSlashEndObjectAcl",
        help="carry over the ACL of objects whose key ends in / too",
        default=True,
        parse=values.true_false,
        legal="true or false",
    )
