"""The tests' OSS, judged by Alibaba's own SDK, and by requests that no SDK would send."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import oss2
import pytest
import requests

from tests.fakes.certificates import issue
from tests.fakes.oss_server import BEIJING, BUCKET, HANGZHOU, KEY_ID, SECRET, OssServer
from tests.fakes.oss_signature import Account
from tests.fakes.oss_store import Bucket, crc64_of

ODD_NAMES = [
    "a b+c%41&d?e=f.txt",
    "文/件 😀",
    "x//y",
    "dir/",
    "a'b\"<c>",
    "?first",
    "tail ",
    "\x01",
]
TEMPORARY = Account("STS.Temp", "temp-secret", "the-token")


@pytest.fixture(name="oss")
def _oss() -> Iterator[OssServer]:
    with OssServer(accounts=(Account(KEY_ID, SECRET), TEMPORARY)) as oss:
        yield oss


def client(
    oss: OssServer,
    *,
    v4: bool = False,
    key_id: str = KEY_ID,
    secret: str = SECRET,
    token: str = "",
    endpoint: str = "",
    bucket: str = BUCKET,
    **more: Any,
) -> Any:
    """Return oss2's bucket: by path, or through the server as proxy when `endpoint` is given."""
    auth: Any = (oss2.AuthV4 if v4 else oss2.Auth)(key_id, secret)
    if token:
        version = oss2.AUTH_VERSION_4 if v4 else oss2.AUTH_VERSION_1
        auth = oss2.StsAuth(key_id, secret, token, auth_version=version)
    here = f"http://127.0.0.1:{oss.port}"
    proxies = {"http": here} if endpoint else None
    return oss2.Bucket(
        auth, endpoint or here, bucket, proxies=proxies, region="cn-hangzhou", **more
    )


def refused(call: Any, *words: Any, **named: Any) -> Any:
    """Return the error that a call ends in."""
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        call(*words, **named)
    return caught.value


@pytest.mark.parametrize("v4", [False, True])
@pytest.mark.parametrize("endpoint", ["", f"http://{HANGZHOU}"])
def test_objects_go_in_and_out_by_the_sdk(oss: OssServer, v4: bool, endpoint: str) -> None:
    bucket = client(oss, v4=v4, endpoint=endpoint, is_verify_object_strict=False)
    for number, name in enumerate(ODD_NAMES):
        data = bytes(range(256)) * number
        # oss2 compares the CRC-64 that comes back with its own, each way.
        put = bucket.put_object(
            name, data, headers={"x-oss-meta-note": "Größe".encode(), "Cache-Control": "no-cache"}
        )
        assert put.crc == crc64_of(data)
        got = bucket.get_object(name)
        assert got.read() == data
        assert got.headers["x-oss-meta-note"].encode("latin-1") == "Größe".encode()
        assert got.headers["Cache-Control"] == "no-cache"
        assert got.headers["ETag"] == f'"{hashlib.md5(data).hexdigest().upper()}"'
        md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
        assert got.headers["Content-MD5"] == md5
        assert got.object_type == "Normal"
    assert {seen.notes["signed"] for seen in oss.seen} == {"v4" if v4 else "v1"}
    assert {seen.proxied for seen in oss.seen} == {bool(endpoint)}
    listed = [found.key for found in oss2.ObjectIterator(bucket, max_keys=3)]
    assert listed == sorted(ODD_NAMES)
    assert [found.key for found in oss2.ObjectIteratorV2(bucket, max_keys=3)] == listed
    bucket.delete_object("dir/")
    assert not bucket.object_exists("dir/")


@pytest.mark.parametrize("v4", [False, True])
def test_urls_are_signed_by_the_sdk(oss: OssServer, v4: bool) -> None:
    data = b"0123456789"
    for name in ["a b+c%41&d?e=f.txt", "文/件 😀", "x//y"]:
        oss.put(name, data)
        for more in ({}, {"params": {"response-content-type": "text/x"}}):
            url = client(oss, v4=v4).sign_url("GET", name, 60, **more)
            got = requests.get(url, headers={"Range": "bytes=2-4"}, timeout=120)
            assert (got.status_code, got.content) == (206, b"234")
            assert requests.head(url, timeout=120).status_code == 403
            assert (
                requests.get(url.replace("/x//y", "/x/y") + "&acl", timeout=120).status_code == 403
            )
    assert {seen.notes["signed"] for seen in oss.downloads()} == {"v4-url" if v4 else "v1-url"}
    late = client(oss, v4=v4).sign_url("GET", "x//y", 60)
    oss.clock = lambda: time.time() + 120
    got = requests.get(late, timeout=120)
    assert got.status_code == 403
    assert "<Message>Request has expired.</Message>" in got.text


