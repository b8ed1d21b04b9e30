"""Records taken apart again, and what a comparison with COS makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.engine.verify import CheckedRecord, judge
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.pools.results import Comparison
from cos_migrate.state import object_records

BUCKET = "examplebucket-1250000000"
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda key: not key.startswith("/")
)
odd = st.sampled_from(
    ["a], [cosPath: /b", "a], [cosPath: /x/a", "x] [url: http://y/z", "]", "[fileSize: 3]", "a\nb"]
)
FORMS = {
    "local": (
        "[taskType: migrateLocal] [bucket: {bucket}], [localPath: {name}], [cosPath: {path}]",
        "[mtime: 1700000000500], [fileSize: 5]",
        "",
    ),
    "aws": (
        "[taskType: migrateAws] [bucket: {bucket}] [cosPath: {path}]",
        "[fileSize: 5] [etag: 900150983cd24fb0d6963f7d28e17f72]",
        "900150983cd24fb0d6963f7d28e17f72",
    ),
    "upyun": (
        "[taskType: migrateUpyun] [bucket: {bucket}] [cosPath: {path}]",
        "[fileSize: 5] [etag: Mon Nov 23 06:59:47 UTC 2026]",
        "Mon Nov 23 06:59:47 UTC 2026",
    ),
    "urllist": (
        "[taskType: migrateUrl] [bucket: {bucket}] [cosPath: {path}] [url: {name}]",
        "[fileSize: 5], [lastModify: Mon, 23 Nov 2026 06:59:47 GMT]",
        "",
    ),
    "bucket copy": (
        (
            "[taskType: migrateBucketCopy] [destRegion: ap-guangzhou], [destBucketName: {bucket}], "
            "[destKey: {path}], [srcRegion: ap-shanghai], [srcBucketName: src-1250000000], "
            "[srcKey: {name}], [srcStorageClass: Standard]"
        ),
        "[srcSize: 5], [srcEtag: 900150983cd24fb0d6963f7d28e17f72], [srcStorageClass: Standard]",
        "900150983cd24fb0d6963f7d28e17f72",
    ),
}


@pytest.mark.parametrize("form", FORMS)
@given(key=keys | odd, root=st.sampled_from(["/", "/x/", "/], [cosPath: /"]))
def test_every_record_is_read_as_it_was_written(form: str, key: str, root: str) -> None:
    text, value, etag = FORMS[form]
    name = {
        "local": f"/data/{key}",
        "urllist": "http://example.com/a?b=c",
        "bucket copy": f"src/{key}",
    }.get(form, "")
    record_key = text.format(bucket=BUCKET, name=name, path=root + key).encode()
    found = object_records.parse(record_key, value.encode(), root)
    assert found is not None
    assert found.cos_path == root + key
    assert found.obj == SourceObject(name, key, Fingerprint(5, -1, etag))


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"[taskType: ",
        b"[taskType: migrateAws] [bucket: b] [cosPath: ",
        b"[taskType: migrateAws] [bucket: b] [cosPath: ]",
        b"[taskType: migrateAws] [bucket: b] [cosPath: /a",
        b"[taskType: migrateUrl] [bucket: b] [cosPath: /a]",
        b"[taskType: migrateLocal] [bucket: b], [localPath: /a]",
        b"[taskType: migrateAws] [bucket: b] [cosPath: /\xff]",
    ],
)
def test_what_no_source_has_written(key: bytes) -> None:
    assert object_records.parse(key, b"[fileSize: 5]", "/") is None


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_no_bytes_are_too_much(key: bytes, value: bytes) -> None:
    object_records.parse(object_records.PREFIX + key, value, "/")


def test_a_size_that_nobody_told() -> None:
    text = FORMS["urllist"][0].format(bucket=BUCKET, name="http://h/a", path="/a")
    found = object_records.parse(text.encode(), b"[fileSize: -1], [lastModify: ]", "/")
    assert found is not None
    assert found.obj.fingerprint.size == -1


VERDICTS = [
    # recorded size and CRC, what was found, line, code
    (5, 7, Comparison(5, 7, False, -1, -1, "r"), "[ok] check ok: /x", ""),
    (5, -1, Comparison(5, 7, False, 5, 7, "r"), "[ok] check ok: /x", ""),
    (5, -1, Comparison(5, 7, False, -1, -1, "r"), "[ok] check length ok: /x", ""),
    (5, 7, Comparison(5, -1, False, -1, -1, "r"), "[ok] check length ok: /x", ""),
    (-1, -1, Comparison(5, 7, False, -1, -1, "r"), "[ok] check exist ok: /x", ""),
    (-1, 7, Comparison(5, 7, False, -1, -1, "r"), "[ok] check ok: /x", ""),
    (5, -1, Comparison(5, 8, True, 5, 7, "r"), "[ok] check length ok: /x", ""),
    (
        5,
        -1,
        Comparison(5, 8, False, 5, 7, "r"),
        "[fail] check crc64 fail: /x. cosCrc64: 8, localCrc64: 7",
        "CheckCrc64",
    ),
    (
        5,
        8,
        Comparison(5, 7, True, -1, -1, "r"),
        "[fail] check crc64 fail: /x. cosCrc64: 7, localCrc64: 8",
        "CheckCrc64",
    ),
    (
        4,
        -1,
        Comparison(3, 7, False, 5, 7, "r"),
        "[fail] check length fail: /x. cosLength: 3, localLength: 5",
        "CheckLength",
    ),
    (
        5,
        7,
        Comparison(-1, -1, False, -1, -1, ""),
        "[fail] check exist fail: /x. localLength: 5",
        "CheckMissing",
    ),
]


@pytest.mark.parametrize(("size", "crc64", "found", "line", "code"), VERDICTS)
def test_verdicts(size: int, crc64: int, found: Comparison, line: str, code: str) -> None:
    checked = CheckedRecord("/x", SourceObject("", "x", Fingerprint(size)), "x", crc64)
    verdict = judge(checked, found)
    assert verdict.line == line
    assert (verdict.failure.code if verdict.failure else "") == code
