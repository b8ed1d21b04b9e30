"""Every way that a body is made of a source's object, encrypted."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.cos.crc64 import crc64
from cos_migrate.cos.crypto import Encryptor, new_key, open_envelope
from cos_migrate.cos.envelope import EncryptionSettings, plain_length, read_envelope
from cos_migrate.cos.payload import BytesPayload
from cos_migrate.errors import SourceError
from cos_migrate.http.retries import Retries
from cos_migrate.model import Described, Fingerprint, SourceObject
from cos_migrate.pools.results import Spooled
from cos_migrate.pools.worker.bodies import MD5_HEADER, Bodies, Body
from cos_migrate.pools.worker.memory import MemoryBudget
from cos_migrate.sources.base import Source

MIB = 1 << 20
SETTINGS = EncryptionSettings(b"m" * 32)


class Given:
    """A source that has one object; of its ways only those that a body is made by."""

    def __init__(self, content: bytes, *, at_once: bool, headers: dict[str, str], md5: str) -> None:
        self.content = content
        self.is_local = at_once
        self.described = Described(Fingerprint(len(content), 1), headers, md5)

    @contextmanager
    def open(self, _: SourceObject, start: int, length: int) -> Iterator[Given]:
        end = len(self.content) if length < 0 else start + length
        reader = Given.__new__(Given)
        reader.content, reader.described = self.content[start:end], self.described
        yield reader

    def open_described(
        self, obj: SourceObject, start: int, length: int
    ) -> AbstractContextManager[Given]:
        return self.open(obj, start, length)

    def read(self, size: int) -> bytes:
        piece, self.content = self.content[:size], self.content[size:]
        return piece

    def check_unchanged(self) -> None:
        pass

    def describe(self, _: SourceObject) -> Described:
        return self.described


def bodies_of(source: Any, folder: Path, memory: int = 64 * MIB, tries: int = 1) -> Bodies:
    retries = Retries(tries, threading.Event())
    found: Source = source
    return Bodies(
        found,
        retries,
        MemoryBudget(memory),
        attach_md5=True,
        spool_folder=str(folder),
        small_below=20 * MIB,
        encryptor=Encryptor(SETTINGS),
    )


def sent(body: Body) -> bytes:
    whole = body.payload.start()
    return whole if isinstance(whole, bytes) else b"".join(whole)


@pytest.mark.parametrize(
    ("size", "known", "at_once", "told"),
    [
        (0, True, True, False),
        (1000, True, True, False),
        (MIB + 1, True, True, False),
        (3 * MIB, True, False, False),
        (9 * MIB, True, False, True),
        (9 * MIB, True, False, False),
        (1000, False, False, False),
        (9 * MIB, False, False, False),
    ],
)
def test_every_way_there(tmp_path: Path, size: int, known: bool, at_once: bool, told: bool) -> None:
    content = hashlib.sha256(b"seed").digest() * (size // 32 + 1)
    content = content[:size]
    md5 = hashlib.md5(content).hexdigest()
    source = Given(
        content, at_once=at_once, headers={"content-type": "a/b"}, md5=md5 if told else ""
    )
    obj = SourceObject("name", "key", Fingerprint(size if known else -1, 1))
    with bodies_of(source, tmp_path).whole(obj, lambda _: None, lambda _: None) as body:
        assert isinstance(body, Body)
        headers, stored = dict(body.headers), sent(body)
        assert body.payload.crc64 == crc64(stored)
        assert sent(body) == stored
    assert (headers["content-type"], headers[MD5_HEADER]) == ("a/b", md5)
    envelope = read_envelope(headers)
    assert envelope
    assert open_envelope(SETTINGS, envelope).cipher(0).update(stored) == content
    assert plain_length(headers, len(stored)) == size
    assert headers["x-cos-meta-client-side-encryption-unencrypted-content-length"] == str(size)
    assert not list(tmp_path.iterdir())


def test_an_object_in_memory_stays_there(tmp_path: Path) -> None:
    source = Given(b"content", at_once=True, headers={}, md5="")
    bodies, obj = bodies_of(source, tmp_path), SourceObject("name", "key", Fingerprint(7, 1))
    read_elsewhere = bodies.of_content(obj, b"content", source.described)
    for body in (bodies.in_memory(obj), read_elsewhere):
        assert isinstance(body.payload, BytesPayload)
        assert body.payload.data != b"content"
        assert read_envelope(dict(body.headers))


def test_what_is_too_large_for_one_request_is_encrypted_with_its_parts(tmp_path: Path) -> None:
    content = bytes(21 * MIB)
    bodies = bodies_of(Given(content, at_once=False, headers={}, md5=""), tmp_path)
    obj = SourceObject("name", "key", Fingerprint(-1))
    with bodies.whole(obj, lambda _: None, lambda _: None) as spooled:
        assert isinstance(spooled, Spooled)
    obj = obj._replace(fingerprint=Fingerprint(len(content), 1), spooled=spooled.path)
    key, envelope = new_key(SETTINGS)
    part = bodies.stream_range(obj, 5 * MIB, MIB, lambda _: None)
    encrypted = bodies.encrypted_part(part, envelope, 5 * MIB)
    assert b"".join(encrypted.start()) == key.cipher(5 * MIB).update(bytes(MIB))  # type: ignore[arg-type]
    assert bodies.encrypted_part(part, None, 0) is part


def test_an_object_that_is_encrypted_already_is_refused(tmp_path: Path) -> None:
    headers = {"x-cos-meta-client-side-encryption-key": "x"}
    bodies = bodies_of(Given(b"content", at_once=False, headers=headers, md5=""), tmp_path)
    obj = SourceObject("name", "key", Fingerprint(7, 1))
    with (
        pytest.raises(SourceError, match="already") as caught,
        bodies.whole(obj, lambda _: None, lambda _: None),
    ):
        raise AssertionError("it was given")
    assert caught.value.code == "EncryptedAlready"
    assert not caught.value.retryable


class Shrinking(Given):
    """One that breaks off at its end the first time, and is shorter then."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__(b"", at_once=False, headers={}, md5="")
        self.sizes = sizes

    @contextmanager
    def open(self, obj: SourceObject, start: int, length: int) -> Iterator[Given]:
        self.content = bytes(self.sizes.pop(0))
        with super().open(obj, start, length) as reader:
            yield reader
        if self.sizes:
            raise SourceError("it broke off", code="ConnectionReset", retryable=True)


def test_a_next_try_leaves_nothing_of_the_one_before_in_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cos_migrate.http.retries._WAIT", 0.0)
    bodies = bodies_of(Shrinking([22 * MIB, 21 * MIB]), tmp_path, tries=2)
    obj = SourceObject("name", "key", Fingerprint(-1))
    with bodies.whole(obj, lambda _: None, lambda _: None) as body:
        assert isinstance(body, Spooled)
        assert body.fingerprint.size == Path(body.path).stat().st_size == 21 * MIB
