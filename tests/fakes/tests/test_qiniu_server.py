"""The Qiniu of the tests is what the official SDK takes for one, and checks what it must."""

from __future__ import annotations

import hashlib
import http.client
import io
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import qiniu
import requests
from qiniu import utils as qiniu_utils
from qiniu.http.endpoint import Endpoint
from qiniu.http.region import Region, ServiceName
from qiniu.http.regions_provider import QueryRegionsProvider

from tests.fakes.faults import Fault
from tests.fakes.messages import Answer
from tests.fakes.qiniu_server import (
    ARCHIVE,
    BUCKET,
    QiniuServer,
    error,
    qetag,
)
from tests.fakes.qiniu_tokens import ACCESS_KEY, SECRET_KEY

KEYS = (
    "a",
    "/slash",
    "//two",
    "d//e",
    "q?x=1&y#z",
    "100%41 +",
    "\u4e2d/\U0001f600",
    " ",
    ".",
    "x/",
)


@pytest.fixture
def server() -> Iterator[QiniuServer]:
    with QiniuServer() as server:
        yield server


def manager(server: QiniuServer, secret: str = SECRET_KEY) -> Any:
    services = {
        ServiceName.RS: [Endpoint.from_host(f"http://{server.rs}")],
        ServiceName.RSF: [Endpoint.from_host(f"http://{server.rsf}")],
        ServiceName.UC: [Endpoint.from_host(f"http://{server.uc}")],
    }
    return qiniu.BucketManager(qiniu.Auth(ACCESS_KEY, secret), regions=[Region(services=services)])


def url_of(server: QiniuServer, key: str, expires: int = 3600, secret: str = SECRET_KEY) -> str:
    base = f"http://{server.domain}/{quote(key)}"
    return str(qiniu.Auth(ACCESS_KEY, secret).private_download_url(base, expires))


def fetch(server: QiniuServer, url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    host = f"http://{server.domain}"
    link = http.client.HTTPConnection(server.domain, timeout=120)
    try:
        link.request("GET", url.removeprefix(host), headers=headers)
        got = link.getresponse()
        return got.status, {k.lower(): v for k, v in got.getheaders()}, got.read()
    finally:
        link.close()


def test_the_sdk_lists_everything_in_pages(server: QiniuServer) -> None:
    wanted = sorted({f"k/{number:05}" for number in range(2003)} | set(KEYS), key=str.encode)
    for key in wanted:
        server.put(key, key.encode())
    found, marker = [], None
    while True:
        page, eof, info = manager(server).list(BUCKET, marker=marker, limit=1000)
        assert info.status_code == 200
        found += page["items"]
        if eof:
            break
        marker = page["marker"]
    assert [item["key"] for item in found] == wanted
    assert all(item["hash"] == qetag(item["key"].encode()) for item in found)
    assert len(server.asked("List")) == 3


def test_the_sdk_lists_by_prefix_and_delimiter(server: QiniuServer) -> None:
    for key in ("a/1", "a/2/x", "a/2/y", "a/3", "a/4/z", "b"):
        server.put(key, b"")
    page, eof, _ = manager(server).list(BUCKET, prefix="a/", delimiter="/")
    assert eof
    assert [item["key"] for item in page["items"]] == ["a/1", "a/3"]
    assert page["commonPrefixes"] == ["a/2/", "a/4/"]
    found, marker = [], None
    while True:
        page, eof, _ = manager(server).list(BUCKET, "a/", marker, 1, "/")
        found += [item["key"] for item in page["items"]] + page["commonPrefixes"]
        marker = page.get("marker")
        if eof:
            break
    assert found == ["a/1", "a/2/", "a/3", "a/4/"]


def test_the_sdk_stats(server: QiniuServer) -> None:
    server.knows_md5 = True
    for key in KEYS:
        stored = server.put(key, b"content", mime="text/plain", put_time=17_000_000_000_000_001)
        told, info = manager(server).stat(BUCKET, key)
        assert info.status_code == 200
        assert told == {
            "fsize": 7,
            "hash": stored.etag,
            "mimeType": "text/plain",
            "putTime": 17_000_000_000_000_001,
            "type": 0,
            "status": 0,
            "md5": hashlib.md5(b"content").hexdigest(),
        }
    told, info = manager(server).stat(BUCKET, "missing")
    assert (told, info.status_code) == (None, 612)
    assert manager(server).stat("other", "a")[1].status_code == 631


def test_the_sdk_asks_for_domains_buckets_and_regions(server: QiniuServer) -> None:
    assert manager(server).list_domains(BUCKET)[0] == [server.domain]
    assert manager(server).buckets()[0] == [BUCKET]
    endpoint = Endpoint.from_host(f"http://{server.uc}")
    [region] = QueryRegionsProvider(ACCESS_KEY, BUCKET, [endpoint])
    assert region.services[ServiceName.RSF][0].host == server.rsf
    with pytest.raises(RuntimeError, match="631"):
        list(QueryRegionsProvider(ACCESS_KEY, "other", [endpoint]))


def test_wrong_keys_and_no_permission(server: QiniuServer) -> None:
    server.put("a", b"")
    wrong = manager(server, "wrong")
    assert wrong.list(BUCKET)[2].status_code == 401
    assert wrong.stat(BUCKET, "a")[1].status_code == 401
    server.may_list = False
    assert manager(server).list(BUCKET)[2].status_code == 403
    assert manager(server).list("other")[2].status_code == 631
    server.may_list = True
    assert manager(server).list(BUCKET, marker="nonsense")[2].status_code == 640
    assert manager(server).list(BUCKET, limit=1001)[2].status_code == 400


def test_both_management_tokens(server: QiniuServer) -> None:
    server.put("a", b"")
    url = f"http://{server.rsf}/list?bucket={BUCKET}"
    auth = qiniu.Auth(ACCESS_KEY, SECRET_KEY)
    with requests.Session() as session:
        session.trust_env = False
        old = {"Authorization": f"QBox {auth.token_of_request(url)}"}
        assert session.get(url, headers=old).status_code == 200
        assert session.get(url + "&prefix=x", headers=old).status_code == 401
        assert session.get(url).status_code == 401
        mac = qiniu.QiniuMacAuth(ACCESS_KEY, SECRET_KEY)
        for age, status in ((0, 200), (1200, 403)):
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age))
            headers = {"X-Qiniu-Date": stamp, "Content-Type": "text/plain"}
            token = mac.token_of_request(
                "GET", server.rsf, url, f"X-Qiniu-Date: {stamp}", "text/plain"
            )
            headers["Authorization"] = f"Qiniu {token}"
            assert session.get(url, headers=headers).status_code == status


