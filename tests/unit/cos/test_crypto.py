"""Client-side encryption without a network: published vectors, offsets, wrong keys."""

from __future__ import annotations

import base64
import hashlib
import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.cos import crypto
from cos_migrate.cos.crc64 import crc64
from cos_migrate.cos.envelope import (
    EncryptionSettings,
    envelope_headers,
    plain_length,
    read_envelope,
    refuse_encrypted,
)
from cos_migrate.cos.payload import BytesPayload, Payload, StreamPayload
from cos_migrate.errors import CosError, SourceChanged, SourceError
from cos_migrate.model import Envelope

SETTINGS = EncryptionSettings(bytes(range(32)))
# NIST SP 800-38A, F.5.5: CTR-AES256
NIST_KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
NIST_COUNTER = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
NIST_PLAIN = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
NIST_CIPHER = bytes.fromhex(
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
    "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
)


class Memory:
    """A reader of bytes; `pieces` at most are given at once."""

    def __init__(self, data: bytes, most: int = 1 << 20) -> None:
        self.data = data
        self.most = most
        self.changed = False

    def read(self, size: int) -> bytes:
        piece = self.data[: min(size, self.most)]
        self.data = self.data[len(piece) :]
        return piece

    def check_unchanged(self) -> None:
        if self.changed:
            raise SourceChanged("changed", code="Changed")


def body(payload: Payload) -> bytes:
    """Return what a payload sends."""
    whole = payload.start()
    return whole if isinstance(whole, bytes) else b"".join(whole)


def encrypted(key: crypto.ContentKey, data: bytes, offset: int, most: int) -> bytes:
    @contextmanager
    def opener() -> Iterator[Memory]:
        yield Memory(data, most)

    plain = StreamPayload(len(data), opener, lambda _: None)
    payload = key.encrypt(plain, offset)
    sent = body(payload)
    assert payload.size == len(data)
    assert (payload.crc64, plain.crc64) == (crc64(sent), crc64(data))
    assert body(payload) == sent
    assert payload.md5() == hashlib.md5(sent).hexdigest()
    in_memory = key.encrypt(BytesPayload(data), offset)
    assert (in_memory.start(), in_memory.crc64) == (sent, crc64(sent))
    return sent


def test_published_vectors() -> None:
    key = crypto.ContentKey(NIST_KEY, NIST_COUNTER)
    assert encrypted(key, NIST_PLAIN, 0, 1 << 20) == NIST_CIPHER
    # RFC 3394, 4.6: a 256-bit key wrapped with a 256-bit key
    settings = EncryptionSettings(bytes(range(32)))
    wrapped = bytes.fromhex(
        "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"
    )
    plain = bytes.fromhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")
    start = crypto.new_key(EncryptionSettings(settings.key, NIST_COUNTER))[1].start
    opened = crypto.open_envelope(settings, Envelope(base64.b64encode(wrapped).decode(), start))
    expected = crypto.ContentKey(plain, NIST_COUNTER)
    assert encrypted(opened, b"content", 0, 99) == encrypted(expected, b"content", 0, 99)


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(1, 40), st.integers(0, 1))
def test_any_range_can_be_encrypted_alone(data: bytes, cut: int, most: int, high: int) -> None:
    # A counter of all ones begins again at zero.
    key = crypto.ContentKey(NIST_KEY, b"\xff" * 16 if high else NIST_COUNTER)
    whole = key.cipher(0).update(data)
    cut = min(cut, len(data))
    assert encrypted(key, data[:cut], 0, most) + encrypted(key, data[cut:], cut, most) == whole
    assert key.cipher(0).update(whole) == data


def test_offsets_of_huge_objects() -> None:
    key = crypto.ContentKey(NIST_KEY, NIST_COUNTER)
    offset = (1 << 40) + 7
    block = key.cipher(offset - 7).update(bytes(16))
    assert key.cipher(offset).update(bytes(9)) == block[7:]


def test_each_object_has_its_own_key_and_vector() -> None:
    first, second = crypto.new_key(SETTINGS)[1], crypto.new_key(SETTINGS)[1]
    assert first.key != second.key
    assert first.start != second.start
    one = crypto.open_envelope(SETTINGS, first).cipher(0).update(bytes(32))
    two = crypto.open_envelope(SETTINGS, second).cipher(0).update(bytes(32))
    assert one != two


def test_a_given_vector_is_used() -> None:
    settings = EncryptionSettings(SETTINGS.key, b"0123456789abcdef")
    first, second = crypto.new_key(settings)[1], crypto.new_key(settings)[1]
    assert first.start == second.start
    assert first.key != second.key


@pytest.mark.parametrize("size", [16, 24, 32])
def test_master_keys_of_every_size(size: int) -> None:
    settings = EncryptionSettings(bytes(range(size)))
    envelope = crypto.new_key(settings)[1]
    assert crypto.can_open(settings, envelope)
    crypto.open_envelope(settings, envelope)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", ""),
        ("key", "AAAA"),
        ("key", "no base64!"),
        ("key", base64.b64encode(bytes(40)).decode()),
        ("start", ""),
        ("start", "x"),
        ("start", base64.b64encode(bytes(24)).decode()),
    ],
)
def test_damaged_envelopes_do_not_open(name: str, value: str) -> None:
    envelope = crypto.new_key(SETTINGS)[1]._replace(**{name: value})
    with pytest.raises(CosError, match="another key than that in keyPath") as caught:
        crypto.open_envelope(SETTINGS, envelope)
    assert caught.value.code == "WrongKey"
    assert not crypto.can_open(SETTINGS, envelope)


