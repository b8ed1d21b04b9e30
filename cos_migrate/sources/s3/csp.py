"""CSP, Tencent's private-cloud object storage, by its S3 protocol: the section and the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cos_migrate.config import legal, values
from cos_migrate.config.cloud import CloudAccess
from cos_migrate.config.options import option
from cos_migrate.model import Found, SourceObject
from cos_migrate.sources.s3.bucket import S3Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CspConfig(CloudAccess):
    """The `[migrateCsp]` section: a bucket of CSP, Tencent's private-cloud object storage."""

    end_point: str = option(
        "endPoint",
        help="domain of the service",
        parse=values.endpoint,
        legal="a domain such as csp.example.com; http://, https:// and a port may be added",
        batch=True,
        place=True,
    )
    migrate_slash_end_object_acl: bool = option(
        "migrateSlashEndObjectAcl",
        help="carry over the ACL of objects whose key ends in / too",
        default=True,
        parse=values.true_false,
        legal=legal.TRUE_FALSE,
    )


class CspSource(S3Source):
    """A bucket of CSP; its objects keep their ACL."""

    migrate_type: ClassVar[str] = "migrateCsp"
    record_kind: ClassVar[str] = "migrate_copy_csp"
    Config: ClassVar[type[CspConfig]] = CspConfig
    etag_name: ClassVar[str] = "csp-etag"
    same_accounts: ClassVar[bool] = True
    config: CspConfig

    def job_text(self) -> str:
        config = self.config
        return (
            f"[destCosFolder: {self.target.cos_path}], [endPoint: {config.end_point}], "
            f"[srcBucket: {config.bucket}], [srcPrefix: {config.prefix}]"
        )

    def parse_key_line(self, line: str, number: int) -> Found | None:
        """Return the object of a line, without the blanks around it, as in the Java tool."""
        return super().parse_key_line(line.strip(), number)

    def copies_acl(self, obj: SourceObject) -> bool:
        """Return True, as in the Java tool; keys that end in `/` can be excepted."""
        return not obj.name.endswith("/") or self.config.migrate_slash_end_object_acl
