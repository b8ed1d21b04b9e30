"""TLS, proxies, fail-over between domains, short connections: the ways to COS."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Tool

MIB = 1 << 20


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A CA, and a certificate of its own for every name the tests use."""
    authority = trustme.CA()
    names = (f"{BUCKET}.localhost", f"{BUCKET}.cos.ap-guangzhou.myqcloud.com")
    issued = authority.issue_cert(*names)
    ca, cert, key = tmp_path / "ca.pem", tmp_path / "cert.pem", tmp_path / "key.pem"
    authority.cert_pem.write_to_path(str(ca))
    issued.cert_chain_pems[0].write_to_path(str(cert))
    issued.private_key_pem.write_to_path(str(key))
    return ca, cert, key


@pytest.fixture
def tls_cos(tmp_path: Path, certificates: tuple[Path, Path, Path]) -> Iterator[EmbeddedCos]:
    _, cert, key = certificates
    folder = tmp_path / "tls"
    folder.mkdir()
    with EmbeddedCos(folder, secret_id=SECRET_ID, secret_key=SECRET_KEY, tls=(cert, key)) as server:
        yield server


def some_files(tool: Tool) -> None:
    for number in range(40):
        tool.put(f"{number}", str(number) * 100)
    tool.put("big", b"b" * (7 * MIB))


def test_tls_with_a_private_ca(
    tls_cos: EmbeddedCos, tool: Tool, certificates: tuple[Path, Path, Path]
) -> None:
    some_files(tool)
    tool.port = tls_cos.port
    tool.common |= {"https": "on", "caFile": str(certificates[0])}
    ended = tool.run()
    assert ended.code == 0, ended.err
    assert len(tls_cos.keys(BUCKET)) == 41
    # Kept alive: far fewer connections than requests.
    assert len({seen.connection for seen in tls_cos.requests}) < len(tls_cos.requests)


def test_tls_with_the_ca_of_the_environment(
    tls_cos: EmbeddedCos, tool: Tool, certificates: tuple[Path, Path, Path]
) -> None:
    tool.put("a")
    tool.port = tls_cos.port
    tool.common["https"] = "on"
    assert tool.run(environ={"SSL_CERT_FILE": str(certificates[0])}).code == 0


def test_a_certificate_that_is_not_trusted(tls_cos: EmbeddedCos, tool: Tool) -> None:
    some_files(tool)
    tool.port = tls_cos.port
    tool.common["https"] = "on"
    ended = tool.run()
    assert ended.code == 1
    assert "CertificateInvalid" in ended.err
    assert "caFile" in ended.out
    assert not tls_cos.requests


def test_an_http_proxy_gets_absolute_targets(cos: EmbeddedCos, tool: Tool) -> None:
    some_files(tool)
    tool.common |= {
        "endPointSuffix": "",
        "proxyHost": "127.0.0.1",
        "proxyPort": str(cos.port),
        "proxyUser": "me",
        "proxyPassword": "proxy-pass",
    }
    ended = tool.run()
    assert ended.code == 0, ended.err
    assert len(cos.keys(BUCKET)) == 41
    hosts = {seen.headers["host"] for seen in cos.requests}
    assert hosts == {f"{BUCKET}.cos.ap-guangzhou.myqcloud.com"}
    expected = "Basic " + base64.b64encode(b"me:proxy-pass").decode()
    assert {seen.headers["proxy-authorization"] for seen in cos.requests} == {expected}
    assert "proxy-pass" not in ended.out + ended.err + tool.log("info.log")


def test_an_upload_is_continued_through_a_proxy(cos: EmbeddedCos, tool: Tool) -> None:
    """Listing the parts is another client's work: the proxy must not tell the two apart."""
    tool.put("big", b"b" * (12 * MIB))
    tool.common |= {
        "endPointSuffix": "",
        "proxyHost": "127.0.0.1",
        "proxyPort": str(cos.port),
        "proxyUser": "ich",
        "proxyPassword": "prüfwort",
        "requestTryCount": "1",
    }
    cos.faults.append(Fault(kind="status", query="partNumber=2&", times=-1))
    assert tool.run().code == 1
    cos.faults.clear()
    cos.requests.clear()
    assert tool.run().code == 0
    assert "ListParts" in {seen.operation for seen in cos.requests}
    expected = "Basic " + base64.b64encode("ich:prüfwort".encode()).decode()
    assert {seen.headers.get("proxy-authorization") for seen in cos.requests} == {expected}


