"""What stands on COS beside content that was encrypted before it left: names and meaning.

These are the metadata of the official Java SDK's encryption client (`COSEncryptionClient`, mode
AES/CTR, storage in the object's metadata), so that either side reads what the other wrote. All of
it may be seen by anybody: content key and initialisation vector are wrapped with the master key.
Nothing here needs a cipher; `crypto` has those.
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
    """How a run encrypts; plain values that can be pickled, and that never show themselves."""

    key: bytes = field(repr=False)
    """The master key: 16, 24 or 32 bytes."""
    iv: bytes = field(default=b"", repr=False)
    """The initialisation vector of every object, 16 bytes; empty: random for each."""


def headers_of(envelope: Envelope, size: int, part_size: int = 0) -> list[tuple[str, str]]:
    """Return the headers to store with an object of `size` bytes before it is encrypted.

    `part_size` is that of a multipart upload, 0 for a simple one.
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
    """Raise SourceError when a source's object, by its headers, is encrypted already.

    A second envelope would take the place of the first, without which nobody can read it.
    """
    if any(name.lower() == _KEY for name in names):
        raise SourceError(
            "it is client-side encrypted already; migrate it with clientEncryption=off",
            operation="encrypt",
            code="EncryptedAlready",
            side=Side.HERE,
        )


def envelope_of(headers: Mapping[str, str]) -> Envelope | None:
    """Return the envelope among an object's headers (lower-case names), None without one.

    Raises CosError when the content is encrypted in a way that this tool does not know.
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
    """Return whether an object's headers (lower-case names) say that its content is encrypted."""
    return _KEY in headers


def plain_length(headers: Mapping[str, str], stored: int) -> int:
    """Return how many bytes the content of an object has before encryption.

    `headers` are the object's own, with lower-case names; `stored` bytes are on COS.
    """
    if _KEY not in headers or headers.get(_CIPHER) == CIPHER:
        return stored  # counter mode adds nothing
    declared = (headers.get(_LENGTH, ""), headers.get(_DATA_SIZE, ""))
    return next((int(text) for text in declared if text.isascii() and text.isdigit()), stored)
