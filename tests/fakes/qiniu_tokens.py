"""Whether requests to the Qiniu of the tests are signed as the public documentation says."""

from __future__ import annotations

import base64
import calendar
import hashlib
import hmac
import time
from urllib.parse import parse_qs

from tests.fakes.messages import Request

ACCESS_KEY, SECRET_KEY = "qiniuaccesskey0123456789", "qiniusecretkey0123456789"


def _sign(data: bytes) -> str:
    digest = hmac.new(SECRET_KEY.encode(), data, hashlib.sha1).digest()
    return f"{ACCESS_KEY}:{base64.urlsafe_b64encode(digest).decode()}"


def refusal(request: Request) -> tuple[int, str] | None:
    """Return status and text that a management request gets for its token; None: it is good."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme == "QBox":
        data = request.target.encode() + b"\n"
        if request.headers.get("content-type") == "application/x-www-form-urlencoded":
            data += request.body
    elif scheme == "Qiniu":
        data = _qiniu_text(request)
    else:
        return 401, "bad token"
    if not hmac.compare_digest(token, _sign(data)):
        return 401, "bad token"
    stamp = request.headers.get("x-qiniu-date", "")
    if scheme == "Qiniu" and stamp:
        try:
            when = time.strptime(stamp, "%Y%m%dT%H%M%SZ")
        except ValueError:
            return 403, "invalid X-Qiniu-Date"
        if abs(calendar.timegm(when) - time.time()) > 900:
            return 403, "request time too skewed"
    return None


def _qiniu_text(request: Request) -> bytes:
    """Return what a `Qiniu` token signs."""
    kind = request.headers.get("content-type", "")
    lines = [f"{request.method} {request.target}", f"Host: {request.authority}"]
    if kind:
        lines.append(f"Content-Type: {kind}")
    own = sorted(name for name in request.headers if name.startswith("x-qiniu-"))
    lines += [f"{_canonical(name)}: {request.headers[name]}" for name in own]
    text = ("\n".join(lines) + "\n\n").encode()
    return text + (request.body if kind and kind != "application/octet-stream" else b"")


def _canonical(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))


def signed_url(request: Request) -> bool:
    """Return whether a download URL carries a token that is good now."""
    rest, mark, token = request.target.rpartition("&token=")
    deadline = parse_qs(request.query).get("e", [""])[0]
    if not mark or not deadline.isdecimal() or int(deadline) < time.time():
        return False
    url = f"{'https' if request.tls else 'http'}://{request.authority}{rest}"
    return hmac.compare_digest(token, _sign(url.encode()))
