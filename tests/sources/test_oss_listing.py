"""Listings of OSS as it and others write them."""

from __future__ import annotations

import oss2
import pytest

from cos_migrate.model import Fingerprint
from cos_migrate.sources.xml_listing import parse_listed_time, read_marker_page
from tests.fakes.messages import Answer, Request
from tests.fakes.oss_server import BUCKET, KEY_ID, SECRET, OssServer
from tests.fakes.scripted import reply, scripted
from tests.sources.clouds import OssCloud
from tests.sources.listings import names_of

FULL = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"><EncodingType>url</EncodingType>
<IsTruncated>true</IsTruncated><NextMarker>a%20b</NextMarker><Contents><Key>a+%2B/%E6%96%87</Key>
<LastModified>2026-11-23T06:59:47.000Z</LastModified><ETag>"AB12"</ETag><Type>Symlink</Type>
<Size>3</Size></Contents><CommonPrefixes><Prefix>c%20d/</Prefix></CommonPrefixes>
</ListBucketResult>"""
BARE = b"""<ListBucketResult><IsTruncated>False</IsTruncated>
<Contents><Key> a+%20b </Key><Size>3</Size></Contents></ListBucketResult>"""
STRICT = b"""<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>
<Contents><Key>a+%2B</Key><LastModified>2026-11-23T06:59:47.000Z</LastModified><ETag>"AB"</ETag>
<Type>Normal</Type><Size>3</Size><StorageClass>Standard</StorageClass></Contents>
</ListBucketResult>"""


@pytest.mark.parametrize(
    ("document", "entry", "folders", "truncated"),
    [
        (FULL, ("a +/\u6587", 3, 1795417187, "AB12", "Symlink"), ["c d/"], True),
        (BARE, (" a+%20b ", 3, -1, "", ""), [], False),
        (STRICT, ("a +", 3, 1795417187, "AB", "Normal"), [], False),
    ],
)
def test_listings_as_others_write_them(
    document: bytes, entry: tuple[object, ...], folders: list[str], truncated: bool
) -> None:
    listing = read_marker_page(document, ("Type",))
    [key], [size], [etag], [time], *_ = listing.columns
    seconds = parse_listed_time(time) // 10**9
    assert (key, size, seconds, etag, *(text for [text] in listing.more)) == entry
    assert listing.folders == folders
    assert listing.truncated == truncated


@pytest.mark.parametrize(
    "document",
    [
        b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>",
        BARE.replace(b"<Size>3</Size>", b""),
        BARE.replace(b"<Key> a+%20b </Key>", b""),
        b"<Error><Code>X</Code></Error>",
        b"<ListBucket",
    ],
)
def test_documents_that_are_no_listings(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"its XML|IsTruncated|invalid literal|names no key"):
        read_marker_page(document, ("Type",))


def test_a_listing_is_read_as_the_sdk_reads_it(oss: OssServer) -> None:
    for name in ("a b", "a+b", "c/d", "\u6587/x", "&<>'\"", "e%20f", "\x01"):
        oss.put(name, name.encode())
    bucket = oss2.Bucket(oss2.Auth(KEY_ID, SECRET), f"http://127.0.0.1:{oss.port}", BUCKET)
    for delimiter in ("", "/"):
        theirs = bucket.list_objects(delimiter=delimiter, max_keys=100)
        page = OssCloud(oss).source().list_keys("", "", delimiter)
        assert [(obj.name, obj.fingerprint) for obj in page.objects] == [
            (each.key, Fingerprint(each.size, each.last_modified * 10**9, each.etag))
            for each in theirs.object_list
        ]
        assert page.folders == theirs.prefix_list


def test_an_empty_page_that_leads_on() -> None:
    """Legal where many keys were deleted."""

    def script(asked: Request) -> Answer:
        marker = dict(asked.params)["marker"]
        head = "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextMarker>k%2B1"
        entry = (
            "<IsTruncated>false</IsTruncated><Contents><Key>x</Key><Size>1</Size><ETag>e</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><Type>Normal</Type>"
            "<StorageClass>Standard</StorageClass></Contents>"
        )
        inner = entry if marker == "k+1" else f"{head}</NextMarker>"
        return reply(f"<ListBucketResult>{inner}</ListBucketResult>".encode())

    with scripted(script) as server, OssServer() as oss:
        assert names_of(OssCloud(oss).source(end_point=f"127.0.0.1:{server.port}")) == ["x"]
