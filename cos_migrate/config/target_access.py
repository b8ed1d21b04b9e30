"""The keys of `[common]` that name the target bucket and the way to reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cos_migrate.config import legal, values
from cos_migrate.config.access_slips import (
    bucket_in_suffix,
    odd_id,
    odd_region,
    parse_region,
    swapped_keys,
)
from cos_migrate.config.credential_keys import (
    CVM_ROLES,
    TENCENT_VARIABLES,
    credentials_of,
    missing_keys,
    role_option,
    role_url_option,
    token_option,
)
from cos_migrate.config.options import MissingKey, Mistake, Section, option
from cos_migrate.config.proxy_keys import proxy_host_option, proxy_mistakes, proxy_port_option
from cos_migrate.config.values import NO_SECRET, Secret
from cos_migrate.model import Credentials


def on_off_option(
    key: str,
    help_: str,
    parse: Callable[[str], bool] = values.on_off,
    *,
    default: bool = False,
) -> Any:
    """Declare a key whose value is on or off."""
    return option(key, help=help_, default=default, parse=parse, legal=legal.ON_OFF)


def true_false_option(key: str, help_: str) -> Any:
    """Declare a key whose value is true or false."""
    return option(key, help=help_, default=False, parse=values.true_false, legal=legal.TRUE_FALSE)


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class TargetAccess(Section):
    """The first half of the `[common]` section: the target bucket and the way to reach it."""

    chain_keys: ClassVar[tuple[str, ...]] = ("camRole", "camRoleUrl")

    secret_id: Secret = option(
        "secretId",
        help="SecretId of the account that owns the target bucket",
        default=NO_SECRET,
        parse=values.secret,
        legal="the SecretId from https://console.cloud.tencent.com/cam/capi",
        secret=True,
        variable="COS_SECRETID",
        placeholders=("COS_SECRETID", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        batch=True,
    )
    secret_key: Secret = option(
        "secretKey",
        help="SecretKey that belongs to secretId",
        default=NO_SECRET,
        parse=values.secret,
        legal="the SecretKey from https://console.cloud.tencent.com/cam/capi",
        secret=True,
        variable="COS_SECRETKEY",
        placeholders=("COS_SECRETKEY", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
        batch=True,
    )
    token: Secret = token_option(
        "token",
        "secretId and secretKey",
        variable="COS_TOKEN",
        placeholders=("COS_TOKEN", "zzzzzzzzzzzzzzzzz"),
    )
    cam_role: str = role_option(
        "camRole", "CAM role of this machine, where secretId and secretKey are blank"
    )
    cam_role_url: str = role_url_option("camRoleUrl", CVM_ROLES)
    bucket_name: str = option(
        "bucketName",
        help="target bucket",
        parse=values.bucket_name,
        legal="<name>-<APPID> in lower case letters, digits and hyphens, "
        "such as examplebucket-1250000000",
        placeholders=("examplebucket-APPID",),
        batch=True,
    )
    region: str = option(
        "region",
        help="region of the target bucket",
        parse=parse_region,
        legal="lower case letters, digits and hyphens, such as ap-guangzhou",
        batch=True,
    )
    storage_class: str = option(
        "storageClass",
        help="storage class of uploaded objects",
        default="STANDARD",
        parse=values.storage_class,
        legal=", ".join(values.STORAGE_CLASSES),
    )
    cos_path: str = option(
        "cosPath",
        help="folder in the target bucket",
        default="/",
        parse=values.cos_folder("{} is invalid, cospath must start with /"),
        legal=legal.COS_FOLDER,
    )
    db_cos_path: str = option(
        "dbCosPath",
        help="Upyun only: stands in the name of the record database instead of cosPath",
        default="",
        parse=values.cos_folder("{} is invalid, dbcospath must start with /"),
        legal="a path that starts with /, or nothing",
    )
    https: bool = on_off_option("https", "transfer over HTTPS")
    ca_file: str = option(
        "caFile",
        help="certificates (PEM) of a private authority, trusted besides the public ones",
        default="",
        parse=values.existing_file,
        legal="the path of a PEM file, or nothing",
        path=True,
        variable="SSL_CERT_FILE",
    )
    end_point_suffix: str = option(
        "endPointSuffix",
        help="replaces cos.<region>.myqcloud.com: a private endpoint or an accelerated domain",
        default="",
        parse=values.endpoint_suffix,
        legal=legal.ENDPOINT_SUFFIX,
    )
    proxy_host: str = proxy_host_option("COS")
    proxy_port: int = proxy_port_option()
    proxy_user: str = option(
        "proxyUser",
        help="user name for that proxy",
        default="",
        legal="a user name, or nothing",
    )
    proxy_password: Secret = option(
        "proxyPassword",
        help="password for that proxy",
        default=NO_SECRET,
        parse=values.password,
        legal="a password, or nothing",
        secret=True,
    )
    short_connection: bool = true_false_option(
        "shortConnection", "close the connection after each request"
    )

    @property
    def own_credentials(self) -> Credentials | None:
        """The keys of the section; None: they are blank."""
        return credentials_of(self.secret_id, self.secret_key, self.token)

    def missing_keys(self, environ: Mapping[str, str]) -> Iterator[MissingKey]:
        """Yield secretId or secretKey if it is needed and blank."""
        looked_at = "environment variables COS_SECRETID and TENCENTCLOUD_SECRET_ID; camRole"
        elsewhere = bool(self.cam_role or environ.get(TENCENT_VARIABLES[0]))
        keys = ("secretId", "secretKey")
        return missing_keys(self, keys, elsewhere=elsewhere, looked_at=looked_at)

    def doubts(self) -> Iterator[Mistake]:
        """Yield a mistake for each value that looks wrong, unless an own endpoint is set."""
        if not self.end_point_suffix:
            yield from odd_id("secretId", self.secret_id)
            yield from odd_region("region", self.region)

    def mistakes(self) -> Iterator[Mistake]:
        """Yield the mistakes that several keys make together."""
        is_user_given = bool(self.proxy_user or self.proxy_password)
        yield from proxy_mistakes(self.proxy_host, self.proxy_port, is_user_given=is_user_given)
        yield from swapped_keys(("secretId", "secretKey"), self.secret_id, self.secret_key)
        yield from bucket_in_suffix("endPointSuffix", self.end_point_suffix, self.bucket_name)
