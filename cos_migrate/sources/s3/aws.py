"""AWS S3, and services with its protocol: the section and the source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from cos_migrate.config import legal, values
from cos_migrate.config.cloud import CloudAccess, inventory_option
from cos_migrate.config.credential_keys import (
    ACCESS_KEYS,
    access_key_option,
    access_secret_option,
    missing_keys,
    token_option,
)
from cos_migrate.config.options import MissingKey, Mistake, option
from cos_migrate.config.values import NO_SECRET, Secret
from cos_migrate.credentials.provider import Provider
from cos_migrate.sources.s3.bucket import S3Source
from cos_migrate.sources.s3.endpoint import Endpoint


def _role_arn(text: str) -> str:
    if re.fullmatch(r"arn:[a-z-]+:iam::[0-9]{12}:role/\S+", text):
        return text
    raise ValueError(f"{text} is no ARN of a role")


def _session_name(text: str) -> str:
    if re.fullmatch(r"[\w+=,.@-]{2,64}", text, re.ASCII):
        return text
    raise ValueError(f"{text} is no name of a session")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsConfig(CloudAccess):
    """The `[migrateAws]` section: a bucket of AWS S3, or of a service with its protocol."""

    id_form: ClassVar[str] = "A[KS]IA[A-Z0-9]{16}"
    chain_keys: ClassVar[tuple[str, ...]] = ("profile", "roleArn", "roleSessionName", "externalId")

    end_point: str = option(
        "endPoint",
        help="domain of the service, never a bare region",
        parse=values.aws_endpoint,
        legal="a domain such as s3.us-east-1.amazonaws.com; http://, https:// and a port may be "
        "added",
        batch=True,
        place=True,
    )
    access_key_id: Secret = access_key_option(NO_SECRET)
    access_key_secret: Secret = access_secret_option(NO_SECRET)
    session_token: Secret = token_option("sessionToken", "accessKeyId and accessKeySecret")
    profile: str = option(
        "profile",
        help="profile of AWS's configuration files, where accessKeyId and accessKeySecret are "
        "blank",
        default="",
        legal="the name of a profile, or nothing",
        access=True,
    )
    role_arn: str = option(
        "roleArn",
        help="role to assume with the credentials that were found",
        default="",
        parse=_role_arn,
        legal="arn:aws:iam::<account>:role/<name>, or nothing",
        access=True,
    )
    role_session_name: str = option(
        "roleSessionName",
        help="name of the session with roleArn, for AWS's logs",
        default="cos-migrate",
        legal="2 to 64 letters, digits and +=,.@-_",
        parse=_session_name,
        access=True,
    )
    external_id: Secret = option(
        "externalId",
        help="external id that the owner of roleArn demands",
        default=NO_SECRET,
        parse=values.secret,
        legal="2 to 1224 characters, or nothing",
        secret=True,
        access=True,
    )
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
        legal=legal.ON_OFF,
        access=True,
    )

    inventory: str = inventory_option()

    @property
    def inventory_place(self) -> str:
        """The value of `inventory`: a manifest whose rows replace the listing."""
        return self.inventory

    @property
    def own_token(self) -> Secret:
        """The value of `sessionToken`, the token of temporary keys."""
        return self.session_token

    def missing_keys(self, environ: Mapping[str, str]) -> Iterator[MissingKey]:  # noqa: ARG002
        """Yield the blank one of id and secret; if both are blank, AWS's chain is used."""
        return missing_keys(self, ACCESS_KEYS, elsewhere=not self.session_token)

    def mistakes(self) -> Iterator[Mistake]:
        """Yield the mistakes that several keys make together."""
        yield from super(AwsConfig, self).mistakes()
        if self.external_id and not self.role_arn:
            yield Mistake("externalId", "roleArn is missing: externalId is set")


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

    @classmethod
    def credential_provider(cls, config: AwsConfig, environ: Mapping[str, str]) -> Provider:  # type: ignore[override]  # noqa: ARG003
        """Return AWS's chain, which reads the environment of this process."""
        from cos_migrate.sources.s3.chain import AssumedRole, AwsChain  # noqa: PLC0415 - 0.2 s

        proxy = f"{config.proxy_host}:{config.proxy_port}" if config.proxy_host else ""
        endpoint = Endpoint.of(config.end_point, config.bucket, https=config.src_https)
        role = AssumedRole(config.role_arn, config.role_session_name, config.external_id.reveal())
        region = config.region or endpoint.region
        return AwsChain(cls.migrate_type, config.profile, role, region, proxy)

    def region_named(self) -> str:
        return self.config.region

    @property
    def etags_are_md5(self) -> bool:
        return self.config.etag_is_md5

    def job_text(self) -> str:
        return f"[srcPrefix: {self.config.prefix}], [cosFolder: {self.target.cos_path}]"
