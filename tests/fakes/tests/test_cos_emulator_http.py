"""Who is let into the embedded COS, and how it speaks HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import Account, EmbeddedCos
from tests.fakes.cos_server import serve
from tests.fakes.cos_wire import BUCKET, HOST, SECRET_ID, SECRET_KEY, Call, Wire, call


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    with serve(tmp_path / "cos", min_part_size=4) as server:
        yield server


DOC_ID, DOC_KEY = "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q", "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"
DOC_SPAN = "1557989151;1557996351"
DOC_HEADERS = {
    "Date": "Thu, 16 May 2019 06:45:51 GMT",
    "Host": "examplebucket-1250000000.cos.ap-beijing.myqcloud.com",
    "Content-Type": "text/plain",
    "Content-Length": "13",
    "Content-MD5": "mQ/fVh815F3k6TAUm8m0eg==",
    "x-cos-acl": "private",
    "x-cos-grant-read": 'uin="100000000011"',
    "Authorization": (
        f"q-sign-algorithm=sha1&q-ak={DOC_ID}&q-sign-time={DOC_SPAN}&q-key-time={DOC_SPAN}"
        "&q-header-list=content-length;content-md5;content-type;date;host;x-cos-acl;"
        "x-cos-grant-read&q-url-param-list="
        "&q-signature=3b8851a11a569213c17ba8fa7dcf2abec6935172"
    ),
}


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (1557989151, ""),
        (1557996351, ""),
        (1557996352, "AccessDenied"),
        (1557989151 - 899, ""),
        (1557989151 - 901, "RequestTimeTooSkewed"),
    ],
)
def test_the_documentation_s_own_example(tmp_path: Path, moment: float, code: str) -> None:
    """The signature that Tencent published, at moments around its span."""
    with (
        EmbeddedCos(
            tmp_path / "cos", secret_id=DOC_ID, secret_key=DOC_KEY, clock=lambda: moment
        ) as cos,
        Wire(cos.port) as wire,
    ):
        example = Call("PUT", "exampleobject(腾讯云)")
        wire.send(example.head(DOC_HEADERS) + b"ObjectContent")
        got = wire.read()
        assert (got.status, got.code) == (403 if code else 200, code)


def refused(cos: EmbeddedCos, sent: Call, headers: dict[str, str]) -> str:
    with Wire(cos.port) as wire:
        wire.send(sent.head(headers) + sent.body)
        got = wire.read(sent.method)
    assert got.status == 403
    assert got.headers["x-cos-trace-id"]
    return got.code


def test_signatures_that_are_not_right(cos: EmbeddedCos) -> None:
    put = Call("PUT", "k", headers={"x-cos-meta-a": "1"}, params=(("x", "1"),))
    right = put.signed()
    with Wire(cos.port) as wire:
        wire.send(put.head(right))
        assert wire.read().status == 200
    assert refused(cos, Call("PUT", "l", params=put.params), right) == "SignatureDoesNotMatch"
    assert refused(cos, Call("PUT", "k", params=(("x", "2"),)), right) == "SignatureDoesNotMatch"
    assert refused(cos, Call("PUT", "k"), right) == "SignatureDoesNotMatch"
    assert refused(cos, put, {**right, "x-cos-meta-a": "2"}) == "SignatureDoesNotMatch"
    assert refused(cos, put, {**right, "host": f"other-{HOST}"}) == "SignatureDoesNotMatch"
    assert refused(cos, put, put.signed(secret_key="other")) == "SignatureDoesNotMatch"
    assert refused(cos, put, put.signed(secret_id="other")) == "InvalidAccessKeyId"
    assert refused(cos, put, put.signed(start=-600, end=-1)) == "AccessDenied"
    assert refused(cos, put, put.signed(start=2000, end=3000)) == "RequestTimeTooSkewed"
    signature = put.signed(start=-600, end=-1)["authorization"]
    span = signature.partition("q-sign-time=")[2].partition("&")[0]
    longer = signature.replace(f"q-key-time={span}", "q-key-time=0;9999999999")
    assert refused(cos, put, {**right, "authorization": longer}) == "AccessDenied"
    del right["authorization"]
    assert refused(cos, put, right) == "AccessDenied"


@pytest.mark.parametrize(
    ("signed", "sent"),
    [
        (b"?x=1", b"?x=2&x=1"),
        (b"?x=1", b"?x=1&x=2"),
        (b"?x=1", b"?X=2&x=1"),
        (b"?x=1", b"?x=1&%58=2"),
        (b"PUT /", b"PUT http://other-1250000000.cos.ap-guangzhou.myqcloud.com/"),
    ],
)
def test_nothing_slips_in_beside_what_was_signed(
    cos: EmbeddedCos, signed: bytes, sent: bytes
) -> None:
    head = Call("PUT", "k", params=(("x", "1"),)).head()
    for start, status in ((head, 200), (head.replace(signed, sent), 403)):
        with Wire(cos.port) as wire:
            wire.send(start)
            assert wire.read().status == status
    assert cos.keys("other-1250000000") == []


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "nonsense",
        "q-sign-algorithm=sha1&q-ak=",
        (
            f"q-sign-algorithm=md5&q-ak={SECRET_ID}&q-sign-time=1;2&q-key-time=1;2&q-header-list="
            "&q-url-param-list=&q-signature=0"
        ),
        (
            f"q-sign-algorithm=sha1&q-ak={SECRET_ID}&q-sign-time=1&q-key-time=x;y&q-header-list="
            "&q-url-param-list=&q-signature=0"
        ),
        (
            f"q-sign-algorithm=sha1&q-ak={SECRET_ID}&q-sign-time=0;9999999999"
            "&q-key-time=0;9999999999&q-header-list=nothing&q-url-param-list=&q-signature=\xe9"
        ),
    ],
)
def test_signatures_that_are_none(cos: EmbeddedCos, authorization: str) -> None:
    refused(cos, Call("GET", "k"), {"host": HOST, "authorization": authorization})


def test_tokens_and_several_accounts(tmp_path: Path) -> None:
    others = [Account("other-id", "other-key")]
    with serve(tmp_path / "cos", token="session", more_accounts=others) as cos:
        assert call(cos.port, "PUT", "k").code == "InvalidToken"
        wrong = {"x-cos-security-token": "stale"}
        assert call(cos.port, "PUT", "k", headers=wrong).code == "InvalidToken"
        right = {"x-cos-security-token": "session"}
        assert call(cos.port, "PUT", "k", headers=right).status == 200
        get = Call("GET", "k")
        with Wire(cos.port) as wire:
            wire.send(get.head(get.signed(secret_id="other-id", secret_key="other-key")))
            assert wire.read().status == 200
        assert "session" not in repr(cos.accounts)
        assert SECRET_KEY not in repr(cos.accounts)


def test_pipelined_requests_are_answered_in_order(cos: EmbeddedCos) -> None:
    calls = [Call("PUT", f"k{n}", body=b"x" * n) for n in range(5)]
    calls += [Call("HEAD", "k3"), Call("GET", "k4"), Call("GET", "none"), Call("HEAD", "none")]
    with Wire(cos.port) as wire:
        wire.send(b"".join(c.head() + c.body for c in calls))
        got = [wire.read(c.method) for c in calls]
    assert [g.status for g in got] == [200] * 7 + [404, 404]
    assert (got[5].headers["Content-Length"], got[6].body) == ("3", b"xxxx")
    assert {seen.connection for seen in cos.requests} == {1}
    assert len({g.headers["x-cos-request-id"] for g in got}) == len(got)


def test_expect_100_continue(cos: EmbeddedCos) -> None:
    with Wire(cos.port) as wire:
        put = Call("PUT", "k", headers={"expect": "100-continue"}, body=b"body")
        wire.send(put.head())
        assert wire.read().status == 100
        wire.send(put.body)
        assert wire.read().status == 200
        wrong = Call("PUT", "k" * 851, headers={"expect": "100-continue"}, body=b"body")
        wire.send(wrong.head())
        got = wire.read()
        assert (got.status, got.code) == (400, "KeyTooLong"), "no 100 for what is refused"
        assert got.headers["Connection"] == "close"


def test_chunked_bodies(cos: EmbeddedCos) -> None:
    put = Call("PUT", "k", headers={"transfer-encoding": "chunked"})
    with Wire(cos.port) as wire:
        wire.send(put.head() + b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n")
        assert wire.read().status == 200
        assert wire.call(Call("GET", "k")).body == b"abcdefg"
        wire.send(put.head() + b"-3\r\nabc\r\n")
        assert wire.read().code == "IncompleteBody"
    assert cos.object_bytes(BUCKET, "k") == b"abcdefg"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1 more\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"PUT /k HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"PUT /k HTTP/1.1\r\nContent-Length: abc\r\n\r\n", 400),
        (b"PUT /k HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n", 400),
        (b"GET http://[::1/k HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"PUT /k HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /k HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ],
)
def test_requests_that_are_none(cos: EmbeddedCos, head: bytes, status: int) -> None:
    with Wire(cos.port) as wire:
        wire.send(head)
        assert wire.read().status == status
        assert wire.closed()
    assert call(cos.port, "PUT", "k").status == 200


def test_a_body_that_ends_too_early_leaves_nothing(cos: EmbeddedCos, tmp_path: Path) -> None:
    call(cos.port, "PUT", "k", body=b"old")
    with Wire(cos.port) as wire:
        wire.send(Call("PUT", "k", body=b"x" * 1000).head() + b"x" * 10)
    with Wire(cos.port) as wire:
        wire.send(Call("PUT", "k", body=b"x" * 1000).head() + b"x" * 10)
        wire.sock.shutdown(1)
        assert wire.read().code == "IncompleteBody"
    cos.stop()
    assert cos.object_bytes(BUCKET, "k") == b"old"
    assert not list((tmp_path / "cos" / ".tmp").iterdir())


@pytest.mark.parametrize(
    "host",
    [
        HOST,
        f"{BUCKET}.cos.ap-beijing.tencentcos.cn",
        f"{BUCKET}.localhost:1234",
        f"{BUCKET.upper()}.anything",
    ],
)
def test_ways_to_name_a_bucket(cos: EmbeddedCos, host: str) -> None:
    assert call(cos.port, "PUT", "k", host=host, body=b"x").status == 200
    assert cos.keys(BUCKET) == ["k"]


def test_the_absolute_form_of_a_proxy(cos: EmbeddedCos) -> None:
    put = Call("PUT", "a b", body=b"x")
    with Wire(cos.port) as wire:
        wire.send(put.head().replace(b"PUT /", f"PUT http://{HOST}/".encode()) + b"x")
        assert wire.read().status == 200
    assert cos.keys(BUCKET) == ["a b"]


@pytest.mark.parametrize(
    "head",
    [
        b"PUT /k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PUT /k HTTP/1.1\r\nContent-Length: 900000000000\r\n\r\n",
    ],
)
def test_an_unsigned_body_without_end_is_cut_off(cos: EmbeddedCos, head: bytes) -> None:
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = 0
    with Wire(cos.port) as wire:
        wire.send(head)
        with contextlib.suppress(OSError):
            while sent < 256 << 20:
                wire.send(piece)
                sent += len(piece)
    assert sent < 8 << 20, "what the server reads, and what the system buffers"


def test_what_is_not_offered_is_refused_and_changes_nothing(cos: EmbeddedCos) -> None:
    call(cos.port, "PUT", "k", body=b"data")
    for method, params in (("PUT", "retention"), ("GET", "versions"), ("POST", "select")):
        got = call(cos.port, method, "k", params=((params, ""),), body=b"<x/>"[: len(method) - 3])
        assert (got.status, got.code) == (501, "NotImplemented")
    assert call(cos.port, "POST", "k").code == "MethodNotAllowed"
    assert call(cos.port, "PUT", "k", params=(("uploads", ""),)).code == "MethodNotAllowed"
    assert cos.object_bytes(BUCKET, "k") == b"data"
