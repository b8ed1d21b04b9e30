"""The first try of a small file: the event loop sends the bytes that threads would send."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.cos.payload import BytesPayload
from cos_migrate.cos.requests import Access, PutRequests
from cos_migrate.cos.settings import CosSettings
from cos_migrate.model import Credentials, SourceObject, Target
from cos_migrate.pools.tasks import PUT_OBJECT, NumberedTask, put_task
from cos_migrate.pools.worker.attempts import FOR_THREADS
from cos_migrate.pools.worker.bodies import Bodies
from cos_migrate.pools.worker.first_put import FirstPut
from cos_migrate.pools.worker.memory import MemoryBudget
from cos_migrate.pools.worker.worker import _encryptor
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.source import LocalSource

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/")
NAMES = ["a.txt", "no ending", "100%s.JPG", "ü/ß.tar.gz", "+&=?.bin", "empty"]


class Bench:
    """A source of files, and what prepares them."""

    def __init__(
        self, root: Path, *, md5: bool = True, encryption: EncryptionSettings | None = None
    ) -> None:
        self.source = LocalSource(LocalConfig(local_path=str(root)), TARGET)
        access = Access(CosSettings(TARGET.bucket, TARGET.region, Credentials("id", "key")))
        self.requests = PutRequests(access)
        self.bodies = Bodies(
            self.source,
            access.retries,
            MemoryBudget(1 << 20),
            attach_md5=md5,
            spool_folder=str(root),
            small_below=1 << 20,
            encryptor=_encryptor(encryption),
        )
        self.first_put = FirstPut(self.requests, self.bodies, self.source, lambda _: None)

    def objects(self) -> list[SourceObject]:
        return [item for item in self.source.scan() if isinstance(item, SourceObject)]

    def task(self, obj: SourceObject) -> NumberedTask:
        return (1, PUT_OBJECT, put_task(obj, f"/{obj.key}", 0))


@pytest.mark.parametrize("md5", [True, False])
def test_it_is_sent_as_the_complete_client_sends_it(tmp_path: Path, md5: bool) -> None:
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"" if name == "empty" else os.fsencode(name) * 50)
    bench = Bench(tmp_path, md5=md5)
    objects = bench.objects()
    assert len(objects) >= len(NAMES)
    with mock.patch("cos_migrate.cos.signature.time.time", return_value=1_700_000_000.0):
        for obj in objects:
            task, body = bench.task(obj), bench.bodies.in_memory(obj)
            payload = body.payload
            assert isinstance(payload, BytesPayload)
            assert bench.first_put.memory_for(task) == obj.fingerprint.size != FOR_THREADS
            attempt = bench.first_put.prepare_put(task)
            assert attempt.cos_path == f"/{obj.key}"
            assert attempt.head == bench.requests.head(attempt.cos_path, payload.size, body.headers)
            assert (attempt.content, attempt.crc64) == (payload.data, payload.crc64)
            assert attempt.fingerprint == body.fingerprint == obj.fingerprint
            assert attempt.body is None


def test_it_is_read_in_the_short_way(tmp_path: Path) -> None:
    """Where it cannot be, threads read it: as well, at several times the cost."""
    (tmp_path / "a").write_bytes(b"content")
    bench = Bench(tmp_path)
    [obj] = bench.objects()
    with mock.patch.object(bench.bodies, "in_memory", side_effect=AssertionError):
        assert bench.first_put.prepare_put(bench.task(obj)).content == b"content"


def test_an_encrypted_file_is_never_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    bench = Bench(tmp_path, encryption=EncryptionSettings(b"k" * 32))
    [obj] = bench.objects()
    attempt = bench.first_put.prepare_put(bench.task(obj))
    assert b"content" not in attempt.content
    assert b"x-cos-meta-client-side-encryption-key: " in attempt.head
