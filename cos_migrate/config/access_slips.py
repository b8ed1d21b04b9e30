"""Detects keys of access that look wrong together: credentials, regions, endpoints."""

from __future__ import annotations

from collections.abc import Iterator

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


def odd_id(name: str, secret_id: Secret) -> Iterator[Mistake]:
    """Yield the doubt about a secret id that does not begin as those of Tencent Cloud do."""
    text = secret_id.reveal()
    if text[:1].isalnum() and not text.startswith(_ID_BEGINS):  # others have a warning already
        yield Mistake(name, f"it does not look like a SecretId, which begins with {_ID_BEGINS}")


def odd_region(name: str, region: str) -> Iterator[Mistake]:
    """Yield the doubt about a region that is nearly, and not quite, a known one."""
    if region in _REGIONS or not region:
        return
    nearest = _FORMER_REGIONS.get(region) or nearest_word(region, _REGIONS, _CLOSE_REGION)
    if not nearest and f"ap-{region}" in _REGIONS:
        nearest = f"ap-{region}"
    if nearest:
        yield Mistake(name, f"{region} is no known region; the nearest is {nearest}")


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
