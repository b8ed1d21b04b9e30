"""The `[migrateBucketCopy]` section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from cos_migrate.config import legal, values
from cos_migrate.config.access_slips import (
    bucket_in_suffix,
    odd_id,
    odd_region,
    parse_region,
    swapped_keys,
)
from cos_migrate.config.cloud import BucketSection, inventory_mistakes, inventory_option
from cos_migrate.config.credential_keys import (
    CVM_ROLES,
    TENCENT_VARIABLES,
    credentials_of,
    missing_keys,
    role_option,
    role_url_option,
    token_option,
)
from cos_migrate.config.filter_settings import FilterSettings
from cos_migrate.config.options import MissingKey, Mistake, option
from cos_migrate.config.values import NO_SECRET, Secret
from cos_migrate.model import Credentials

_KEYS_PAGE = "https://console.cloud.tencent.com/cam/capi"


@dataclass(frozen=True, slots=True, kw_only=True)
class CosBucketConfig(BucketSection):
    """The `[migrateBucketCopy]` section: another bucket of COS, which COS copies."""

    chain_keys: ClassVar[tuple[str, ...]] = ("srcCamRole", "srcCamRoleUrl")
    names_regions: ClassVar[bool] = True
    batch_keys: ClassVar[tuple[str, ...]] = (
        "srcSecretId",
        "srcSecretKey",
        "srcBucketName",
        "srcEndPointSuffix",
    )

    src_region: str = option(
        "srcRegion",
        help="region of the source bucket",
        parse=parse_region,
        legal="lower case letters, digits and hyphens, such as ap-shanghai",
        batch=True,
        place=True,
    )
    src_bucket_name: str = option(
        "srcBucketName",
        help="source bucket",
        parse=values.source_bucket_name,
        legal="<name>-<APPID> in lower case letters, digits and hyphens",
        batch=True,
        place=True,
    )
    src_secret_id: Secret = option(
        "srcSecretId",
        help="SecretId that may read the source bucket",
        default=NO_SECRET,
        parse=values.secret,
        legal=f"the SecretId from {_KEYS_PAGE}",
        secret=True,
        placeholders=("COS_SECRETID", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        batch=True,
    )
    src_secret_key: Secret = option(
        "srcSecretKey",
        help="SecretKey that belongs to srcSecretId",
        default=NO_SECRET,
        parse=values.secret,
        legal=f"the SecretKey from {_KEYS_PAGE}",
        secret=True,
        placeholders=("COS_SECRETKEY", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
        batch=True,
    )
    src_token: Secret = token_option("srcToken", "srcSecretId and srcSecretKey")
    src_cam_role: str = role_option(
        "srcCamRole", "CAM role of this machine, where srcSecretId and srcSecretKey are blank"
    )
    src_cam_role_url: str = role_url_option("srcCamRoleUrl", CVM_ROLES)
    src_cos_path: str = option(
        "srcCosPath",
        help="folder in the source bucket",
        parse=values.cos_folder("srcCosPath must start with /"),
        legal=legal.COS_FOLDER,
        place=True,
    )
    src_end_point_suffix: str = option(
        "srcEndPointSuffix",
        help="replaces cos.<srcRegion>.myqcloud.com, for listing and copying",
        default="",
        parse=values.endpoint_suffix,
        legal=legal.ENDPOINT_SUFFIX,
        place=True,
    )
    src_file_list: str = option(
        "srcFileList",
        help="file of keys, URL-encoded, one a line: copy these instead of listing the bucket",
        default="",
        parse=values.existing_file,
        legal=legal.FILE,
        path=True,
    )
    src_storage_class: str = option(
        "srcStorageClass",
        help="copy only objects of this storage class",
        default="",
        parse=values.storage_class,
        legal=f"{', '.join(values.STORAGE_CLASSES)}; or nothing",
    )

    inventory: str = inventory_option()

    @property
    def inventory_place(self) -> str:
        """The value of `inventory`: a manifest whose rows replace the listing."""
        return self.inventory

    def of_other_bucket(self, bucket: str) -> CosBucketConfig:
        """Return the section with another bucket, and without lists of its keys."""
        return replace(self, src_bucket_name=bucket, src_cos_path="/", src_file_list="")

    def mistakes(self) -> Iterator[Mistake]:
        """Yield the mistakes that several keys make together."""
        yield from inventory_mistakes(self.inventory, self.src_file_list, "srcFileList")
        keys = ("srcSecretId", "srcSecretKey")
        yield from swapped_keys(keys, self.src_secret_id, self.src_secret_key)
        suffix = self.src_end_point_suffix
        yield from bucket_in_suffix("srcEndPointSuffix", suffix, self.src_bucket_name)

    def doubts(self) -> Iterator[Mistake]:
        """Yield what looks wrong where COS itself is reached, not a private deployment."""
        if not self.src_end_point_suffix:
            yield from odd_id("srcSecretId", self.src_secret_id)
            yield from odd_region("srcRegion", self.src_region)

    @property
    def own_credentials(self) -> Credentials | None:
        return credentials_of(self.src_secret_id, self.src_secret_key, self.src_token)

    def missing_keys(self, environ: Mapping[str, str]) -> Iterator[MissingKey]:
        """Yield srcSecretId or srcSecretKey if it is needed and blank."""
        looked_at = "environment variable TENCENTCLOUD_SECRET_ID; srcCamRole"
        elsewhere = bool(self.src_cam_role or environ.get(TENCENT_VARIABLES[0]))
        keys = ("srcSecretId", "srcSecretKey")
        return missing_keys(self, keys, elsewhere=elsewhere, looked_at=looked_at)

    @property
    def listed_prefix(self) -> str:
        """The beginning of the keys to migrate: the folder, without its leading `/`."""
        return self.src_cos_path[1:]

    @property
    def key_file(self) -> str:
        """The value of `srcFileList`: the path of a file of keys."""
        return self.src_file_list

    @property
    def bucket_address(self) -> tuple[str, str]:
        """The bucket, and its endpoint or region."""
        return self.src_bucket_name, self.src_end_point_suffix or self.src_region

    def filter_settings(self) -> FilterSettings:
        """Return the storage class that is copied."""
        return FilterSettings(storage_class=self.src_storage_class)

    def announcement(self) -> str:
        """Return the Java tool's line for a temporary credential."""
        return "Use temporary token to list object" if self.src_token.reveal() else ""
