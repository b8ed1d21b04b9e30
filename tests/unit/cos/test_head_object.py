"""HEAD, whose refusal has no code, while other threads replace the credentials."""

from __future__ import annotations

import threading

import pytest

from cos_migrate.cos import requests
from cos_migrate.cos.client import CosClient
from cos_migrate.cos.requests import Access
from cos_migrate.cos.settings import CosSettings
from cos_migrate.cos.signature import SigningKeys
from cos_migrate.model import Credentials
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import reply, scripted

OLD = Credentials("old", "key", "token")
NEW = Credentials("new", "key", "token")


def test_keys_that_are_replaced_while_a_request_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal of the old keys is no failure, at whatever moment the new ones arrive."""
    begun, refused = threading.Event(), threading.Event()

    def slowly(credentials: Credentials) -> SigningKeys:
        begun.set()
        assert refused.wait(30)
        return SigningKeys(credentials)

    def answer(request: Request) -> Answer:
        headers = {"x-cos-request-id": "1"}
        if "q-ak=old" in request.headers["authorization"]:
            refused.set()
            replacing.join(30)
            return reply(status=403, headers=headers)
        return reply(status=404 if request.method == "HEAD" else 200, headers=headers)

    with scripted(answer) as server:
        suffix = f"localhost:{server.port}"
        access = Access(CosSettings("bucket-1250000000", "ap-x", OLD, suffix=suffix, tries=1))
        monkeypatch.setattr(requests, "SigningKeys", slowly)
        replacing = threading.Thread(target=access.replace_credentials, args=(NEW,))
        replacing.start()
        assert begun.wait(30)
        client = CosClient(access)
        assert client.head_object("/a") is None
        client.close()
