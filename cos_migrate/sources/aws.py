"""The `[migrateAws]` section."""

from __future__ import annotations

from dataclasses import dataclass

from cos_migrate import values
from cos_migrate.cloud_access import CloudAccess
from cos_migrate.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsConfig(CloudAccess):
    """A bucket of AWS S3, or of a service that speaks its protocol."""

    end_point: str = option(
        "endPoint",
        help="domain of the service, never a bare region",
        parse=values.aws_endpoint,
        legal="a domain such as s3.us-east-1.amazonaws.com; http://, https:// and a port may be "
        "added",
        batch=True,
    )