@pytest.mark.parametrize("v4", [False, True])
def test_wrong_signatures_are_refused(oss: OssServer, v4: bool) -> None:
    oss.put("a", b"x")
    wrong = client(oss, v4=v4, secret="guessed")
    error = refused(wrong.get_object, "a")
    assert (error.status, error.code) == (403, "SignatureDoesNotMatch")
    assert refused(wrong.list_objects).code == "SignatureDoesNotMatch"
    assert requests.get(wrong.sign_url("GET", "a", 60), timeout=120).status_code == 403
    unknown = client(oss, v4=v4, key_id="LTAInobody")
    assert refused(unknown.get_object, "a").code == "InvalidAccessKeyId"
    # To HEAD the document comes in a header.
    assert refused(unknown.head_object, "a").code == "InvalidAccessKeyId"
    oss.clock = lambda: time.time() + 3600
    assert refused(client(oss, v4=v4).get_object, "a").code == "RequestTimeTooSkewed"
    assert requests.get(f"http://127.0.0.1:{oss.port}/{BUCKET}/a", timeout=120).status_code == 403
    assert not oss.downloads()


@pytest.mark.parametrize("v4", [False, True])
def test_a_signature_holds_for_one_request_only(oss: OssServer, v4: bool) -> None:
    oss.put("a", b"x")
    oss.put("b", b"y")
    client(oss, v4=v4).get_object("a", headers={"x-oss-traffic-limit": "819200"}).read()
    seen = {
        name: value
        for name, value in oss.seen[-1].headers.items()
        if name.startswith("x-oss-") or name in {"date", "authorization"}
    }
    here = f"http://127.0.0.1:{oss.port}/{BUCKET}"

    def tried(url: str, method: str = "GET", **changed: str) -> int:
        return requests.request(method, url, headers={**seen, **changed}, timeout=120).status_code

    assert tried(f"{here}/a") == 200
    assert tried(f"{here}/b") == 403
    assert tried(f"{here}/a?acl") == 403
    assert tried(f"{here}/a", "DELETE") == 403
    assert tried(f"{here}/a", **{"x-oss-traffic-limit": "819201"}) == 403
    assert tried(f"{here}/a", **{"content-type": "text/plain"}) == 403
    # V4 signs every parameter, V1 the known ones only.
    assert tried(f"{here}/a?other=1") == (403 if v4 else 200)


@pytest.mark.parametrize("v4", [False, True])
def test_temporary_credentials_want_their_token(oss: OssServer, v4: bool) -> None:
    oss.put("a", b"x")
    who = {"key_id": TEMPORARY.key_id, "secret": TEMPORARY.secret, "v4": v4}
    good = client(oss, token="the-token", **who)  # type: ignore[arg-type]
    assert good.get_object("a").read() == b"x"
    assert requests.get(good.sign_url("GET", "a", 60), timeout=120).content == b"x"
    other = client(oss, token="another", **who)  # type: ignore[arg-type]
    assert refused(other.get_object, "a").code == "InvalidSecurityToken"
    oss.fixed[TEMPORARY.key_id] = dataclasses.replace(TEMPORARY, expired=True)
    assert refused(good.get_object, "a").code == "SecurityTokenExpired"


def test_ranges(oss: OssServer) -> None:
    bucket = client(oss)
    oss.put("a", b"0123456789")
    got = bucket.get_object("a", byte_range=(2, 5))
    assert (got.status, got.read(), got.content_range) == (206, b"2345", "bytes 2-5/10")
    assert bucket.get_object("a", byte_range=(7, None)).read() == b"789"
    assert bucket.get_object("a", byte_range=(None, 3)).read() == b"789"
    # What does not fit is ignored, unless the standard's behaviour is wanted.
    assert bucket.get_object("a", byte_range=(5, 10)).status == 200
    assert bucket.get_object("a", byte_range=(10, 12)).read() == b"0123456789"
    standard = {"x-oss-range-behavior": "standard"}
    got = bucket.get_object("a", byte_range=(5, 10), headers=standard)
    assert (got.status, got.read()) == (206, b"56789")
    error = refused(bucket.get_object, "a", byte_range=(10, 12), headers=standard)
    assert (error.status, error.code) == (416, "InvalidRange")
    oss.put("empty")
    assert bucket.get_object("empty").read() == b""


