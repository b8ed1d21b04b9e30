"""Checks request signatures, after Tencent's documentation "Request Signature".

The signature stands in the Authorization header or, for a presigned URL, in the query.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterable
from dataclasses import dataclass

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Request

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
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
"""Seconds a signature may begin in the future."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose requests are accepted."""

    secret_id: str
    secret_key: str
    token: str = ""
    """Required as x-cos-security-token when set."""


def check(request: Request, account: Account) -> None:
    """Raise Refusal unless the account has signed the request."""
    fields = _fields(request)
    if fields["q-sign-algorithm"] != "sha1":
        raise Refusal("AccessDenied", "q-sign-algorithm must be sha1")
    if fields["q-ak"] != account.secret_id:
        raise Refusal("InvalidAccessKeyId", "the access key id does not exist")
    _check_time(fields["q-sign-time"])
    _check_time(fields["q-key-time"])
    if account.token:
        token = request.headers.get("x-cos-security-token") or request.param("x-cos-security-token")
        if token != account.token:
            raise Refusal("InvalidToken", "the security token is not valid")
    hosts = {request.host, request.host.partition(":")[0]}
    if not any(_agrees(request, fields, account, host) for host in hosts):
        raise Refusal("SignatureDoesNotMatch", "the signature does not match the request")


def _fields(request: Request) -> dict[str, str]:
    header = request.headers.get("authorization", "")
    if header:
        pairs = (item.partition("=") for item in header.split("&"))
        found = {name.strip(): value for name, _, value in pairs}
    else:
        found = {name: value for name, value in request.params if name in _FIELDS}
    if any(name not in found for name in _FIELDS):
        raise Refusal("AccessDenied", "the request is not signed")
    return found


def _check_time(text: str) -> None:
    try:
        start, end = (int(part) for part in text.split(";"))
    except ValueError:
        raise Refusal("AccessDenied", "a time range is malformed") from None
    now = time.time()
    if start > now + _SKEW:
        raise Refusal("RequestTimeTooSkewed", "the request's time is in the future")
    if end < now:
        raise Refusal("AccessDenied", "Request has expired")


def _agrees(request: Request, fields: dict[str, str], account: Account, host: str) -> bool:
    headers = {**request.headers, "host": host}
    listed = [name for name in fields["q-header-list"].split(";") if name]
    if any(name not in headers for name in listed):
        return False
    header_text = _joined((name, headers[name]) for name in listed)
    params = [(name.lower(), value) for name, value in request.params]
    wanted = [name for name in fields["q-url-param-list"].split(";") if name]
    known = {_encoded(name).lower(): (name, value) for name, value in params}
    if any(name.lower() not in known for name in wanted):
        return False
    param_text = _joined(known[name.lower()] for name in wanted)
    text = f"{request.method.lower()}\n{request.path}\n{param_text}\n{header_text}\n"
    digest = hashlib.sha1(text.encode("utf-8", "surrogateescape"), usedforsecurity=False)
    to_sign = f"sha1\n{fields['q-sign-time']}\n{digest.hexdigest()}\n"
    key = _hmac(account.secret_key, fields["q-key-time"])
    return hmac.compare_digest(_hmac(key, to_sign), fields["q-signature"])


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha1).hexdigest()


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    encoded = sorted((_encoded(name).lower(), _encoded(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in data)
