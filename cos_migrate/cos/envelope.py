"""Metadata of client-side encrypted objects.

Names and values are those of the official Java SDK's `COSEncryptionClient` (mode AES/CTR, stored in
the object's metadata), so that each reads the objects of the other. They are no secret: content key
and initialisation vector are wrapped with the master key. The ciphers are in `crypto`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cos_migrate.errors import CosError, Side, SourceError
from cos_migrate.model import Envelope

CIPHER = "AES/CTR/NoPadding"
WRAP = "AESWrap"
_PREFIX = "x-cos-meta-client-side-encryption-"
_KEY = _PREFIX + "key"
_START = _PREFIX + "start"
_CIPHER = _PREFIX + "cek-alg"
_WRAP = _PREFIX + "wrap-alg"
_LENGTH = _PREFIX + "unencrypted-content-length"
_DATA_SIZE = _PREFIX + "data-size"
_PART_SIZE = _PREFIX + "part-size"


@dataclass(frozen=True, slots=True)
class EncryptionSettings:
    """Master key and fixed initialisation vector of a run; picklable, never printed."""

    key: bytes = field(repr=False)
    """The master key: 16, 24 or 32 bytes."""
    iv: bytes = field(default=b"", repr=False)
    """16 bytes, for every object; empty: random for each."""


def envelope_headers(envelope: Envelope, size: int, part_size: int = 0) -> list[tuple[str, str]]:
    """Return the headers that keep the envelope of an object of `size` plain bytes.

    `part_size`: that of a multipart upload; 0: a simple upload.
    """
    sizes = [(_LENGTH, str(size))]
    if part_size:
        sizes = [(_DATA_SIZE, str(size)), (_PART_SIZE, str(part_size))]
    return [
        (_KEY, envelope.key),
        (_START, envelope.start),
        (_CIPHER, CIPHER),
        (_WRAP, WRAP),
        *sizes,
    ]


def refuse_encrypted(names: Iterable[str]) -> None:
    """Raise SourceError when header names are those of an object that is encrypted already.

    A second envelope would replace the first, and the object could never be decrypted.
    """
    if any(name.lower() == _KEY for name in names):
        raise SourceError(
            "it is client-side encrypted already; migrate it with clientEncryption=off",
            operation="encrypt",
            code="EncryptedAlready",
            side=Side.HERE,
        )


def read_envelope(headers: Mapping[str, str]) -> Envelope | None:
    """Return the envelope in an object's headers (lower-case names); None: it is not encrypted.

    Raises CosError for an unknown encryption.
    """
    key, start = headers.get(_KEY), headers.get(_START)
    if key is None:
        return None
    for name, known in ((_CIPHER, CIPHER), (_WRAP, WRAP)):
        found = headers.get(name, "nothing")
        if found != known:
            raise CosError(
                f"it is encrypted in a way that cannot be read here: {name} is {found}, "
                f"not {known}",
                operation="decrypt",
                code="UnknownCipher",
            )
    return Envelope(key, start or "")


def is_encrypted(headers: Mapping[str, str]) -> bool:
    """Return whether headers (lower-case names) are those of an encrypted object."""
    return _KEY in headers


def plain_length(headers: Mapping[str, str], stored: int) -> int:
    """Return the number of bytes of an object before its encryption.

    `headers` have lower-case names; `stored`: the bytes on COS.
    """
    if _KEY not in headers or headers.get(_CIPHER) == CIPHER:
        return stored  # counter mode adds nothing
    declared = (headers.get(_LENGTH, ""), headers.get(_DATA_SIZE, ""))
    return next((int(text) for text in declared if text.isascii() and text.isdigit()), stored)