def test_conditions(oss: OssServer) -> None:
    bucket = client(oss)
    made = oss.put("a", b"x", modified=1_700_000_000)
    later = "Tue, 14 Nov 2023 22:14:20 GMT"
    earlier = "Tue, 14 Nov 2023 22:12:20 GMT"

    def status(**headers: str) -> int:
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return int(bucket.get_object("a", headers=named).status)
        except oss2.exceptions.OssError as error:
            return int(error.status)

    assert status(If_Match=f'"{made.etag}"') == status(If_Match=made.etag) == 200
    assert status(If_Match='"other"') == 412
    assert status(If_None_Match=f'"{made.etag}"') == 304
    assert status(If_None_Match="other") == 200
    assert status(If_Modified_Since=later) == 304
    assert status(If_Modified_Since=earlier) == 200
    assert status(If_Unmodified_Since=later) == 200
    assert status(If_Unmodified_Since=earlier) == 412


def test_what_head_and_the_listing_tell(oss: OssServer) -> None:
    bucket = client(oss)
    headers = {"Content-Type": "text/x", "Expires": "tomorrow", "x-oss-meta-a": "b"}
    made = oss.put("m", b"xyz", headers, parts=3, modified=1_700_000_000, storage_class="IA")
    assert made.etag.endswith("-3")
    told = bucket.head_object("m")
    assert (told.object_type, told.etag, told.content_length) == ("Multipart", made.etag, 3)
    assert (told.last_modified, told.server_crc) == (1_700_000_000, crc64_of(b"xyz"))
    assert told.headers["x-oss-storage-class"] == "IA"
    assert told.headers["Expires"] == "tomorrow"
    assert "Content-MD5" not in told.headers
    assert bucket.get_object_meta("m").content_length == 3
    (found,) = bucket.list_objects().object_list
    assert (found.key, found.size, found.etag) == ("m", 3, made.etag)
    assert (found.last_modified, found.type, found.storage_class) == (
        1_700_000_000,
        "Multipart",
        "IA",
    )
    assert refused(bucket.head_object, "gone").status == 404
    assert refused(bucket.get_object, "gone").code == "NoSuchKey"


def test_listing_by_prefix_delimiter_and_marker(oss: OssServer) -> None:
    bucket = client(oss)
    for name in ["a", "b/1", "b/2", "b/c/3", "d/4", "e"]:
        oss.put(name)
    page = bucket.list_objects(delimiter="/", max_keys=2)
    assert ([o.key for o in page.object_list], page.prefix_list) == (["a"], ["b/"])
    assert (page.is_truncated, page.next_marker) == (True, "b/")
    page = bucket.list_objects(delimiter="/", max_keys=2, marker="b/")
    assert ([o.key for o in page.object_list], page.prefix_list) == (["e"], ["d/"])
    assert not page.is_truncated
    page = bucket.list_objects(prefix="b/", marker="b/1")
    assert [o.key for o in page.object_list] == ["b/2", "b/c/3"]
    page = bucket.list_objects_v2(start_after="b/2", max_keys=2)
    assert [o.key for o in page.object_list] == ["b/c/3", "d/4"]
    assert refused(bucket.list_objects, max_keys=1001).code == "InvalidArgument"


def test_acls_and_bucket_information(oss: OssServer) -> None:
    bucket = client(oss)
    oss.put("a", b"x", acl="public-read")
    assert bucket.get_object_acl("a").acl == "public-read"
    bucket.put_object_acl("a", oss2.OBJECT_ACL_PRIVATE)
    assert bucket.get_object_acl("a").acl == "private"
    assert bucket.get_bucket_info().extranet_endpoint == HANGZHOU
    assert bucket.get_bucket_location().location == "oss-cn-hangzhou"
    assert bucket.get_bucket_acl().acl == "private"


