"""OSS's signatures as its documentation describes them: V1 and V4, in headers and in URLs.

Written from https://help.aliyun.com/document_detail/31951.html (V1 in a header), 31952 (V1 in a
URL) and "Include a V4 signature in the Authorization header / in a URL". Shares no code with oss2
nor with the product.
"""

from __future__ import annotations

import base64
import calendar
import email.utils
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.fakes.oss_wire import OssError, Request

SKEW = 15 * 60
"""Seconds that a client's clock may be wrong."""
_LONGEST = 7 * 24 * 3600
_V4 = "OSS4-HMAC-SHA256"
_SIGNED_NAMES = """
    acl append bucketInfo callback callback-var cname comp continuation-token cors delete
    encryption endTime group img inventory inventoryId lifecycle link live location logging
    objectInfo objectMeta partNumber policy position qos referer regionList replication
    replicationLocation replicationProgress requestPayment response-cache-control
    response-content-disposition response-content-encoding response-content-language
    response-content-type response-expires restore security-token sequential startTime stat status
    style styleName symlink tagging uploadId uploads versionId versioning versions vod website worm
    wormExtend wormId x-oss-ac-forward-allow x-oss-ac-source-ip x-oss-ac-subnet-mask
    x-oss-ac-vpc-id x-oss-async-process x-oss-process x-oss-request-payer
    x-oss-traffic-limit
"""
_SUBRESOURCES = frozenset(_SIGNED_NAMES.split())
"""The query parameters that V1 signs; it leaves all others out."""


@dataclass(frozen=True)
class Account:
    """Somebody with access keys, and what is denied to them."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    """Of a temporary credential: must come along."""
    denied: frozenset[str] = frozenset()
    """Operations that the account's policy does not allow (`ListObjects`, `GetObject`, ...)."""
    expired: bool = False
    """Whether the temporary credential has run out."""


def account_of(
    request: Request, accounts: Mapping[str, Account], clock: Callable[[], float] = time.time
) -> tuple[Account | None, str]:
    """Return who signed the request and how (`v1`, `v1-url`, `v4`, `v4-url`).

    None when it is not signed. Raises OssError when it is signed wrongly.
    """
    given = request.headers.get("authorization", "")
    params = dict(request.params)
    if given.startswith(_V4 + " "):
        return _v4_header(request, given, accounts, clock()), "v4"
    if given.startswith("OSS "):
        return _v1_header(request, given, accounts, clock()), "v1"
    if given:
        raise OssError(400, "InvalidArgument", "The Authorization header is of no known kind.")
    if params.get("x-oss-signature-version") == _V4:
        return _v4_url(request, params, accounts, clock()), "v4-url"
    if "Signature" in params:
        return _v1_url(request, params, accounts, clock()), "v1-url"
    return None, ""


def _v1_header(
    request: Request, given: str, accounts: Mapping[str, Account], now: float
) -> Account:
    key_id, _, signature = given[4:].partition(":")
    account = _known(key_id, accounts)
    date = request.headers.get("x-oss-date") or request.headers.get("date", "")
    parsed = email.utils.parsedate_tz(date)
    if not parsed:
        raise OssError(403, "AccessDenied", "OSS authentication requires a valid Date.")
    _check_skew(email.utils.mktime_tz(parsed), now)
    _compare(_v1_text(request, date, request.params), account, signature)
    _check_token(account, request.headers.get("x-oss-security-token", ""))
    return account


def _v1_url(
    request: Request, params: Mapping[str, str], accounts: Mapping[str, Account], now: float
) -> Account:
    account = _known(params.get("OSSAccessKeyId", ""), accounts)
    expires = params.get("Expires", "")
    if not expires.isdigit():
        raise OssError(403, "AccessDenied", "Invalid date (should be seconds since epoch).")
    if int(expires) < now:
        raise OssError(403, "AccessDenied", "Request has expired.", Expires=expires)
    _compare(_v1_text(request, expires, request.params), account, params["Signature"])
    _check_token(account, params.get("security-token", ""))
    return account


def _v1_text(request: Request, date: str, params: list[tuple[str, str]]) -> str:
    """Return the text that V1 signs."""
    named = "".join(
        f"{name}:{request.headers[name].strip()}\n"
        for name in sorted(request.headers)
        if name.startswith("x-oss-")
    )
    resource = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    signed = sorted((name, value) for name, value in params if name in _SUBRESOURCES)
    if signed:
        resource += "?" + "&".join(f"{name}={value}" if value else name for name, value in signed)
    kind = request.headers.get("content-type", "")
    md5 = request.headers.get("content-md5", "")
    return f"{request.method}\n{md5}\n{kind}\n{date}\n{named}{resource}"


def _compare(text: str, account: Account, given: str) -> None:
    raw = text.encode("utf-8", "surrogateescape")
    made = base64.b64encode(hmac.new(account.secret.encode(), raw, hashlib.sha1).digest()).decode()
    if not hmac.compare_digest(made.encode(), given.encode()):
        raise _mismatch(account, text, given)


