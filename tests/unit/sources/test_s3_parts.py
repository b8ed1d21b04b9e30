"""Where an S3 bucket is reached, and what its ACLs mean on COS."""

from __future__ import annotations

import pytest

from cos_migrate.model import KeyColumns
from cos_migrate.sources.s3.acl import convert_acl
from cos_migrate.sources.s3.endpoint import Endpoint
from cos_migrate.sources.s3.listing import build_query, parse
from cos_migrate.sources.s3.sdk import regional_host
from tests.fakes.s3_store import acl_document, kept_of

ALL = "http://acs.amazonaws.com/groups/global/AllUsers"
CAM_ALL = "http://cam.qcloud.com/groups/global/AllUsers"
SIGNED_IN = "http://cam.qcloud.com/groups/global/AuthenticatedUsers"
ACCOUNT = "qcs::cam::uin/100000000002:uin/100000000002"


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("s3.amazonaws.com", "us-east-1"),
        ("s3.us-east-1.amazonaws.com", "us-east-1"),
        ("s3-us-west-2.amazonaws.com", "us-west-2"),
        ("s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ("s3.dualstack.ap-southeast-2.amazonaws.com", "ap-southeast-2"),
        ("s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("s3-fips-us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("s3-external-1.amazonaws.com", "us-east-1"),
        ("s3-accelerate.amazonaws.com", "us-east-1"),
        ("s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("s3.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
        ("bucket.vpce-1a2b.s3.us-east-2.vpce.amazonaws.com", "us-east-2"),
        ("s3.eu-central-1.wasabisys.com", "eu-central-1"),
        ("s3.us-west-004.backblazeb2.com", "us-west-004"),
        ("minio.example.com", "us-east-1"),
        ("127.0.0.1", "us-east-1"),
    ],
)
def test_regions(host: str, region: str) -> None:
    assert Endpoint.of(host, "b-1", https=True).region == region


@pytest.mark.parametrize(
    ("end_point", "bucket", "https", "base"),
    [
        ("s3.us-east-1.amazonaws.com", "b-1", False, "http://b-1.s3.us-east-1.amazonaws.com"),
        ("s3.us-east-1.amazonaws.com", "b-1", True, "https://b-1.s3.us-east-1.amazonaws.com"),
        ("b-1.s3.eu-west-3.amazonaws.com", "b-1", False, "http://b-1.s3.eu-west-3.amazonaws.com"),
        ("s3.s3.example.com", "s3", False, "http://s3.s3.example.com/s3"),
        ("https://s3.example.com:9000", "b-1", False, "https://b-1.s3.example.com:9000"),
        ("S3.Example.COM:9000", "b-1", False, "http://b-1.s3.example.com:9000"),
        ("http://s3.example.com", "b-1", True, "http://b-1.s3.example.com"),
        ("10.0.0.7:9000", "b-1", False, "http://10.0.0.7:9000/b-1"),
        ("localhost:9000", "b-1", False, "http://localhost:9000/b-1"),
        ("storage:9000", "b-1", False, "http://storage:9000/b-1"),
        ("s3.example.com", "Upper_Case", False, "http://s3.example.com/Upper_Case"),
        ("s3.example.com", "dotted.name", False, "http://dotted.name.s3.example.com"),
        ("s3.example.com", "dotted.name", True, "https://s3.example.com/dotted.name"),
    ],
)
def test_addresses(end_point: str, bucket: str, https: bool, base: str) -> None:
    assert Endpoint.of(end_point, bucket, https=https).base == base


def test_where_another_region_is() -> None:
    assert regional_host("eu-west-1") == "s3.eu-west-1.amazonaws.com"
    china = "s3.cn-northwest-1.amazonaws.com.cn"
    assert regional_host("cn-northwest-1") == china
    assert regional_host("nowhere") == "s3.nowhere.amazonaws.com"


def acl(*grants: tuple[str, str], same: bool = False) -> tuple[dict[str, str], tuple[str, ...]]:
    return convert_acl(acl_document(kept_of(b"", grants=grants)), same_accounts=same)


def test_acls_of_another_cloud() -> None:
    assert acl() == ({"x-cos-acl": "private"}, ())
    assert acl(("READ", ALL)) == ({"x-cos-acl": "public-read"}, ())
    assert acl(("READ", ALL), ("WRITE", ALL)) == ({"x-cos-acl": "public-read"}, ())
    headers, warnings = acl(("FULL_CONTROL", ALL))
    assert headers == {"x-cos-acl": "public-read"}
    assert len(warnings) == 1
    for grant in (("READ", ACCOUNT), ("READ", SIGNED_IN), ("READ_ACP", ALL), ("READ", "0" * 64)):
        headers, warnings = acl(grant)
        assert headers == {"x-cos-acl": "private"}
        assert len(warnings) == 1
        assert grant[0] in warnings[0]


def test_acls_of_tencents_own_cloud() -> None:
    assert acl(("READ", CAM_ALL), same=True) == ({"x-cos-acl": "public-read"}, ())
    assert acl(("READ", SIGNED_IN), same=True) == ({"x-cos-acl": "authenticated-read"}, ())
    both, warnings = acl(("READ", CAM_ALL), ("FULL_CONTROL", ACCOUNT), same=True)
    assert both == {
        "x-cos-grant-read": 'id="qcs::cam::anyone:anyone"',
        "x-cos-grant-full-control": f'id="{ACCOUNT}"',
    }
    assert warnings == ()
    headers, warnings = acl(("READ", "ceph-user"), ("READ", f'{ACCOUNT}", id="x'), same=True)
    assert headers == {"x-cos-acl": "private"}
    assert len(warnings) == 2
    headers, warnings = acl(("READ", SIGNED_IN), ("READ", ACCOUNT), same=True)
    assert headers == {"x-cos-grant-read": f'id="{ACCOUNT}"'}
    assert len(warnings) == 1


@pytest.mark.parametrize("document", [b"", b"<a>", b"<Error><Code>x</Code></Error>"])
def test_documents_that_are_something_else(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"XML|Error"):
        convert_acl(document, same_accounts=False)
    with pytest.raises(ValueError, match=r"XML|Error"):
        parse(document)


def test_a_listing_without_a_namespace_or_an_encoding() -> None:
    """As some services answer: keys then stand there as they are."""
    found = parse(
        b"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a%20+b</Key>"
        b"<Size>7</Size></Contents><CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>"
        b"</ListBucketResult>"
    )
    assert found.columns == KeyColumns(["a%20+b"], [7], [""], [""], [], reliable=False)
    assert (found.folders, found.truncated, found.is_v2) == (["c/"], True, False)


def test_queries_are_in_the_order_of_their_signature() -> None:
    query = build_query("a b/", "a b/\u00fc", "/", v2=True)
    assert query == (
        "delimiter=%2F&encoding-type=url&list-type=2&max-keys=1000&prefix=a%20b%2F"
        "&start-after=a%20b%2F%C3%BC"
    )
    query = build_query("", "x", "", v2=True, token="t/1")
    assert query == "continuation-token=t%2F1&encoding-type=url&list-type=2&max-keys=1000&prefix="
    assert "marker=x" in build_query("", "x", "", v2=False)
