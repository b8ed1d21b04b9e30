"""Objects whose listed ETags show no changes are marked in every source that lists ETags."""

from __future__ import annotations

from typing import Any

import pytest

from cos_migrate.config.values import Secret
from cos_migrate.http.dates import NANO
from cos_migrate.model import Fingerprint, SourceObject, Target
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.cos_bucket.source import CosBucketSource
from cos_migrate.sources.oss.source import AliyunConfig, AliyunSource
from cos_migrate.sources.qiniu.config import QiniuConfig
from cos_migrate.sources.qiniu.source import QiniuSource
from cos_migrate.sources.upyun.config import UpyunConfig
from cos_migrate.sources.upyun.source import UpyunSource
from cos_migrate.sources.url_list.config import UrlListConfig
from cos_migrate.sources.url_list.source import UrlListSource
from cos_migrate.state.companions import source_mark
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import reply, scripted

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")
KEYS: dict[str, Any] = {"access_key_id": Secret("id"), "access_key_secret": Secret("key")}
MD5 = "9E107D9D372BB6826BD81D3542A419D6"
QETAG = "FpLiADEaVoALPkdb8tJEJyRTXoe_"
THEN = 1_795_417_187 * NANO


def fields_of(objects: list[SourceObject]) -> list[tuple[bool, int]]:
    return [(obj.weak, obj.fingerprint.mtime_ns) for obj in objects]


@pytest.mark.parametrize("etag", ["", "null", "constant", MD5, f"{MD5}-3"])
def test_oss(etag: str) -> None:
    contents = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-11-23T06:59:47.000Z</LastModified>"
        f"<ETag>&quot;{tag}&quot;</ETag><Type>Normal</Type><Size>5</Size></Contents>"
        for key, tag in (("a", etag), ("b", MD5[::-1]))
    )
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"

    def script(_: Request) -> Answer:
        return reply(body.encode())

    with scripted(script) as server:
        config = AliyunConfig(**KEYS, bucket="b", end_point=f"127.0.0.1:{server.port}")
        page = AliyunSource(config, TARGET).list_keys("", "", "")
    assert fields_of(page.objects) == [
        (not etag.startswith(MD5), THEN),
        (False, THEN),
    ]


@pytest.mark.parametrize("etag", [None, '""', '"null"', '"constant"', f'"{MD5}"', f'"{MD5}-3"'])
def test_cos(etag: str | None) -> None:
    config = CosBucketConfig(
        src_region="ap-shanghai",
        src_bucket_name="source-1250000001",
        src_secret_id=Secret("id"),
        src_secret_key=Secret("key"),
        src_cos_path="/",
    )
    rest = "<Size>5</Size><LastModified>2026-11-23T06:59:47.000Z</LastModified></Contents>"
    own = "" if etag is None else f"<ETag>{etag}</ETag>"
    contents = f"<Contents><Key>a</Key>{own}{rest}"
    contents += f'<Contents><Key>b</Key><ETag>"{MD5[::-1]}"</ETag>{rest}'
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    source = CosBucketSource(config, TARGET)
    page = source._page_of(body.encode())
    tells = etag is not None and MD5 in etag
    assert fields_of(source.objects_of(page.columns)) == [(not tells, THEN), (False, THEN)]
    assert source.is_weak(Fingerprint(5, THEN, (etag or "").strip('"'))) is not tells


@pytest.mark.parametrize("etag", ["", "constant", QETAG, "l" + QETAG[1:]])
def test_qiniu(etag: str) -> None:
    config = QiniuConfig(**KEYS, bucket="b", end_point="127.0.0.1:9", uc_host="127.0.0.1:9")
    items = [
        {"key": key, "hash": tag, "fsize": 5, "putTime": THEN // 100}
        for key, tag in (("a", etag), ("b", QETAG[:-1] + "x"))
    ]
    objects = QiniuSource(config, TARGET)._objects(items)
    assert fields_of(objects) == [(len(etag) != len(QETAG), THEN), (False, THEN)]


def test_sources_whose_records_hold_times(tmp_path: object) -> None:
    upyun = UpyunSource(UpyunConfig(**KEYS, bucket="b"), TARGET)
    assert not upyun.is_weak(Fingerprint(5, THEN))
    urls = UrlListSource(UrlListConfig(urllist_path=str(tmp_path)), TARGET)
    assert not urls.is_weak(Fingerprint(5, THEN, "e"))
    assert urls.is_weak(Fingerprint(5, -1, "e"))


def test_a_place_names_bucket_service_and_folder_alone() -> None:
    def place(**more: object) -> str:
        fields = {**KEYS, "bucket": "b", "end_point": "oss.example.com", **more}
        return source_mark(AliyunSource(AliyunConfig(**fields), TARGET))

    assert place() == place(src_https=True, access_key_secret=Secret("other"))
    assert len({place(), place(bucket="c"), place(prefix="p/"), place(end_point="x.com")}) == 4
