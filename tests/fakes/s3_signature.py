"""Checks AWS signature version 4, in headers and in queries.

Written from the AWS documentation ("Authenticating Requests (AWS Signature Version 4)", Amazon S3
API Reference); it shares nothing with an SDK or with the product.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

from tests.fakes.messages import Request

_ALGORITHM = "AWS4-HMAC-SHA256"
_SKEW = dt.timedelta(minutes=15)
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request,\s*"
    r"SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})"
)


class Wrong(Exception):
    """A request that is not signed as it must be."""

    def __init__(self, status: int, code: str, message: str, region: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.region = status, code, region


class _Claim(NamedTuple):
    key_id: str
    date: str
    region: str
    service: str
    signed: list[str]
    signature: str
    time: str
    payload: str
    query: str


def check(request: Request, keys: Mapping[str, str], region: str, now: dt.datetime) -> str:
    """Return the id of the `keys` (id -> secret) that signed the request for `region`.

    Raises `Wrong`.
    """
    presigned = "X-Amz-Signature=" in request.query
    claim = _of_query(request, now) if presigned else _of_header(request, now)
    if claim.key_id not in keys:
        raise Wrong(403, "InvalidAccessKeyId", "The access key id does not exist.")
    if claim.service != "s3" or claim.date != claim.time[:8]:
        raise Wrong(400, "AuthorizationHeaderMalformed", "The credential scope is wrong.")
    if claim.region != region:
        text = f"the region '{claim.region}' is wrong; expecting '{region}'"
        raise Wrong(400, "AuthorizationHeaderMalformed", text, region)
    _check_coverage(request, claim)
    scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    canonical = "\n".join(
        [
            request.method,
            quote(unquote(request.path, errors="strict"), safe="/-._~"),
            _canonical_query(claim.query),
            *(f"{name}:{' '.join(request.headers[name].split())}" for name in claim.signed),
            "",
            ";".join(claim.signed),
            claim.payload,
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{claim.time}\n{scope}\n{digest}"
    key = f"AWS4{keys[claim.key_id]}".encode()
    for step in (claim.date, claim.region, claim.service, "aws4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    wanted = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, claim.signature):
        raise Wrong(403, "SignatureDoesNotMatch", "The signature does not match.")
    return claim.key_id


def _of_header(request: Request, now: dt.datetime) -> _Claim:
    found = _HEADER.fullmatch(request.headers.get("authorization", ""))
    if not found:
        if "authorization" not in request.headers:
            raise Wrong(403, "AccessDenied", "Access Denied")
        raise Wrong(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
    key_id, date, region, service, signed, signature = found.groups()
    time = request.headers.get("x-amz-date", "")
    moment = _moment(time)
    if abs(now - moment) > _SKEW:
        raise Wrong(403, "RequestTimeTooSkewed", "The request's time is too far from ours.")
    payload = request.headers.get("x-amz-content-sha256", "")
    if not payload:
        raise Wrong(400, "MissingSecurityHeader", "x-amz-content-sha256 is missing.")
    hashed = hashlib.sha256(request.body).hexdigest()
    if payload not in {"UNSIGNED-PAYLOAD", hashed}:
        raise Wrong(400, "XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
    return _Claim(
        key_id, date, region, service, signed.split(";"), signature, time, payload, request.query
    )


def _of_query(request: Request, now: dt.datetime) -> _Claim:
    pairs = [pair.partition("=") for pair in request.query.split("&")]
    told = {unquote(name): unquote(value) for name, _, value in pairs}
    try:
        if told["X-Amz-Algorithm"] != _ALGORITHM:
            raise Wrong(400, "AuthorizationQueryParametersError", "The algorithm is wrong.")
        key_id, date, region, service, _ = told["X-Amz-Credential"].split("/")
        time, seconds = told["X-Amz-Date"], int(told["X-Amz-Expires"])
        signed, signature = told["X-Amz-SignedHeaders"].split(";"), told["X-Amz-Signature"]
    except (KeyError, ValueError):
        text = "A query parameter is missing or malformed."
        raise Wrong(400, "AuthorizationQueryParametersError", text) from None
    moment = _moment(time)
    if not moment - _SKEW <= now <= moment + dt.timedelta(seconds=seconds):
        raise Wrong(403, "AccessDenied", "Request has expired")
    rest = [pair for pair in request.query.split("&") if not pair.startswith("X-Amz-Signature=")]
    payload = told.get("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
    return _Claim(key_id, date, region, service, signed, signature, time, payload, "&".join(rest))


def _check_coverage(request: Request, claim: _Claim) -> None:
    """Hold the request to what has to be signed: Host, and each header of Amazon's own."""
    names = {name for name in request.headers if name.startswith("x-amz-")} | {"host"}
    if names - set(claim.signed):
        text = f"There were headers present which were not signed: {sorted(names)}"
        raise Wrong(403, "AccessDenied", text)
    if claim.signed != sorted(claim.signed) or set(claim.signed) - set(request.headers):
        raise Wrong(403, "SignatureDoesNotMatch", "The signed headers are not those sent.")


def _canonical_query(query: str) -> str:
    pairs = []
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        pairs.append((quote(unquote(name), safe="-._~"), quote(unquote(value), safe="-._~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.strptime(text, "%Y%m%dT%H%M%SZ")  # noqa: DTZ007
    except ValueError:
        raise Wrong(403, "AccessDenied", "The request has no valid date.") from None
    return moment.replace(tzinfo=dt.timezone.utc)
