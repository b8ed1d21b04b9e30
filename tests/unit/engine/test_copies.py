"""The requests by which COS copies objects itself, against the embedded COS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.requests import Access
from cos_migrate.cos.settings import CosSettings
from cos_migrate.cos.verify import Copied
from cos_migrate.emulator import EmbeddedCos, Fault
from cos_migrate.engine.copying import is_copy_refusal
from cos_migrate.errors import CosError, SourceChanged, SourceError, TransportError
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Credentials, Failure

SOURCE, TARGET = "source-1250000001", "target-1250000000"
BODY = os.urandom(3000)


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    server = EmbeddedCos(tmp_path, secret_id="AKID", secret_key="key", buckets=[SOURCE, TARGET])
    with server:
        server.store.put(SOURCE, "a b", server.store.receive([BODY]), {"content-type": "x/y"})
        yield server


def client_of(cos: EmbeddedCos, tries: int = 2, silence: float = 30.0) -> CosClient:
    settings = CosSettings(
        TARGET,
        "ap-guangzhou",
        Credentials("AKID", "key"),
        suffix=f"localhost:{cos.port}",
        tries=tries,
        timeouts=Timeouts(io=silence),
        storage_class="COLD",
    )
    return CosClient(Access(settings))


def copy(
    cos: EmbeddedCos, client: CosClient, *headers: tuple[str, str], size: int = 3000
) -> Copied:
    source = f"{SOURCE}.localhost:{cos.port}/a%20b"
    return client.copy_object("/to", source, headers, size)


def test_a_copy(cos: EmbeddedCos) -> None:
    client = client_of(cos)
    copied = copy(cos, client)
    head = cos.object_head(TARGET, "to")
    assert (copied.etag, copied.crc64) == (head.etag, head.crc64)
    assert copied.request_id
    assert head.headers == {"content-type": "x/y", "x-cos-storage-class": "COLD"}
    stored = client.verify_copy("/to", len(BODY), head.crc64, copied)
    assert (stored.crc64, stored.unverified) == (head.crc64, "")


def test_a_copy_of_which_little_is_known(cos: EmbeddedCos) -> None:
    client = client_of(cos)
    crc64 = cos.object_head(SOURCE, "a b").crc64
    cos.faults.append(Fault("no-crc", "PutObjectCopy"))
    untold = copy(cos, client)._replace(crc64=None)
    assert client.verify_copy("/to", len(BODY), crc64, untold).unverified == ""
    assert client.verify_copy("/to", len(BODY), -1, untold).unverified
    for size, known in ((len(BODY) + 1, -1), (len(BODY), crc64 ^ 1)):
        with pytest.raises(CosError) as caught:
            client.verify_copy("/to", size, known, untold)
        assert caught.value.code == "ChecksumMismatch"


@pytest.mark.parametrize("kind", ["error-in-200", "status", "reset", "truncate"])
def test_what_may_pass_is_tried_again(cos: EmbeddedCos, kind: str) -> None:
    cos.faults.append(Fault(kind, "PutObjectCopy"))
    copy(cos, client_of(cos))
    assert cos.object_bytes(TARGET, "to") == BODY
    assert cos.operations().count("PutObjectCopy") == 2


def test_an_error_in_a_good_status(cos: EmbeddedCos) -> None:
    cos.faults.append(Fault("error-in-200", "PutObjectCopy", code="AccessDenied", times=-1))
    with pytest.raises(CosError) as caught:
        copy(cos, client_of(cos))
    assert caught.value.code == "AccessDenied"
    assert cos.keys(TARGET) == []


def test_a_source_that_changed(cos: EmbeddedCos) -> None:
    with pytest.raises(SourceChanged) as caught:
        copy(cos, client_of(cos), ("x-cos-copy-source-if-match", '"other"'))
    assert caught.value.code == "Changed"
    assert not cos.keys(TARGET)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (404, "NoSuchKey", "does not exist"),
        (403, "InvalidObjectState", "archived and must be restored"),
    ],
)
def test_a_source_that_cannot_be_copied(
    cos: EmbeddedCos, status: int, code: str, words: str
) -> None:
    cos.faults.append(Fault("status", "PutObjectCopy", status=status, code=code))
    with pytest.raises(SourceError, match=words) as caught:
        copy(cos, client_of(cos))
    assert (caught.value.operation, caught.value.code) == ("CopyObject", code)
    assert not caught.value.retryable


def test_a_large_copy_may_take_its_time(cos: EmbeddedCos) -> None:
    slow = Fault("slow", "PutObjectCopy", seconds=0.8, times=-1)
    cos.faults.append(slow)
    with pytest.raises(TransportError) as caught:
        copy(cos, client_of(cos, tries=1, silence=0.3))
    assert caught.value.code == "Timeout"
    copy(cos, client_of(cos, tries=1, silence=0.3), size=8 << 20)
    assert cos.hits(slow) == 2


def test_what_is_a_refusal() -> None:
    def failure(operation: str, status: int, code: str, *, fatal: bool = False) -> Failure:
        return Failure(operation, "no", status, code, fatal=fatal)

    assert is_copy_refusal(failure("CopyObject", 405, "MethodNotAllowed"))
    assert is_copy_refusal(failure("UploadPartCopy", 403, "AccessDenied"))
    assert not is_copy_refusal(failure("HeadObject", 403, "AccessDenied"))
    assert not is_copy_refusal(failure("CopyObject", 403, "SignatureDoesNotMatch", fatal=True))
    assert not is_copy_refusal(failure("CopyObject", 403, "InvalidObjectState"))
    assert not is_copy_refusal(failure("CopyObject", 500, "InternalError"))