def test_archived_objects_must_be_restored(oss: OssServer) -> None:
    bucket = client(oss)
    oss.put("cold", b"x", storage_class="Archive")
    error = refused(bucket.get_object, "cold")
    assert (error.status, error.code) == (403, "InvalidObjectState")
    assert bucket.head_object("cold").headers["x-oss-storage-class"] == "Archive"
    done = 'ongoing-request="false", expiry-date="Sun, 16 Apr 2028 08:12:33 GMT"'
    oss.put("cold", b"x", storage_class="Archive", restore=done)
    assert bucket.get_object("cold").read() == b"x"
    assert bucket.list_objects().object_list[0].restore_info == done


def test_symbolic_links_lead_to_their_target(oss: OssServer) -> None:
    bucket = client(oss)
    made = oss.put("target", b"xyz", {"Content-Type": "text/x"})
    link = oss.put("link", target="target")
    listed = {found.key: found for found in bucket.list_objects().object_list}
    assert (listed["link"].type, listed["link"].etag) == ("Symlink", link.etag)
    got = bucket.get_object("link")
    assert (got.read(), got.etag, got.object_type) == (b"xyz", made.etag, "Symlink")
    assert bucket.head_object("link").content_type == "text/x"
    oss.store.delete(BUCKET, "target")
    assert refused(bucket.get_object, "link").code == "SymlinkTargetNotExist"


def test_over_tls_and_through_a_tunnel(tmp_path: Path) -> None:
    host, ca = f"{BUCKET}.{HANGZHOU}", tmp_path / "ca.pem"
    with OssServer(tls=issue(ca, "127.0.0.1", host)) as oss:
        oss.put("a", b"x")
        url = client(oss).sign_url("GET", "a", 60)
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(ca)
            assert session.get(url.replace("http:", "https:"), timeout=120).content == b"x"
            session.proxies = {"https": f"http://127.0.0.1:{oss.port}"}
            address = f"https://{host}/a?{urlsplit(url).query}"
            assert session.get(address, timeout=120).content == b"x"
        assert oss.seen[-1].host == host
        assert not oss.seen[-1].proxied


def test_buckets_answer_at_their_own_endpoint() -> None:
    with OssServer(buckets=(Bucket(BUCKET, endpoint=BEIJING),)) as oss:
        oss.put("a", b"x")
        error = refused(client(oss, endpoint=f"http://{HANGZHOU}").list_objects)
        assert (error.status, error.code) == (403, "AccessDenied")
        assert error.details["Endpoint"] == BEIJING
        assert client(oss, endpoint=f"http://{BEIJING}").get_object("a").read() == b"x"
        error = refused(client(oss, endpoint=f"http://{BEIJING}", bucket="none").list_objects)
        assert (error.status, error.code) == (404, "NoSuchBucket")


def test_an_account_may_be_denied_operations() -> None:
    blind = Account(KEY_ID, SECRET, denied=frozenset({"ListObjects"}))
    with OssServer(accounts=(blind,)) as oss:
        oss.put("a", b"x")
        error = refused(client(oss).list_objects)
        assert (error.status, error.code) == (403, "AccessDenied")
        assert "Endpoint" not in error.details
        assert client(oss).get_object("a").read() == b"x"


def test_hosts_tell_the_bucket(oss: OssServer) -> None:
    oss.put("a", b"x")
    url = urlsplit(client(oss).sign_url("GET", "a", 60))
    for host in (f"{BUCKET}.localhost:{oss.port}", f"{BUCKET}.{HANGZHOU}"):
        address = f"http://127.0.0.1:{oss.port}/a?{url.query}"
        got = requests.get(address, headers={"Host": host}, timeout=120)
        assert got.content == b"x"


@pytest.mark.parametrize("v4", [False, True])
def test_tags(oss: OssServer, v4: bool) -> None:
    bucket = client(oss, v4=v4)
    bucket.put_object("a", b"x", headers={"x-oss-tagging": "group=IT%20%2F&k=v"})
    assert bucket.head_object("a").headers["x-oss-tagging-count"] == "2"
    found = bucket.get_object_tagging("a").tag_set.tagging_rule
    assert found == {"group": "IT /", "k": "v"}
