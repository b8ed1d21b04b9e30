"""Whether requests to the Upyun of the tests are signed as the public documentation says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from email.utils import parsedate_to_datetime

from tests.fakes.messages import Request

OPERATOR, PASSWORD = "operator1", "operator-password-0123"
_VALID = 1800
"""Seconds that a signature is good for, before and after its Date."""


def refusal(request: Request) -> tuple[int, int, str] | None:
    """Return status, code and text that a request gets for its signature; None: it is good."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        return _basic(token)
    if scheme != "UPYUN":
        return 401, 40100002, "need authorization"
    date = request.headers.get("date") or request.headers.get("x-date", "")
    try:
        when = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return 401, 40100004, "need date header"
    if abs(when - time.time()) > _VALID:
        return 401, 40100003, "date offset error"
    operator, _, signature = token.partition(":")
    if operator != OPERATOR:
        return 401, 40100006, "user not exists"
    for uri in (request.path, request.target):
        parts = [request.method, uri, date]
        if request.headers.get("content-md5"):
            parts.append(request.headers["content-md5"])
        if hmac.compare_digest(signature, _sign("&".join(parts))):
            return None
    return 401, 40100005, "sign error"


def _sign(text: str) -> str:
    key = hashlib.md5(PASSWORD.encode()).hexdigest().encode()
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha1).digest()).decode()


def _basic(token: str) -> tuple[int, int, str] | None:
    try:
        operator, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return 401, 40100002, "wrong authorization"
    if operator != OPERATOR:
        return 401, 40100006, "user not exists"
    return None if password == PASSWORD else (401, 40100005, "sign error")