def _v4_header(
    request: Request, given: str, accounts: Mapping[str, Account], now: float
) -> Account:
    fields = dict(
        part.strip().split("=", 1) for part in given[len(_V4) + 1 :].split(",") if "=" in part
    )
    if "AdditionalHeaders" in fields and not fields["AdditionalHeaders"]:
        raise OssError(400, "InvalidArgument", "AdditionalHeaders is empty.")
    date = request.headers.get("x-oss-date") or _iso(request.headers.get("date", ""))
    payload = request.headers.get("x-oss-content-sha256", "")
    if payload != "UNSIGNED-PAYLOAD":
        raise OssError(400, "InvalidArgument", "x-oss-content-sha256 must be UNSIGNED-PAYLOAD.")
    account, scope = _scope(fields.get("Credential", ""), accounts, date)
    _check_skew(_seconds(date), now)
    text = _v4_text(request, request.params, fields.get("AdditionalHeaders", ""), date, scope)
    _compare_v4(text, account, scope, fields.get("Signature", ""))
    _check_token(account, request.headers.get("x-oss-security-token", ""))
    return account


def _v4_url(
    request: Request, params: Mapping[str, str], accounts: Mapping[str, Account], now: float
) -> Account:
    date = params.get("x-oss-date", "")
    account, scope = _scope(params.get("x-oss-credential", ""), accounts, date)
    lasts = params.get("x-oss-expires", "")
    if not lasts.isdigit() or not 1 <= int(lasts) <= _LONGEST:
        raise OssError(400, "AuthorizationQueryParametersError", "x-oss-expires is invalid.")
    begins = _seconds(date)
    if begins > now + SKEW:
        raise OssError(403, "AccessDenied", "The signature is not valid yet.")
    if begins + int(lasts) < now:
        raise OssError(403, "AccessDenied", "Request has expired.")
    rest = [(name, value) for name, value in request.params if name != "x-oss-signature"]
    text = _v4_text(request, rest, params.get("x-oss-additional-headers", ""), date, scope)
    _compare_v4(text, account, scope, params.get("x-oss-signature", ""))
    _check_token(account, params.get("x-oss-security-token", ""))
    return account


def _scope(
    credential: str, accounts: Mapping[str, Account], date: str
) -> tuple[Account, tuple[str, str, str, str]]:
    key_id, *scope = credential.split("/")
    if len(scope) != 4 or scope[2:] != ["oss", "aliyun_v4_request"] or scope[0] != date[:8]:
        raise OssError(400, "InvalidArgument", "The Credential of the signature is invalid.")
    return _known(key_id, accounts), (scope[0], scope[1], scope[2], scope[3])


def _v4_text(
    request: Request,
    params: list[tuple[str, str]],
    additional: str,
    date: str,
    scope: tuple[str, str, str, str],
) -> str:
    """Return the text that V4 signs."""
    path = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    query = "&".join(
        f"{name}={value}" if value else name
        for name, value in sorted((_encoded(name), _encoded(value)) for name, value in params)
    )
    more = set(additional.split(";")) if additional else set()
    signed = "".join(
        f"{name}:{request.headers[name].strip()}\n"
        for name in sorted(request.headers)
        if name.startswith("x-oss-") or name in {"content-type", "content-md5"} | more
    )
    payload = request.headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD")
    whole = "\n".join(
        [request.method, _encoded(path, "/"), query, signed, ";".join(sorted(more)), payload]
    )
    digest = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()
    return "\n".join([_V4, date, "/".join(scope), digest])


def _compare_v4(text: str, account: Account, scope: tuple[str, str, str, str], given: str) -> None:
    key = b"aliyun_v4" + account.secret.encode()
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    made = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made.encode(), given.encode()):
        raise _mismatch(account, text, given)


def _mismatch(account: Account, text: str, given: str) -> OssError:
    return OssError(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        OSSAccessKeyId=account.key_id,
        SignatureProvided=given,
        StringToSign=text,
    )


def _known(key_id: str, accounts: Mapping[str, Account]) -> Account:
    if key_id not in accounts:
        text = "The OSS Access Key Id you provided does not exist in our records."
        raise OssError(403, "InvalidAccessKeyId", text, OSSAccessKeyId=key_id)
    return accounts[key_id]


def _check_token(account: Account, given: str) -> None:
    if account.token and account.expired and given == account.token:
        text = "The security token you provided has expired."
        raise OssError(403, "SecurityTokenExpired", text)
    if given != account.token:
        text = "The security token you provided is invalid."
        raise OssError(403, "InvalidSecurityToken", text)


def _check_skew(then: float, now: float) -> None:
    if abs(now - then) > SKEW:
        text = "The difference between the request time and the current time is too large."
        raise OssError(403, "RequestTimeTooSkewed", text, MaxAllowedSkewMilliseconds="900000")


def _iso(date: str) -> str:
    parsed = email.utils.parsedate_tz(date)
    if not parsed:
        return ""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(email.utils.mktime_tz(parsed)))


def _seconds(date: str) -> float:
    try:
        return calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise OssError(400, "InvalidArgument", "x-oss-date is invalid.") from None


def _encoded(text: str, safe: str = "") -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=safe)