def test_downloads(server: QiniuServer) -> None:
    for key in KEYS:
        server.put(key, key.encode(), mime="text/plain", meta={"colour": "red"})
        status, headers, body = fetch(server, url_of(server, key))
        assert (status, body) == (200, key.encode())
        assert headers["etag"] == f'"{qetag(key.encode())}"'
        assert headers["content-type"] == "text/plain"
        assert headers["x-qn-meta-!colour"] == "red"
    body = bytes(range(200))
    server.put("f", body)
    status, headers, part = fetch(server, url_of(server, "f"), Range="bytes=10-19")
    assert (status, part) == (206, body[10:20])
    assert headers["content-range"] == "bytes 10-19/200"
    assert fetch(server, url_of(server, "f"), Range="bytes=200-")[0] == 416
    assert fetch(server, url_of(server, "missing"))[0] == 404
    assert [entry.sent for entry in server.asked("GetObject")][-3] == 10


def test_download_tokens(server: QiniuServer) -> None:
    server.put("f", b"x")
    plain = f"http://{server.domain}/f"
    assert fetch(server, plain)[0] == 401
    assert fetch(server, url_of(server, "f", -1))[0] == 401
    assert fetch(server, url_of(server, "f", secret="wrong"))[0] == 401
    assert fetch(server, url_of(server, "f").replace("/f?", "/g?"))[0] == 401
    server.private = False
    assert fetch(server, plain)[0] == 200
    server.domain_bucket = ""
    assert fetch(server, plain)[0] == 404


def test_archived_objects(server: QiniuServer) -> None:
    server.put("f", b"x", type=ARCHIVE)
    assert fetch(server, url_of(server, "f"))[0] == 403
    assert "restoreStatus" not in manager(server).stat(BUCKET, "f")[0]
    server.restore("f")
    assert fetch(server, url_of(server, "f"))[0] == 200
    assert manager(server).stat(BUCKET, "f")[0]["restoreStatus"] == 2


@pytest.mark.parametrize("size", [0, 1, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9 << 20])
def test_qetags_are_those_of_the_sdk(size: int) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    body = body[:size]
    assert qetag(body) == qiniu_utils.etag_stream(io.BytesIO(body))


def test_faults(server: QiniuServer) -> None:
    server.put("f", b"0123456789")
    url = url_of(server, "f")
    server.faults.append(Fault("status", "GetObject", times=2, skip=1, answer=error(503, "busy")))
    assert [fetch(server, url)[0] for _ in range(4)] == [200, 503, 503, 200]
    server.faults.append(Fault("flip", at=3))
    assert fetch(server, url)[2] == b"0122456789"
    with server.cut(4), pytest.raises(http.client.IncompleteRead) as caught:
        fetch(server, url)
    assert caught.value.partial == b"0123"
    server.faults.append(Fault("reset"))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        fetch(server, url)
    server.faults.append(Fault("call", action=lambda: server.put("f", b"new")))
    assert fetch(server, url)[2] == b"new"
    server.faults.append(Fault("slow", seconds=0.05, answer=Answer(200)))
    assert fetch(server, url)[2] == b"new"
    server.faults.append(Fault("hang", seconds=0.05))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        fetch(server, url)


def test_odd_listings(server: QiniuServer) -> None:
    for number in range(5):
        server.put(f"{number}", b"")
    server.empty_pages = True
    page, eof, _ = manager(server).list(BUCKET)
    assert (page["items"], eof) == ([], False)
    page, eof, _ = manager(server).list(BUCKET, marker=page["marker"])
    assert (len(page["items"]), eof) == (5, True)
    server.empty_pages = False
    page, _, _ = manager(server).list(BUCKET, limit=2)
    assert [item["key"] for item in page["items"]] == ["0", "1"]
    server.faults.append(Fault("repeat", "List"))
    page, _, _ = manager(server).list(BUCKET, limit=2, marker=page["marker"])
    assert [item["key"] for item in page["items"]] == ["0", "1"]


def test_requests_as_to_a_proxy(server: QiniuServer) -> None:
    server.names["rsf.example.test"] = "rsf"
    server.put("a", b"")
    url = f"http://rsf.example.test/list?bucket={BUCKET}"
    token = qiniu.Auth(ACCESS_KEY, SECRET_KEY).token_of_request(url)
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": f"http://{server.rsf}"}
        got = session.get(url, headers={"Authorization": f"QBox {token}"})
    assert got.json()["items"][0]["key"] == "a"
    assert server.asked("List")[0].proxied
