"""Check request signatures, after Tencent's documentation "Request Signature".

The signature is in the Authorization header or, for a presigned URL, in the query.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Request

_FIELDS = (
    "q-sign-algorithm",
    "q-ak",
    "q-sign-time",
    "q-key-time",
    "q-header-list",
    "q-url-param-list",
    "q-signature",
)
_SKEW = 900
"""Seconds by which a signature may start in the future."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account whose requests are accepted."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    """Required as x-cos-security-token when set."""
    expired: bool = False
    """Whether the token has ended."""


def check_signature(
    request: Request, accounts: Mapping[str, Account], clock: Callable[[], float]
) -> None:
    """Raise Refusal unless one of the accounts (by secret id) has signed the request."""
    fields = _fields(request)
    if fields["q-sign-algorithm"] != "sha1":
        raise Refusal("AccessDenied", "q-sign-algorithm must be sha1")
    account = accounts.get(fields["q-ak"])
    if account is None:
        raise Refusal("InvalidAccessKeyId", "The Access Key Id does not exist in our records.")
    now = clock()
    _check_time(fields["q-sign-time"], now)
    _check_time(fields["q-key-time"], now)
    if account.token:
        token = request.headers.get("x-cos-security-token") or request.param("x-cos-security-token")
        if token != account.token:
            raise Refusal("InvalidToken", "The security token is not valid.")
        if account.expired:
            raise Refusal("ExpiredToken", "The security token has expired.")
    # A target in absolute form overrides the Host header, as for the choice of the bucket.
    host = request.host if request.absolute else request.headers.get("host", "")
    # SDKs sign the host without the port that a test server's address has.
    hosts = {host, host.partition(":")[0]}
    if not any(_is_signed_by(request, fields, account, host) for host in hosts):
        raise Refusal("SignatureDoesNotMatch", "The signature does not match the request.")


def _fields(request: Request) -> dict[str, str]:
    header = request.headers.get("authorization", "")
    if header:
        pairs = (item.partition("=") for item in header.split("&"))
        found = {name.strip(): value for name, _, value in pairs}
    else:
        found = {name: value for name, value in request.params if name in _FIELDS}
    if any(name not in found for name in _FIELDS):
        raise Refusal("AccessDenied", "The request is not signed.")
    return found


def _check_time(text: str, now: float) -> None:
    start, _, end = text.partition(";")
    if not (start.isascii() and start.isdigit() and end.isascii() and end.isdigit()):
        raise Refusal("AccessDenied", "A time range is malformed.")
    if int(start) > now + _SKEW:
        raise Refusal("RequestTimeTooSkewed", "The request's time is too far from the server's.")
    if int(end) < now:
        raise Refusal("AccessDenied", "Request has expired")


def _is_signed_by(request: Request, fields: dict[str, str], account: Account, host: str) -> bool:
    headers = {**request.headers, "host": host}
    listed = [name for name in fields["q-header-list"].split(";") if name]
    if any(name not in headers for name in listed):
        return False
    header_text = _joined((name, headers[name]) for name in listed)
    wanted = {name.lower() for name in fields["q-url-param-list"].split(";") if name}
    known = [(_encoded(name.lower()).lower(), name.lower(), v) for name, v in request.params]
    if not wanted <= {encoded for encoded, _, _ in known}:
        return False
    # All values of a name, so that no unsigned second value is accepted.
    param_text = _joined((name, value) for encoded, name, value in known if encoded in wanted)
    text = f"{request.method.lower()}\n{request.path}\n{param_text}\n{header_text}\n"
    digest = hashlib.sha1(_bytes(text), usedforsecurity=False).hexdigest()
    key = _hmac(account.secret_key, fields["q-key-time"])
    right = _hmac(key, f"sha1\n{fields['q-sign-time']}\n{digest}\n")
    return hmac.compare_digest(right.encode(), _bytes(fields["q-signature"]))


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha1).hexdigest()


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    encoded = sorted((_encoded(name).lower(), _encoded(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    """Escape all but letters, digits and `-_.~`."""
    return quote(text, safe="", errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
