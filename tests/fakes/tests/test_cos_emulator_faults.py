"""The faults that the embedded COS can be told to make, seen from a client; TLS and the log."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcrc
import pytest
import trustme

from cos_migrate.emulator import KINDS, EmbeddedCos, Fault
from cos_migrate.emulator.__main__ import _parser
from tests.fakes.cos_wire import BUCKET, HOST, SECRET_ID, SECRET_KEY, Call, Wire, call
from tests.polling import wait_until

BODY = b"0123456789" * 100
CRC = str(fastcrc.crc64.xz(BODY))


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    with EmbeddedCos(tmp_path / "cos", secret_id=SECRET_ID, secret_key=SECRET_KEY) as server:
        yield server


def hit(cos: EmbeddedCos, kind: str, **fields: Any) -> Fault:
    fault = Fault(kind, **fields)
    cos.faults.append(fault)
    return fault


def put(key: str = "k", **headers: str) -> Call:
    return Call("PUT", key, headers=headers, body=BODY)


def test_status_reads_the_body_and_keeps_the_connection(cos: EmbeddedCos) -> None:
    fault = hit(cos, "status", status=503, code="SlowDown", retry_after=7, times=2)
    with Wire(cos.port) as wire:
        for _ in range(2):
            got = wire.call(put())
            assert (got.status, got.code, got.headers["Retry-After"]) == (503, "SlowDown", "7")
        assert wire.call(put()).status == 200
    assert cos.hits(fault) == 2
    assert [seen.fault for seen in cos.requests] == ["status", "status", ""]


def test_early_answers_before_the_body(cos: EmbeddedCos) -> None:
    hit(cos, "early", status=500)
    with Wire(cos.port) as wire:
        wire.send(Call("PUT", "k", headers={"content-length": "1000000"}).head())
        got = wire.read()
        assert (got.status, got.headers["Connection"]) == (500, "close")
    assert cos.keys(BUCKET) == []


@pytest.mark.parametrize(
    ("kind", "stored"), [("reset", False), ("reset-early", False), ("drop", True), ("hang", False)]
)
def test_no_answer(cos: EmbeddedCos, kind: str, stored: bool) -> None:
    hit(cos, kind, seconds=0.1 if kind == "hang" else 0)
    with Wire(cos.port) as wire, pytest.raises(ConnectionError):
        wire.call(put())
    assert cos.keys(BUCKET) == (["k"] if stored else [])
    assert cos.requests[0].status == 0


def test_half_an_answer(cos: EmbeddedCos) -> None:
    call(cos.port, "PUT", "k", body=BODY)
    fault = hit(cos, "truncate", times=3)
    with Wire(cos.port) as wire:
        wire.send(Call("GET", "k").head())
        raw = b""
        while piece := wire.sock.recv(65536):
            raw += piece
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"Content-Length: 1000" in head
    assert body == BODY[:500]
    for sent in (put("l"), Call("HEAD", "k")):
        with Wire(cos.port) as wire, pytest.raises(ConnectionError, match="cut short"):
            wire.call(sent)
    assert cos.hits(fault) == 3
    assert cos.object_bytes(BUCKET, "l") == BODY, "the answer is cut, not the operation"


def test_lies(cos: EmbeddedCos) -> None:
    for kind in ("wrong-crc", "no-crc", "wrong-etag"):
        hit(cos, kind, operation="PutObject")
    assert call(cos.port, "PUT", "a", body=BODY).headers["x-cos-hash-crc64ecma"] != CRC
    assert "x-cos-hash-crc64ecma" not in call(cos.port, "PUT", "b", body=BODY).headers
    assert call(cos.port, "PUT", "c", body=BODY).headers["ETag"] == f'"{"0" * 32}"'
    for key in "abc":
        assert cos.object_bytes(BUCKET, key) == BODY
    hit(cos, "corrupt", operation="PutObject")
    told = call(cos.port, "PUT", "d", body=BODY).headers["x-cos-hash-crc64ecma"]
    stored = cos.object_bytes(BUCKET, "d")
    assert told == str(fastcrc.crc64.xz(stored)) != CRC
    assert sum(one != other for one, other in zip(stored, BODY, strict=True)) == 1


def test_an_error_in_a_200(cos: EmbeddedCos) -> None:
    call(cos.port, "PUT", "k", body=BODY)
    hit(cos, "error-in-200", operation="PutObjectCopy", code="SlowDown")
    copy = Call("PUT", "copy", headers={"x-cos-copy-source": f"{HOST}/k"})
    with Wire(cos.port) as wire:
        got = wire.call(copy)
        assert (got.status, got.code) == (200, "SlowDown")
        assert cos.keys(BUCKET) == ["k"]
        assert wire.call(copy).status == 200


def test_connections_that_end_behind_a_good_answer(cos: EmbeddedCos) -> None:
    for kind, said in (("close", "close"), ("stale", "keep-alive")):
        hit(cos, kind)
        with Wire(cos.port) as wire:
            got = wire.call(put())
            assert (got.status, got.headers["Connection"]) == (200, said)
            assert wire.closed()


def test_which_requests_are_hit(cos: EmbeddedCos) -> None:
    fault = hit(cos, "status", method="PUT", key="^a", query="x=2", skip=1, times=1)
    sent = [("b", "2"), ("a", "1"), ("a", "2"), ("a", "2"), ("ab", "2")]
    statuses = [call(cos.port, "PUT", key, params=(("x", x),)).status for key, x in sent]
    assert statuses == [200, 200, 200, 500, 200]
    assert cos.hits(fault) == 1
    hit(cos, "status", times=-1)
    assert [call(cos.port, "GET", "a").status for _ in range(3)] == [500] * 3
    cos.faults.clear()
    assert call(cos.port, "GET", "a").status == 200


def test_latency_and_what_was_under_way(cos: EmbeddedCos) -> None:
    cos.latency = 1.0
    threads = [
        threading.Thread(target=call, args=(cos.port, "PUT", f"k{n}"), kwargs={"body": BODY})
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cos.most_at_once == 6
    assert cos.at_once == 0
    assert all(seen.ended - seen.started >= 1.0 for seen in cos.requests)
    assert (cos.connections, len({seen.connection for seen in cos.requests})) == (6, 6)
    cos.latency = 0
    hit(cos, "slow", seconds=0.2)
    began = time.monotonic()
    assert call(cos.port, "GET", "k0").body == BODY
    assert time.monotonic() - began >= 0.2
    cos.reset()
    assert (cos.requests, cos.most_at_once) == ([], 0)


def test_a_stop_does_not_wait_for_what_hangs(tmp_path: Path) -> None:
    cos = EmbeddedCos(tmp_path / "cos", secret_id=SECRET_ID, secret_key=SECRET_KEY)
    cos.start()
    hit(cos, "hang", seconds=60)
    with Wire(cos.port) as wire:
        wire.send(put().head() + BODY)
        wait_until(lambda: cos.hits(cos.faults[0]))
        began = time.monotonic()
        cos.stop()
        assert time.monotonic() - began < 30


def test_kinds_that_are_none() -> None:
    for wrong in ("nonsense", "status,what=1", "status,times=x", "status,key=("):
        with pytest.raises(ValueError, match=r"legal|invalid|regular"):
            Fault.parse(wrong)
    fault = Fault.parse("status,operation=PutObject,status=503,code=SlowDown,times=-1")
    assert (fault.kind, fault.status, fault.code, fault.times) == ("status", 503, "SlowDown", -1)
    described = _parser().format_help()
    assert all(f"\n  {kind} " in described for kind in KINDS)
    assert Fault.parse("slow,seconds=0.5,key=^a").seconds == 0.5


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Path, Path, ssl.SSLContext]:
    authority = trustme.CA()
    issued = authority.issue_cert(f"*.{HOST.partition('.')[2]}", "127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.private_key_pem.write_to_path(key)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(cert, append=True)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return cert, key, context


def test_tls_plain_and_a_tunnel_on_one_port(
    tmp_path: Path, tls: tuple[Path, Path, ssl.SSLContext]
) -> None:
    cert, key, context = tls
    with EmbeddedCos(
        tmp_path / "cos",
        secret_id=SECRET_ID,
        secret_key=SECRET_KEY,
        tls=(cert, key),
    ) as cos:
        assert call(cos.port, "PUT", "plain", body=BODY).status == 200
        with Wire(cos.port) as wire, context.wrap_socket(wire.sock, server_hostname=HOST) as sock:
            sock.sendall(Call("GET", "plain").head())
            assert received(sock).endswith(BODY)
        with Wire(cos.port) as wire:
            wire.send(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
            assert wire.sock.recv(4096).split()[1] == b"200"
            with context.wrap_socket(wire.sock, server_hostname=HOST) as sock:
                sock.sendall(put("tunnelled").head() + BODY)
                assert b" 200 OK" in received(sock)
        assert cos.keys(BUCKET) == ["plain", "tunnelled"]


def received(sock: ssl.SSLSocket) -> bytes:
    """Return one whole answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].split()[0])
    while len(body) < size:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def test_the_program_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        required = ("--dir", str(tmp_path), "--secret-id", "a", "--secret-key", "b")
        return subprocess.run(
            [sys.executable, "-m", "cos_migrate.emulator", *required, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    for words, said in (
        (("--fault", "nonsense"), "nonsense is no fault"),
        (("--cert", "x"), "--cert and --key go together"),
        (("--port", "99999"), "error"),
    ):
        answer = run(*words)
        assert answer.returncode == 2
        assert said in answer.stderr
        assert "Traceback" not in answer.stderr


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C cannot be sent to one process")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_program_stops_when_it_is_told_to(tmp_path: Path, name: str) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cos_migrate.emulator", "--dir", str(tmp_path / "d")),
            *("--secret-id", SECRET_ID, "--secret-key", SECRET_KEY, "--latency-ms", "1"),
            *("--fault", "status,operation=PutObject,status=503,code=SlowDown"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    port = int(process.stdout.readline().rpartition(":")[2])
    with Wire(port) as wire:
        assert wire.call(put()).code == "SlowDown"
        assert wire.call(put()).status == 200
        process.send_signal(getattr(signal, name))
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert (tmp_path / "d" / BUCKET / "k").read_bytes() == BODY


def test_a_bucket_s_metadata_can_be_read_by_anyone(cos: EmbeddedCos) -> None:
    call(cos.port, "PUT", "a/b", headers={"x-cos-meta-a": "1"}, body=BODY)
    (line,) = (cos.store.folder / ".meta" / f"{BUCKET}.jsonl").read_text("ascii").splitlines()
    fields = json.loads(line)
    assert (fields["key"], fields["size"], fields["crc64"]) == ("a/b", 1000, int(CRC))
    assert fields["headers"]["x-cos-meta-a"] == "1"
