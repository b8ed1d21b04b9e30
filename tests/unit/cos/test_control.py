"""The official SDK as we set it up, for the rare requests that it makes for us."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.control import Control
from cos_migrate.cos.requests import Access
from cos_migrate.cos.settings import CosSettings
from cos_migrate.emulator import EmbeddedCos
from cos_migrate.errors import CosError, TransportError
from cos_migrate.http.retries import Strain
from cos_migrate.http.routes import Proxy
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Credentials
from tests.fakes.messages import Answer
from tests.fakes.scripted import reply, scripted

BUCKET = "examplebucket-1250000000"


def test_it_has_the_credentials_of_now(tmp_path: Path) -> None:
    """Temporary ones are read again when they expire; the old ones would be refused."""
    with EmbeddedCos(tmp_path, secret_id="id2", secret_key="key2", token="token2") as cos:
        old = Credentials("id1", "key1", "token1")
        access = Access(CosSettings(BUCKET, "ap-guangzhou", old, suffix=f"localhost:{cos.port}"))
        client = CosClient(access)
        access.replace_credentials(Credentials("id2", "key2", "token2"))
        upload_id = client.initiate("/a", ())
        assert Control(client.access).list_parts("/a", upload_id) == []
        client.close()


@contextlib.contextmanager
def answering_once(status: str) -> Iterator[tuple[int, list[bytes]]]:
    """Answer one request without a body; yield the port, and what has come when it has ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heads: list[bytes] = []

        def serve() -> None:
            taken, _ = listener.accept()
            with taken:
                heads.append(taken.recv(65536))
                taken.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heads
        thread.join()


def settings(**more: Any) -> CosSettings:
    keys = Credentials("id", "key")
    return CosSettings(BUCKET, "ap-guangzhou", keys, tries=1, timeouts=Timeouts(io=5), **more)


def test_a_tunnel_is_asked_for_with_the_proxy_s_credentials() -> None:
    with answering_once("403 Forbidden") as (port, heads):
        proxy = Proxy.of("127.0.0.1", port, "me", "proxy-pass")
        with pytest.raises(TransportError) as raised:
            Control(Access(settings(https=True, proxy=proxy))).list_parts("/a", "1")
    head = heads[0].decode().lower()
    expected = base64.b64encode(b"me:proxy-pass").decode().lower()
    assert head.startswith("connect ")
    assert f"proxy-authorization: basic {expected}\r\n" in head
    assert "proxy-pass" not in str(raised.value)


def test_the_host_is_signed_as_it_is_sent() -> None:
    """A server behind a port checks the Host header that it was sent, port and all."""
    with answering_once("204 No Content") as (port, heads):
        Control(Access(settings(suffix=f"localhost:{port}"))).abort("/a", "1")
    request, *lines = heads[0].decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    assert request.startswith("DELETE /a?uploadId=1 ")
    assert headers["host"] == f"{BUCKET}.localhost:{port}"
    given = dict(one.split("=", 1) for one in headers["authorization"].split("&"))
    names = given["q-header-list"].split(";")
    assert "host" in names
    signed = "&".join(f"{name}={quote(headers[name], safe='')}" for name in names)
    text = f"delete\n/a\nuploadid=1\n{signed}\n"
    digest = hashlib.sha1(text.encode()).hexdigest()
    key = hmac.new(b"key", given["q-key-time"].encode(), "sha1").hexdigest()
    to_sign = f"sha1\n{given['q-sign-time']}\n{digest}\n"
    expected = hmac.new(key.encode(), to_sign.encode(), "sha1").hexdigest()
    assert given["q-signature"] == expected


PARTS = (
    b"<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber>"
    b'<ETag>"e"</ETag><Size>5</Size></Part></ListPartsResult>'
)


class _Impatient(threading.Event):
    """Does not wait."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        return False


def access_through(port: int, tries: int) -> tuple[Access, list[Strain]]:
    """Return access to a bucket of the public cloud through a proxy, and its list of strains."""
    settings = CosSettings(
        BUCKET,
        "ap-guangzhou",
        Credentials("id", "key"),
        proxy=Proxy("127.0.0.1", port),
        tries=tries,
        timeouts=Timeouts(io=5),
    )
    strains: list[Strain] = []
    access = Access(
        settings, strained=lambda strain, _: strains.append(strain), stopping=_Impatient()
    )
    return access, strains


MAIN, BACKUP = "myqcloud.com", "tencentcos.cn"
OVERLOADED = reply(status=503, headers={"x-cos-request-id": "1"})


@pytest.mark.parametrize(
    ("first", "second", "hosts"),
    [
        (OVERLOADED, OVERLOADED, [MAIN, MAIN, MAIN]),
        (reply(status=429), reply(status=429), [MAIN, MAIN, MAIN]),
        (reply(b"garbage"), reply(b"garbage"), [MAIN, MAIN, MAIN]),
        (reply(status=502), reply(status=502), [MAIN, MAIN, BACKUP]),
        (None, None, [MAIN, MAIN, BACKUP]),
        (reply(status=307), None, [MAIN, BACKUP, BACKUP]),
    ],
)
def test_it_is_tried_again_by_the_one_policy(
    first: Answer | None, second: Answer | None, hosts: list[str]
) -> None:
    answers = [first, second, reply(PARTS)]
    with scripted(lambda _: answers.pop(0)) as server:
        access, strains = access_through(server.port, 3)
        assert Control(access).list_parts("/a", "1") == [(1, "e", 5)]
    found = [asked.headers["host"].partition(".ap-guangzhou.")[2] for asked in server.asked_for]
    assert found == hosts
    assert strains.count(Strain.SLOW_DOWN) == (2 if first and first.status in {429, 503} else 0)


def test_an_answer_of_cos_is_an_error_as_others() -> None:
    body = b"<Error><Code>NoSuchUpload</Code><Message>Gone.</Message></Error>"
    with scripted(lambda _: reply(body, 404, {"x-cos-request-id": "7"})) as server:
        access, _ = access_through(server.port, 3)
        with pytest.raises(CosError, match="Gone") as caught:
            Control(access).list_parts("/a", "1")
        assert len(server.asked_for) == 1
    error = caught.value
    assert (error.code, error.status, error.request_id) == ("NoSuchUpload", 404, "7")
    assert (error.operation, error.target) == ("ListParts", "/a")
    assert "key" not in str(error)
