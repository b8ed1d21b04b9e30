"""Request signatures of COS (`q-sign-algorithm=sha1`), as pure functions.

The scheme: Tencent Cloud, Object Storage documentation, "Request Signature".
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from cos_migrate.model import Credentials

_SAFE = "-_.~"
_EARLY = 60
"""Seconds by which a signature is dated back: the local clock may be fast."""
_VALID = 10_000
"""Seconds for which a signature is valid."""
_BLOCK, _INNER_PAD, _OUTER_PAD = 64, 0x36, 0x5C
"""Constants of HMAC with SHA-1; a signing key, 40 hex digits, is shorter than a block."""
_RENEW = 300
"""Seconds for which a signing key is used."""


class SigningKey(NamedTuple):
    """A key that signs the requests of a few minutes."""

    secret_id: str
    key_time: str
    """`<start>;<end>` in seconds since 1970."""
    begins: float
    expires: float
    """The key is used between `begins` and `expires`, seconds since 1970."""
    inner: hashlib._Hash
    outer: hashlib._Hash
    """The two hashes of an HMAC (RFC 2104), begun with the key and copied for each signature.

    Measured: this takes two fifths of the time of `hmac.digest`.
    """

    def __repr__(self) -> str:
        return f"SigningKey(key_time={self.key_time!r})"


def signing_key(secret_id: str, secret_key: str, now: float) -> SigningKey:
    """Derive the key for requests that are sent from `now` on (seconds since 1970)."""
    start = int(now)
    key_time = f"{start - _EARLY};{start + _VALID}"
    key = hmac.digest(secret_key.encode(), key_time.encode(), "sha1").hex().encode()
    block = key.ljust(_BLOCK, b"\0")
    inner, outer = (
        hashlib.sha1(bytes(byte ^ pad for byte in block), usedforsecurity=False)
        for pad in (_INNER_PAD, _OUTER_PAD)
    )
    return SigningKey(secret_id, key_time, start - _EARLY, start + _RENEW, inner, outer)


class SigningKeys:
    """Derives the signing keys of one secret: every few minutes, and when the clock is set."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        token = credentials.token
        self.token_headers = (("x-cos-security-token", token),) if token else ()
        """The headers that go with a key: the token of temporary credentials."""
        self._key = self._derive(time.time())

    def now(self) -> SigningKey:
        """Return the key that signs requests now."""
        key, now = self._key, time.time()
        if not key.begins <= now <= key.expires:
            self._key = key = self._derive(now)
        return key

    def _derive(self, now: float) -> SigningKey:
        return signing_key(self.credentials.secret_id, self.credentials.secret_key, now)


def authorization(
    key: SigningKey,
    method: str,
    path: str,
    params: Sequence[tuple[str, str]],
    headers: Sequence[tuple[str, str]],
) -> str:
    """Return the `Authorization` value of a request.

    `method` in lower case; `path` decoded, with its leading `/`; `params` and `headers`: the pairs
    to sign, decoded, names in lower case, sorted by name.
    """
    param_text = "&".join([f"{encoded(name)}={encoded(value)}" for name, value in params])
    header_text = "&".join([f"{name}={encoded(value)}" for name, value in headers])
    names = ";".join([name for name, _ in headers])
    param_names = ";".join([encoded(name) for name, _ in params])
    http_text = f"{method}\n{path}\n{param_text}\n{header_text}\n"
    return unsigned_authorization(key, names, param_names) + sign(key, http_text)


def unsigned_authorization(key: SigningKey, names: str, param_names: str) -> str:
    """Return an `Authorization` value up to its signature, for names joined by `;`."""
    return (
        f"q-sign-algorithm=sha1&q-ak={key.secret_id}&q-sign-time={key.key_time}"
        f"&q-key-time={key.key_time}&q-header-list={names}"
        f"&q-url-param-list={param_names}&q-signature="
    )


def sign(key: SigningKey, http_text: str) -> str:
    """Return the signature of a request, whose text the scheme calls HttpString."""
    digest = hashlib.sha1(http_text.encode(), usedforsecurity=False).hexdigest()
    inner, outer = key.inner.copy(), key.outer.copy()
    inner.update(f"sha1\n{key.key_time}\n{digest}\n".encode())
    outer.update(inner.digest())
    return outer.hexdigest()


def encoded(text: str) -> str:
    """Return a name or a value in the encoding that is signed."""
    return text if text.isalnum() and text.isascii() else _quoted(text)


@functools.lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    """Cached, since most values are the same in every request, such as the host."""
    return quote(text, safe=_SAFE)
