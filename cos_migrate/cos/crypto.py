"""Client-side encryption: AES in counter mode, each object with a random key of its own.

The content key and the initialisation vector are wrapped (RFC 3394) with the user's master key and
stored with the object. Counter mode keeps the length, and encrypts each byte without those before
it: parts are sent in any order, and a resumed upload continues with the same key. Changed bytes are
detected by the CRC-64 of the stored bytes and the MD5 of the plain content.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from cos_migrate.cos.crc64 import crc64
from cos_migrate.cos.envelope import EncryptionSettings, envelope_headers, refuse_encrypted
from cos_migrate.cos.payload import BytesPayload, Payload
from cos_migrate.errors import CosError
from cos_migrate.model import Envelope

Headers = list[tuple[str, str]]

_BLOCK = 16
_CONTENT_KEY = 32
_KEY_SIZES = (16, 24, 32)
_COUNTERS = 1 << (8 * _BLOCK)


class EncryptedPayload:
    """A request body that is encrypted while it is sent."""

    __slots__ = ("_cipher", "_plain", "crc64", "size")

    def __init__(self, plain: Payload, cipher: Callable[[], CipherContext]) -> None:
        """`cipher` returns a new context for the body's first byte."""
        self.size = plain.size
        self.crc64 = 0
        self._plain = plain
        self._cipher = cipher

    def start(self) -> Iterator[bytes]:
        """Yield the encrypted body. Raises the errors of the plain payload."""
        cipher, crc = self._cipher(), 0
        body = self._plain.start()
        for piece in (body,) if isinstance(body, bytes) else body:
            encrypted = cipher.update(piece)
            crc = crc64(encrypted, crc)
            yield encrypted
        self.crc64 = crc

    def md5(self) -> str:
        """Encrypt the body once more; return the MD5 of the encrypted bytes as hex."""
        digest = hashlib.md5(usedforsecurity=False)
        for piece in self.start():
            digest.update(piece)
        return digest.hexdigest()


class ContentKey:
    """Key and initialisation vector of one object; never printed."""

    __slots__ = ("_iv", "_key")

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._key = key
        self._iv = iv

    def cipher(self, offset: int) -> CipherContext:
        """Return a context that encrypts the bytes from `offset` on, in order.

        In counter mode it decrypts as well.
        """
        blocks, inside = divmod(offset, _BLOCK)
        counter = (int.from_bytes(self._iv, "big") + blocks) % _COUNTERS
        context = Cipher(AES(self._key), CTR(counter.to_bytes(_BLOCK, "big"))).encryptor()
        context.update(bytes(inside))
        return context

    def encrypt(self, payload: Payload, offset: int = 0) -> Payload:
        """Return a body encrypted, whose first byte is that at `offset` of the object."""
        if isinstance(payload, BytesPayload):
            return BytesPayload(self.cipher(offset).update(payload.data))
        return EncryptedPayload(payload, lambda: self.cipher(offset))


def new_key(settings: EncryptionSettings) -> tuple[ContentKey, Envelope]:
    """Return a new random key for one object, and its envelope."""
    key, iv = os.urandom(_CONTENT_KEY), settings.iv or os.urandom(_BLOCK)
    return ContentKey(key, iv), Envelope(_wrapped(settings, key), _wrapped(settings, iv))


def can_open(settings: EncryptionSettings, envelope: Envelope) -> bool:
    """Return whether `settings` can continue an upload that was begun with `envelope`."""
    try:
        open_envelope(settings, envelope)
    except CosError:
        return False
    return not settings.iv or envelope.start == _wrapped(settings, settings.iv)


def open_envelope(settings: EncryptionSettings, envelope: Envelope) -> ContentKey:
    """Unwrap the key of an object. Raises CosError when the master key does not fit."""
    key, iv = _unwrapped(settings, envelope.key), _unwrapped(settings, envelope.start)
    if len(key) not in _KEY_SIZES or len(iv) != _BLOCK:
        raise _not_opened()
    return ContentKey(key, iv)


def _wrapped(settings: EncryptionSettings, secret: bytes) -> str:
    return base64.b64encode(aes_key_wrap(settings.key, secret)).decode()


def _unwrapped(settings: EncryptionSettings, text: str) -> bytes:
    try:
        return aes_key_unwrap(settings.key, base64.b64decode(text, validate=True))
    except (InvalidUnwrap, ValueError) as error:
        raise _not_opened() from error


def _not_opened() -> CosError:
    return CosError(
        "it was encrypted with another key than that in keyPath, or its metadata is damaged",
        operation="decrypt",
        code="WrongKey",
    )


class Encryptor:
    """Encrypts the objects of a run."""

    def __init__(self, settings: EncryptionSettings) -> None:
        self._settings = settings

    def encrypt_object(self, payload: Payload, headers: Headers) -> tuple[Payload, Headers]:
        """Return an encrypted body, and the headers of its object with the envelope.

        Raises SourceError for an object that is encrypted already.
        """
        refuse_encrypted(name for name, _ in headers)
        key, envelope = new_key(self._settings)
        return key.encrypt(payload), [*headers, *envelope_headers(envelope, payload.size)]

    def encrypt_part(self, payload: Payload, envelope: Envelope, offset: int) -> Payload:
        """Return the body of the part at `offset`, encrypted with the key of its upload.

        Raises CosError when the envelope cannot be opened.
        """
        return open_envelope(self._settings, envelope).encrypt(payload, offset)
