"""The keys of credentials: id, key, token of a temporary pair, and where else they are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from cos_migrate.config import values
from cos_migrate.config.options import (
    REQUIRED,
    MissingKey,
    Section,
    declared_options,
    option,
    values_of,
)
from cos_migrate.config.values import NO_SECRET, Secret
from cos_migrate.model import Credentials

TENCENT_VARIABLES = ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN")
ALIBABA_VARIABLES = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)
CVM_ROLES = "http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials/"
ECS_ROLES = "http://100.100.100.200/latest/meta-data/ram/security-credentials/"


def missing_keys(
    section: Section, keys: tuple[str, str], *, elsewhere: bool, looked_at: str = ""
) -> Iterator[MissingKey]:
    """Yield those of `keys`, the names of an id and its key, that are needed and blank.

    `elsewhere`: whether both may be blank, since credentials are looked for elsewhere.
    """
    values_by_key = {option.key: value for option, value in values_of(section)}
    blank = [key for key in keys if not values_by_key[key]]
    if len(blank) < len(keys) or not elsewhere:
        for key in blank:
            yield MissingKey(key, looked_at if len(blank) == len(keys) else "")


def access_key_option(default: Any = REQUIRED) -> Any:
    """Declare the key for the access key of a cloud."""
    return option(
        "accessKeyId",
        help="access key that may list and read the source bucket",
        default=default,
        parse=values.secret,
        legal="the access key that the source's provider gave you",
        secret=True,
        placeholders=("yourAccessKeyId", "AccessKeyId", "AccessKey", "xxx"),
        batch=True,
    )


def access_secret_option(default: Any = REQUIRED) -> Any:
    """Declare the key for the secret of a cloud's access key."""
    return option(
        "accessKeySecret",
        help="secret that belongs to accessKeyId",
        default=default,
        parse=values.secret,
        legal="the secret key that the source's provider gave you",
        secret=True,
        placeholders=("yourAccessKeySecret", "SecretAccessKey", "SecretKey", "xxx"),
        batch=True,
    )


ACCESS_KEYS = ("accessKeyId", "accessKeySecret")


def role_option(key: str, help_: str) -> Any:
    """Declare the key that names the role of this machine."""
    return option(
        key,
        help=help_,
        default="",
        parse=_role_name,
        legal="the name of the role, auto (the only one of this machine), or nothing",
        access=True,
    )


def role_url_option(key: str, default: str) -> Any:
    """Declare the key for the address of the metadata service that issues a role's keys."""
    return option(
        key,
        help="address of the metadata service that lists the roles of this machine",
        default=default,
        parse=_metadata_url,
        legal="a URL that begins with http:// or https://",
        access=True,
    )


def ineffective_chain_keys(name: str, section: Section) -> Iterator[str]:
    """Yield a warning for each key that counts only where the section holds no keys."""
    if not section.own_credentials:
        return
    for one in declared_options(type(section)):
        if one.option.key in section.chain_keys and getattr(section, one.name) != one.default:
            yield f"[{name}] {one.option.key} changes nothing: the section holds keys"


def _role_name(text: str) -> str:
    if text.isprintable() and not {"/", "?", "#", " "} & set(text):
        return text
    raise ValueError(f"{text} is no name of a role")


def _metadata_url(text: str) -> str:
    place = urlsplit(text)
    if place.scheme not in {"http", "https"} or not place.hostname or place.query or place.fragment:
        raise ValueError(f"{text} is no http:// or https:// URL")
    return text.rstrip("/") + "/"


def credentials_of(secret_id: Secret, secret_key: Secret, token: Secret) -> Credentials | None:
    """Return the credentials that three values of a section are; None: there is no key."""
    if not secret_id:
        return None
    return Credentials(secret_id.reveal(), secret_key.reveal(), token.reveal())


def token_option(
    key: str, keys: str, *, variable: str = "", placeholders: tuple[str, ...] = ()
) -> Any:
    """Declare the key for an optional token of temporary keys; `keys`: those it comes with."""
    return option(
        key,
        help="token of a temporary credential",
        default=NO_SECRET,
        parse=values.secret,
        legal=f"the token that came with {keys}, or nothing",
        secret=True,
        variable=variable,
        placeholders=placeholders,
    )
