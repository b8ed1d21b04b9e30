"""AWS S3, and services with its protocol: the section and the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from cos_migrate.config import values
from cos_migrate.config.cloud import CloudAccess
from cos_migrate.config.credential_keys import token_option
from cos_migrate.config.options import option
from cos_migrate.config.values import Secret
from cos_migrate.sources.s3.bucket import S3Source


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsConfig(CloudAccess):
    """A bucket of AWS S3, or of a service with its protocol."""

    end_point: str = option(
        "endPoint",
        help="domain of the service, never a bare region",
        parse=values.aws_endpoint,
        legal="a domain such as s3.us-east-1.amazonaws.com; http://, https:// and a port may be "
        "added",
        batch=True,
        place=True,
    )
    session_token: Secret = token_option("sessionToken", "accessKeyId and accessKeySecret")
    region: str = option(
        "region",
        help="region to sign for, where endPoint does not name it and it is not us-east-1",
        default="",
        parse=values.signing_region,
        legal="the service's name of the region, such as eu-west-1 or RegionOne; or nothing",
        access=True,
    )
    etag_is_md5: bool = option(
        "etagIsMd5",
        help="ETags of 32 hex digits are the MD5 of the content; off: they are not compared",
        default=True,
        parse=values.on_off,
        legal="on or off",
        access=True,
    )

    @property
    def own_token(self) -> Secret:
        """`sessionToken`."""
        return self.session_token


class AwsSource(S3Source):
    """A bucket of AWS S3, or of a service with its protocol."""

    migrate_type: ClassVar[str] = "migrateAws"
    record_kind: ClassVar[str] = "migrate_from_aws"
    Config: ClassVar[type[AwsConfig]] = AwsConfig
    etag_name: ClassVar[str] = "s3-etag"
    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **S3Source.advice,
            "ExpiredToken": "sessionToken, accessKeyId and accessKeySecret",
            "InvalidToken": "sessionToken, accessKeyId and accessKeySecret",
            "SignatureDoesNotMatch": "accessKeySecret, and region where endPoint names none",
        }
    )
    where_regions_stand: ClassVar[str] = "endPoint and region"
    config: AwsConfig

    def region_named(self) -> str:
        return self.config.region

    @property
    def etags_are_md5(self) -> bool:
        return self.config.etag_is_md5

    def job_text(self) -> str:
        return f"[srcPrefix: {self.config.prefix}], [cosFolder: {self.target.cos_path}]"
