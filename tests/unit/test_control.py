"""The official SDK as we set it up, for the rare requests that it makes for us."""

from __future__ import annotations

import base64
import socket
import threading
from pathlib import Path

import pytest

from cos_migrate.cos.access import Access, CosSettings, Credentials
from cos_migrate.cos.client import CosClient
from cos_migrate.cos.control import Control
from cos_migrate.emulator import EmbeddedCos
from cos_migrate.errors import TransportError
from cos_migrate.http import Timeouts
from cos_migrate.network import Proxy

BUCKET = "examplebucket-1250000000"


def test_it_has_the_credentials_of_now(tmp_path: Path) -> None:
    """Temporary ones are read again when they expire; the old ones would be refused."""
    with EmbeddedCos(tmp_path, secret_id="id2", secret_key="key2", token="token2") as cos:
        old = Credentials("id1", "key1", "token1")
        access = Access(CosSettings(BUCKET, "ap-guangzhou", old, suffix=f"localhost:{cos.port}"))
        client = CosClient(access)
        access.replace_credentials(Credentials("id2", "key2", "token2"))
        upload_id = client.initiate("/a", ())
        assert Control(client.settings).list_parts("/a", upload_id) == []
        client.close()


def test_a_tunnel_is_asked_for_with_the_proxy_s_credentials() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heads: list[bytes] = []

        def serve() -> None:
            taken, _ = listener.accept()
            with taken:
                heads.append(taken.recv(65536))
                taken.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        proxy = Proxy.of("127.0.0.1", listener.getsockname()[1], "me", "proxy-pass")
        settings = CosSettings(
            BUCKET,
            "ap-guangzhou",
            Credentials("id", "key"),
            https=True,
            proxy=proxy,
            tries=1,
            timeouts=Timeouts(io=5),
        )
        with pytest.raises(TransportError) as raised:
            Control(settings).list_parts("/a", "1")
        thread.join()
    head = heads[0].decode().lower()
    expected = base64.b64encode(b"me:proxy-pass").decode().lower()
    assert head.startswith("connect ")
    assert f"proxy-authorization: basic {expected}\r\n" in head
    assert "proxy-pass" not in str(raised.value)
