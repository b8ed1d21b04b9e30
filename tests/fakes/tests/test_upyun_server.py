"""The Upyun of the tests is what the official SDK takes for one, and checks what it must."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import upyun

from tests.fakes.faults import Fault
from tests.fakes.messages import http_date
from tests.fakes.upyun_server import END, SERVICE, UpyunServer, error
from tests.fakes.upyun_tokens import OPERATOR, PASSWORD

BASIC = {"Authorization": f"Basic {b64encode(f'{OPERATOR}:{PASSWORD}'.encode()).decode()}"}


@pytest.fixture
def server() -> Iterator[UpyunServer]:
    with UpyunServer() as server:
        yield server


def sdk(server: UpyunServer, password: str = PASSWORD, operator: str = OPERATOR) -> Any:
    client = upyun.UpYun(SERVICE, operator, password, timeout=120, endpoint=server.address)
    client.hp.session.trust_env = False
    return client


def ask(
    server: UpyunServer, method: str, path: str, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    link = http.client.HTTPConnection(server.address, timeout=120)
    try:
        sent = BASIC if headers is None else headers
        link.request(method, f"/{SERVICE}/{quote(path)}", headers=sent)
        got = link.getresponse()
        return got.status, {k.lower(): v for k, v in got.getheaders()}, got.read()
    finally:
        link.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:upyun")
class TestSdk:
    def test_files_go_up_and_come_back(self, server: UpyunServer) -> None:
        client = sdk(server)
        for key in ("/a.txt", "/b/c.bin", "/\u4e2d/\U0001f600 x", "/q?x=1&y#z+%41"):
            body = f"content of {key}"
            client.put(key, body, checksum=True, headers={"Content-Type": "text/plain"})
            assert client.get(key) == body
            told = client.getinfo(key)
            assert told["file-type"] == "file"
            assert told["file-size"] == str(len(body.encode()))
            assert told["content-md5"] == hashlib.md5(body.encode()).hexdigest()
        assert client.getinfo("/b")["file-type"] == "folder"
        assert client.usage() == str(sum(entry.sent for entry in server.asked("Get")))

    def test_folders_are_listed_in_pages(self, server: UpyunServer) -> None:
        names = [f"{number:04}" for number in range(250)]
        for name in names:
            server.put(f"f/{name}", b"xyz")
        server.put("f/sub/x", b"")
        for order, wanted in (("asc", [*names, "sub"]), ("desc", ["sub", *reversed(names)])):
            found: list[dict[str, str]] = []
            at = None
            while at != END:
                page = sdk(server).get_list_with_iter("/f", limit=100, order=order, begin=at)
                found += page["files"]
                at = page["iter"]
            assert [item["name"] for item in found] == wanted
            assert {item["type"] for item in found} == {"F", "N"}
        server.seen.clear()
        assert len(sdk(server).getlist("/f")) == 100
        assert len(list(sdk(server).iterlist("/f", limit=10_000))) == 251

    def test_folders_are_made_and_removed(self, server: UpyunServer) -> None:
        client = sdk(server)
        client.mkdir("/x/y")
        assert [item["name"] for item in client.getlist("/")] == ["x"]
        with pytest.raises(upyun.UpYunServiceException) as caught:
            client.delete("/x")
        assert caught.value.status == 403
        client.delete("/x/y")
        client.delete("/x")
        assert client.getlist("/") == []

    def test_what_is_missing(self, server: UpyunServer) -> None:
        for name in ("get", "getinfo", "getlist", "delete"):
            with pytest.raises(upyun.UpYunServiceException) as caught:
                getattr(sdk(server), name)("/none")
            assert caught.value.status == 404

    def test_signatures(self, server: UpyunServer) -> None:
        server.put("a", b"x")
        for client in (sdk(server, "wrong"), sdk(server, operator="other")):
            with pytest.raises(upyun.UpYunServiceException) as caught:
                client.getlist("/")
            assert caught.value.status == 401
            assert json.loads(caught.value.err)["code"] in {40100005, 40100006}


def test_a_signature_is_over_method_path_and_time(server: UpyunServer) -> None:
    server.put("a", b"x")
    server.put("b", b"y")
    password = hashlib.md5(PASSWORD.encode()).hexdigest()

    def signed(method: str, path: str, date: str) -> dict[str, str]:
        signature = upyun.make_signature(
            username=OPERATOR, password=password, method=method, uri=path, date=date
        )
        return {"Authorization": signature, "Date": date}

    now, old = http_date(time.time()), http_date(time.time() - 2000)
    path = f"/{SERVICE}/a"
    assert ask(server, "GET", "a", signed("GET", path, now))[0] == 200
    assert ask(server, "GET", "b", signed("GET", path, now))[0] == 401
    assert ask(server, "HEAD", "a", signed("GET", path, now))[0] == 401
    assert ask(server, "GET", "a", signed("GET", path, old))[0] == 401
    assert ask(server, "GET", "a", {})[0] == 401
    assert ask(server, "GET", "a", BASIC)[0] == 200
    wrong = {"Authorization": f"Basic {b64encode(f'{OPERATOR}:no'.encode()).decode()}"}
    assert ask(server, "GET", "a", wrong)[0] == 401


def test_json_listing(server: UpyunServer) -> None:
    server.put("f/tab\there", b"12345", mime="text/plain", modified=1_600_000_000)
    server.mkdir("f/empty")
    status, headers, body = ask(server, "GET", "f/", {**BASIC, "Accept": "application/json"})
    assert (status, headers["x-upyun-list-iter"]) == (200, END)
    document = json.loads(body)
    assert document["iter"] == END
    assert document["files"] == [
        {"name": "empty", "type": "folder", "length": 0, "last_modified": 1_700_000_000},
        {"name": "tab\there", "type": "text/plain", "length": 5, "last_modified": 1_600_000_000},
    ]
    for wrong in ({"X-List-Limit": "0"}, {"X-List-Limit": "10001"}, {"X-List-Iter": "nonsense"}):
        assert ask(server, "GET", "f/", {**BASIC, **wrong})[0] == 400


def test_ranges_and_headers(server: UpyunServer) -> None:
    body = bytes(range(200))
    server.put("f", body, mime="image/png", modified=1_600_000_000, meta={"colour": "red"})
    status, headers, part = ask(server, "GET", "f", {**BASIC, "Range": "bytes=190-300"})
    assert (status, part) == (206, body[190:])
    assert headers["content-range"] == "bytes 190-199/200"
    assert headers["etag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert headers["last-modified"] == "Sun, 13 Sep 2020 12:26:40 GMT"
    assert headers["x-upyun-meta-colour"] == "red"
    assert ask(server, "GET", "f", {**BASIC, "Range": "bytes=200-"})[0] == 416
    assert server.asked("Get")[0].sent == 10
    server.tells_md5 = False
    assert "content-md5" not in ask(server, "HEAD", "f")[1]


def test_services_and_permissions(server: UpyunServer) -> None:
    server.service = "another"
    assert json.loads(ask(server, "GET", "")[2])["msg"] == "bucket not exist"
    server.service, server.may_read = SERVICE, False
    assert ask(server, "GET", "")[0] == 401


@pytest.mark.parametrize("loops", ["stay", "restart"])
def test_iterators_that_lead_nowhere(server: UpyunServer, loops: str) -> None:
    for number in range(4):
        server.put(f"{number}", b"")
    server.loops = loops
    pages, at = [], ""
    for _ in range(3):
        headers = {**BASIC, "X-List-Limit": "2", **({"X-List-Iter": at} if at else {})}
        _, told, body = ask(server, "GET", "", headers)
        at = told["x-upyun-list-iter"]
        pages.append(body)
    assert pages[0] == pages[1] == pages[2]


def test_faults(server: UpyunServer) -> None:
    server.put("f", b"0123456789")
    server.faults.append(Fault("status", "Get", answer=error(503, 50300000, "busy")))
    assert [ask(server, "GET", "f")[0] for _ in range(2)] == [503, 200]
    server.faults.append(Fault("flip", "Get", at=3))
    assert ask(server, "GET", "f")[2] == b"0122456789"
    with server.cut(4), pytest.raises(http.client.IncompleteRead):
        ask(server, "GET", "f")
    assert ask(server, "GET", "f")[2] == b"0123456789"
