"""The signed heads of many PutObject requests that differ in path, size and MD5 only.

What they have in common is written once: of all the work that a small file needs besides its
checksums, making the head anew each time was the largest part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from cos_migrate.cos.signature import SigningKey, encoded, signature, unsigned_authorization
from cos_migrate.http.request_head import header_lines

_PATH_SAFE = "/-_.~"
_needs_no_quoting = re.compile(r"[A-Za-z0-9/\-_.~]*").fullmatch


def request_path(cos_path: str) -> str:
    """Return a decoded path as it stands in a request line."""
    return cos_path if _needs_no_quoting(cos_path) else quote(cos_path, safe=_PATH_SAFE)


class PutForm:
    """A form in which path, size and MD5 are left to be filled in."""

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

        `md5`: whether there is an `x-cos-meta-md5`. Raises TransportError as `header_lines` does.
        """
        header_lines(headers)  # what is filled in later is a number and hex digits
        self.key = key
        self._prefix = target_prefix
        self._tail = tail
        self._md5 = md5
        own = [("content-length", "%d"), *([("x-cos-meta-md5", "%s")] if md5 else [])]
        ready = [(name, _literal(value), _literal(encoded(value))) for name, value in headers]
        # In this order the size, which is always there, comes before the MD5.
        fields = sorted([*ready, *((name, blank, blank) for name, blank in own)])
        self._lines = "".join([f"{name}: {value}\r\n" for name, value, _ in fields])
        self._signed = "&".join([f"{name}={value}" for name, _, value in fields])
        names = ";".join([name for name, _, _ in fields])
        self._authorization = unsigned_authorization(key, names, "")

    def head(self, cos_path: str, size: int, md5: str) -> bytes:
        """Return the head of a request; `cos_path` is decoded, `size` in bytes, `md5` in hex."""
        values = (size, md5) if self._md5 else (size,)
        sign = signature(self.key, f"put\n{cos_path}\n\n{self._signed % values}\n")
        return (
            f"PUT {self._prefix}{request_path(cos_path)} HTTP/1.1\r\n{self._lines % values}"
            f"Authorization: {self._authorization}{sign}\r\n{self._tail}\r\n"
        ).encode()


def _literal(text: str) -> str:
    """Return a text that `%` leaves as it is."""
    return text.replace("%", "%%")