def test_wrapped_things_of_the_wrong_size_do_not_open() -> None:
    envelope = crypto.new_key(SETTINGS)[1]
    swapped = Envelope(envelope.key, envelope.key)
    with pytest.raises(CosError, match="damaged"):
        crypto.open_envelope(SETTINGS, swapped)


def test_what_an_upload_can_go_on_with() -> None:
    envelope = crypto.new_key(SETTINGS)[1]
    assert crypto.can_open(SETTINGS, envelope)
    assert not crypto.can_open(EncryptionSettings(bytes(32)), envelope)
    assert not crypto.can_open(EncryptionSettings(SETTINGS.key, b"0123456789abcdef"), envelope)


def test_nothing_shows_a_key() -> None:
    settings = EncryptionSettings(b"k" * 32, b"v" * 16)
    key = crypto.open_envelope(settings, crypto.new_key(settings)[1])
    for shown in (repr(settings), str(settings), repr(key)):
        assert "kkk" not in shown
        assert "vvv" not in shown
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_a_changed_source_is_noticed_through_the_cipher() -> None:
    @contextmanager
    def opener() -> Iterator[Memory]:
        reader = Memory(b"x")
        reader.changed = True
        yield reader

    key = crypto.ContentKey(NIST_KEY, NIST_COUNTER)
    payload = key.encrypt(StreamPayload(1, opener, lambda _: None))
    with pytest.raises(SourceChanged):
        body(payload)


def test_headers_of_a_simple_and_of_a_multipart_upload() -> None:
    envelope = Envelope("S0VZ", "SVY=")
    common = [
        ("x-cos-meta-client-side-encryption-key", "S0VZ"),
        ("x-cos-meta-client-side-encryption-start", "SVY="),
        ("x-cos-meta-client-side-encryption-cek-alg", "AES/CTR/NoPadding"),
        ("x-cos-meta-client-side-encryption-wrap-alg", "AESWrap"),
    ]
    assert envelope_headers(envelope, 7) == [
        *common,
        ("x-cos-meta-client-side-encryption-unencrypted-content-length", "7"),
    ]
    assert envelope_headers(envelope, 7, 4) == [
        *common,
        ("x-cos-meta-client-side-encryption-data-size", "7"),
        ("x-cos-meta-client-side-encryption-part-size", "4"),
    ]
    assert read_envelope(dict(envelope_headers(envelope, 7))) == envelope
    assert read_envelope({"content-type": "text/plain"}) is None


@pytest.mark.parametrize("missing", ["cek-alg", "wrap-alg"])
def test_other_ways_to_encrypt_are_named(missing: str) -> None:
    name = f"x-cos-meta-client-side-encryption-{missing}"
    headers = dict(envelope_headers(Envelope("S0VZ", "SVY="), 7))
    headers[name] = "AES/GCM/NoPadding"
    with pytest.raises(CosError, match=f"{name} is AES/GCM/NoPadding"):
        read_envelope(headers)
    del headers[name]
    with pytest.raises(CosError, match=f"{name} is nothing"):
        read_envelope(headers)


def test_the_plain_length() -> None:
    small = dict(envelope_headers(Envelope("S0VZ", "SVY="), 7))
    assert plain_length({}, 9) == 9
    assert plain_length(small, 7) == 7
    # What is there counts, not what somebody meant to store.
    assert plain_length(small, 5) == 5
    name = "x-cos-meta-client-side-encryption-cek-alg"
    assert plain_length({**small, name: "AES/GCM/NoPadding"}, 23) == 7
    parts = dict(envelope_headers(Envelope("S0VZ", "SVY="), 70, 32))
    assert plain_length({**parts, name: "AES/GCM/NoPadding"}, 86) == 70
    parts["x-cos-meta-client-side-encryption-data-size"] = "-1"
    assert plain_length({**parts, name: "AES/GCM/NoPadding"}, 86) == 86


def test_what_is_encrypted_is_not_encrypted_again() -> None:
    refuse_encrypted(["Content-Type", "x-cos-meta-client-side-encryption"])
    with pytest.raises(SourceError, match="already"):
        refuse_encrypted(["X-Cos-Meta-Client-Side-Encryption-Key"])


def test_an_encryptor_encrypts_objects_and_their_parts() -> None:
    encryptor = crypto.Encryptor(SETTINGS)
    payload, headers = encryptor.encrypt_object(
        BytesPayload(b"content"), [("content-type", "text/plain")]
    )
    envelope = read_envelope(dict(headers))
    assert envelope
    assert headers[0] == ("content-type", "text/plain")
    assert plain_length(dict(headers), 7) == 7
    sent = body(payload)
    assert sent != b"content"
    assert crypto.open_envelope(SETTINGS, envelope).cipher(0).update(sent) == b"content"
    assert encryptor.encrypt_part(BytesPayload(b"tent"), envelope, 3).start() == sent[3:]
    with pytest.raises(SourceError, match="already"):
        encryptor.encrypt_object(payload, headers)
