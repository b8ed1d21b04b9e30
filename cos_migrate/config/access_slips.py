"""Detects keys of access that look wrong together: credentials, regions, endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cos_migrate.config import values
from cos_migrate.config.options import Mistake
from cos_migrate.config.values import Secret
from cos_migrate.config.words import nearest_word

_ID_BEGINS = "AKID"
"""The beginning of every SecretId of Tencent Cloud."""
_REGIONS = (
    *("ap-beijing", "ap-beijing-1", "ap-beijing-fsi", "ap-nanjing", "ap-shanghai"),
    *("ap-shanghai-fsi", "ap-guangzhou", "ap-shenzhen-fsi", "ap-chengdu", "ap-chongqing"),
    *("ap-zhongwei", "ap-hongkong", "ap-taipei", "ap-singapore", "ap-jakarta", "ap-seoul"),
    *("ap-tokyo", "ap-osaka", "ap-bangkok", "ap-mumbai", "na-siliconvalley", "na-ashburn"),
    *("na-toronto", "sa-saopaulo", "eu-frankfurt", "eu-moscow", "accelerate"),
)
"""Regions of COS, for suggestions only: new ones appear."""
_FORMER_REGIONS = {
    "cn-north": "ap-beijing-1",
    "cn-east": "ap-shanghai",
    "cn-south": "ap-guangzhou",
    "cn-southwest": "ap-chengdu",
    "tj": "ap-beijing-1",
    "bj": "ap-beijing",
    "sh": "ap-shanghai",
    "gz": "ap-guangzhou",
    "cd": "ap-chengdu",
    "hk": "ap-hongkong",
    "sgp": "ap-singapore",
}
"""Names of the former API -> those of today."""
_CLOSE_REGION = 0.7
_SHOWN_OF_ID = 4
"""Characters with which all ids of a kind begin."""
_PUBLIC_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com")
"""Domains of services that put the bucket before the endpoint."""


def swapped_keys(
    names: tuple[str, str], secret_id: Secret, secret_key: Secret
) -> Iterator[Mistake]:
    """Yield the mistake of an id and a key of Tencent Cloud that stand in each other's place."""
    begins = [each.reveal().startswith(_ID_BEGINS) for each in (secret_id, secret_key)]
    if secret_id and begins == [False, True]:
        message = f"{names[0]} and {names[1]} are swapped: a SecretId begins with {_ID_BEGINS}"
        yield Mistake(names[0], message)


def swapped_access_keys(
    access_key_id: Secret, access_key_secret: Secret, form: str
) -> Iterator[Mistake]:
    """Yield the mistake of an id and a secret of a cloud that stand in each other's place.

    `form`: regular expression of all its ids; empty: they have none.
    """
    pair = (access_key_id, access_key_secret)
    if form and [bool(re.fullmatch(form, each.reveal())) for each in pair] == [False, True]:
        begins = access_key_secret.reveal()[:_SHOWN_OF_ID]
        message = f"accessKeyId and accessKeySecret are swapped: an id begins with {begins}"
        yield Mistake("accessKeyId", message)


def odd_id(name: str, secret_id: Secret) -> Iterator[Mistake]:
    """Yield a mistake when a secret id does not begin as a SecretId of Tencent Cloud does."""
    text = secret_id.reveal()
    if text[:1].isalnum() and not text.startswith(_ID_BEGINS):  # others have a warning already
        yield Mistake(name, f"it does not look like a SecretId, which begins with {_ID_BEGINS}")


def odd_region(name: str, region: str) -> Iterator[Mistake]:
    """Yield a mistake when a region is unknown, but similar to a known one."""
    if region in _REGIONS or not region:
        return
    nearest = _nearest_region(region)
    if nearest:
        yield Mistake(name, f"{region} is no known region; the nearest is {nearest}")


def parse_region(text: str) -> str:
    """Parse the short name of a region; the error for another text names the nearest."""
    try:
        return values.region(text)
    except ValueError as error:
        nearest = _nearest_region(text)
        meant = f"; the nearest is {nearest}" if nearest else ""
        raise ValueError(f"{error}{meant}") from None


def _nearest_region(text: str) -> str:
    """Return the known region that was probably meant; empty: none is similar."""
    text = text.lower()
    in_host = next((part for part in text.split(".") if part in _REGIONS), "")
    nearest = in_host or _FORMER_REGIONS.get(text) or nearest_word(text, _REGIONS, _CLOSE_REGION)
    return nearest or (f"ap-{text}" if f"ap-{text}" in _REGIONS else "")


def bucket_in_suffix(name: str, suffix: str, bucket: str) -> Iterator[Mistake]:
    """Yield the mistake of an endpoint of COS that begins with the bucket."""
    if bucket and suffix.startswith(f"{bucket}."):
        rest = suffix.removeprefix(f"{bucket}.")
        yield _begins_with_bucket(name, rest)


def bucket_in_endpoint(endpoint: str, bucket: str) -> Iterator[Mistake]:
    """Yield the mistake of an endpoint of S3 or OSS that begins with the bucket."""
    scheme, mark, host = endpoint.rpartition("://")
    name = host.partition(":")[0]
    if bucket and host.startswith(f"{bucket}.") and name.endswith(_PUBLIC_DOMAINS):
        rest = f"{scheme}{mark}{host.removeprefix(f'{bucket}.')}"
        yield _begins_with_bucket("endPoint", rest)


def _begins_with_bucket(key: str, rest: str) -> Mistake:
    return Mistake(key, f"{key} begins with the bucket, which is put before it: write {rest}")
