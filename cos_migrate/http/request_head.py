"""Encodes header lines and checks request targets: no characters that HTTP forbids."""

from __future__ import annotations

from collections.abc import Sequence

from cos_migrate.errors import TransportError

_CONTROLS = bytes([*range(9), *range(10, 32), 127])
"""Control characters, all but the tab (RFC 9110, 5.5)."""


def encode_headers(headers: Sequence[tuple[str, str]]) -> bytes:
    """Return header lines as they are sent, each ended by CRLF.

    Values come from listings and answers too. Raises TransportError with the code `BadHeader`.
    """
    try:
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers]).encode()
    except UnicodeEncodeError:
        raise _bad_header(headers) from None
    if len(lines) - len(lines.translate(None, _CONTROLS)) != 2 * len(headers):
        raise _bad_header(headers)
    return lines


def checked_target(target: str) -> str:
    """Return a request target unchanged. Raises TransportError as `encode_headers` does."""
    if target.isprintable() and " " not in target:
        return target
    raise _refused("its path or query holds a blank or a control character")


def _bad_header(headers: Sequence[tuple[str, str]]) -> TransportError:
    for name, value in headers:
        text = f"{name}{value}".encode(errors="surrogateescape")
        if text.translate(None, _CONTROLS) != text:
            return _refused(f"the value of {name} holds a control character")
        if not f"{name}{value}".isprintable():
            return _refused(f"the value of {name} is not UTF-8")
    return _refused("a header holds a control character")


def _refused(reason: str) -> TransportError:
    return TransportError(
        f"{reason}, which no request can carry", operation="exchange", code="BadHeader"
    )