def test_an_https_tunnel_through_a_proxy(
    tls_cos: EmbeddedCos, tool: Tool, certificates: tuple[Path, Path, Path]
) -> None:
    some_files(tool)
    tool.common |= {
        "endPointSuffix": "",
        "https": "on",
        "caFile": str(certificates[0]),
        "proxyHost": "127.0.0.1",
        "proxyPort": str(tls_cos.port),
    }
    ended = tool.run()
    assert ended.code == 0, ended.err
    assert len(tls_cos.keys(BUCKET)) == 41


def test_proxies_of_the_environment_are_ignored(tool: Tool) -> None:
    some_files(tool)
    nowhere = "http://127.0.0.1:9"
    environ = {"http_proxy": nowhere, "HTTP_PROXY": nowhere, "ALL_PROXY": nowhere}
    assert tool.run(environ=environ).code == 0


def test_the_backup_domain_before_the_last_try(cos: EmbeddedCos, tool: Tool) -> None:
    """Only when nobody with a request id answered: a gateway, not COS."""
    tool.put("a")
    with gateway(cos.port, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") as port:
        tool.common |= {
            "endPointSuffix": "",
            "proxyHost": "127.0.0.1",
            "proxyPort": str(port),
            "requestTryCount": "3",
        }
        ended = tool.run()
    assert ended.code == 0, ended.err
    [seen] = cos.requests
    assert seen.headers["host"] == f"{BUCKET}.cos.ap-guangzhou.tencentcos.cn"


def test_the_backup_domain_at_once_after_a_redirect(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    answer = b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n\r\n"
    with gateway(cos.port, answer) as port:
        tool.common |= {
            "endPointSuffix": "",
            "proxyHost": "127.0.0.1",
            "proxyPort": str(port),
            "requestTryCount": "2",
        }
        assert tool.run().code == 0


def test_no_other_domain_when_cos_itself_answered(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    tool.common |= {
        "endPointSuffix": "",
        "proxyHost": "127.0.0.1",
        "proxyPort": str(cos.port),
        "requestTryCount": "2",
    }
    cos.faults.append(Fault("status", status=500, times=-1))
    assert tool.run().code == 1
    assert {seen.headers["host"] for seen in cos.requests} == {
        f"{BUCKET}.cos.ap-guangzhou.myqcloud.com"
    }


@contextmanager
def gateway(cos_port: int, answer: bytes) -> Iterator[int]:
    """A proxy that answers by itself for the first domain and passes the second on."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                head = client.recv(65536)
                if b".tencentcos.cn" not in head.split(b"\r\n")[0]:
                    client.sendall(answer)
                    continue
                with socket.create_connection(("127.0.0.1", cos_port)) as server:
                    server.sendall(head)
                    client.sendall(server.recv(65536))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def test_short_connections(cos: EmbeddedCos, tool: Tool) -> None:
    for number in range(10):
        tool.put(f"{number}")
    tool.common["shortConnection"] = "true"
    assert tool.run().code == 0
    assert len({seen.connection for seen in cos.requests}) == 10
    assert {seen.headers["connection"] for seen in cos.requests} == {"close"}


def test_connections_are_kept(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["smallFileExecutorNum"] = "4"
    for number in range(100):
        tool.put(f"{number}")
    assert tool.run().code == 0
    assert len({seen.connection for seen in cos.requests}) <= 5


def test_an_address_as_endpoint(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    tool.put("b", b"b" * (6 * MIB))
    tool.common["endPointSuffix"] = f"127.0.0.1:{cos.port}"
    assert tool.run().code == 0
    assert cos.keys(BUCKET) == ["a", "b"]
