"""Client-side encryption: AES in counter mode, each object with a random key of its own.

The content key and the initialisation vector are wrapped (RFC 3394) with the user's master key and
stored with the object. Counter mode keeps the length, and lets any byte be encrypted without those
before it: so parts go in any order, and a resumed upload goes on with the same key. It does not
notice changed bytes; the CRC-64 of what was stored and the MD5 of the plain content do.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from cos_migrate.cos.envelope import EncryptionSettings, Envelope
from cos_migrate.cos.payload import ByteReader
from cos_migrate.errors import CosError

_BLOCK = 16
_CONTENT_KEY = 32
_KEY_SIZES = (16, 24, 32)
_COUNTERS = 1 << (8 * _BLOCK)


class ContentKey:
    """What encrypts and decrypts one object; it shows nothing of itself."""

    __slots__ = ("_iv", "_key")

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._key = key
        self._iv = iv

    def cipher(self, offset: int) -> CipherContext:
        """Return what turns the bytes from `offset` on, in order, into their other form.

        In counter mode encrypting and decrypting are the same.
        """
        blocks, inside = divmod(offset, _BLOCK)
        counter = (int.from_bytes(self._iv, "big") + blocks) % _COUNTERS
        context = Cipher(AES(self._key), CTR(counter.to_bytes(_BLOCK, "big"))).encryptor()
        context.update(bytes(inside))
        return context


def new_envelope(settings: EncryptionSettings) -> Envelope:
    """Return a new random content key and its initialisation vector, wrapped."""
    iv = settings.iv or os.urandom(_BLOCK)
    return Envelope(_wrapped(settings, os.urandom(_CONTENT_KEY)), _wrapped(settings, iv))


def fits(settings: EncryptionSettings, envelope: Envelope) -> bool:
    """Return whether an upload begun with `envelope` can go on with these settings."""
    try:
        open_envelope(settings, envelope)
    except CosError:
        return False
    return not settings.iv or envelope.start == _wrapped(settings, settings.iv)


def open_envelope(settings: EncryptionSettings, envelope: Envelope) -> ContentKey:
    """Unwrap what an object was encrypted with. Raises CosError when the master key is another."""
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


class CipherReader:
    """A reader's bytes in their other form."""

    __slots__ = ("_cipher", "_reader")

    def __init__(self, reader: ByteReader, key: ContentKey, offset: int) -> None:
        """`offset`: where in the object the reader's first byte stands."""
        self._reader = reader
        self._cipher = key.cipher(offset)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        return self._cipher.update(self._reader.read(size))

    def check_unchanged(self) -> None:
        """Raise SourceChanged when the object is no longer the one that was listed."""
        self._reader.check_unchanged()


def through(
    opener: Callable[[], AbstractContextManager[ByteReader]], key: ContentKey, offset: int
) -> Callable[[], AbstractContextManager[ByteReader]]:
    """Return an opener of the same bytes in their other form."""

    @contextmanager
    def opened() -> Iterator[CipherReader]:
        with opener() as reader:
            yield CipherReader(reader, key, offset)

    return opened
