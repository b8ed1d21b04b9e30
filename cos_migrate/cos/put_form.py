"""Signed heads of PutObject requests that differ only in path, size and MD5.

Their common text is made once: measured, building the whole head for each small file cost more
than any other step apart from its checksums.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from cos_migrate.cos.signature import SigningKey, encoded, sign, unsigned_authorization
from cos_migrate.http.request_head import encode_headers

_PATH_SAFE = "/-_.~"
_needs_no_quoting = re.compile(r"[A-Za-z0-9/\-_.~]*").fullmatch


def request_path(cos_path: str) -> str:
    """Return a decoded path, encoded for the request line."""
    return cos_path if _needs_no_quoting(cos_path) else quote(cos_path, safe=_PATH_SAFE)


class PutForm:
    """The head of a PutObject request with gaps for path, size and MD5, made once for many."""

    __slots__ = ("_authorization", "_lines", "_md5", "_prefix", "_signed", "_tail", "key")

    def __init__(
        self,
        key: SigningKey,
        target_prefix: str,
        headers: Sequence[tuple[str, str]],
        tail: str,
        *,
        md5: bool,
    ) -> None:
        """`headers` are all but `content-length` and `x-cos-meta-md5`; `tail` are unsigned lines.

        `md5`: whether there is an `x-cos-meta-md5`. Raises TransportError as `encode_headers` does.
        """
        encode_headers(headers)  # checks them; the blanks get a number and hex digits only
        self.key = key
        self._prefix = target_prefix
        self._tail = tail
        self._md5 = md5
        own = [("content-length", "%d"), *([("x-cos-meta-md5", "%s")] if md5 else [])]
        ready = [(name, _literal(value), _literal(encoded(value))) for name, value in headers]
        # Sorted, the size comes before the MD5: the order of the blanks.
        fields = sorted([*ready, *((name, blank, blank) for name, blank in own)])
        self._lines = "".join([f"{name}: {value}\r\n" for name, value, _ in fields])
        self._signed = "&".join([f"{name}={value}" for name, _, value in fields])
        names = ";".join([name for name, _, _ in fields])
        self._authorization = unsigned_authorization(key, names, "")

    def head(self, cos_path: str, size: int, md5: str) -> bytes:
        """Return the head of a request; `cos_path` is decoded, `size` in bytes, `md5` in hex."""
        values = (size, md5) if self._md5 else (size,)
        signature = sign(self.key, f"put\n{cos_path}\n\n{self._signed % values}\n")
        return (
            f"PUT {self._prefix}{request_path(cos_path)} HTTP/1.1\r\n{self._lines % values}"
            f"Authorization: {self._authorization}{signature}\r\n{self._tail}\r\n"
        ).encode()


def _literal(text: str) -> str:
    """Escape a text for `%`."""
    return text.replace("%", "%%")
