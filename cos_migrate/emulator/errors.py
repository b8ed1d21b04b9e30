"""The errors that COS answers, with their statuses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "AccessDenied": 403,
        "ExpiredToken": 403,
        "InternalError": 500,
        "InvalidAccessKeyId": 403,
        "InvalidObjectState": 403,
        "InvalidRange": 416,
        "InvalidToken": 403,
        "MethodNotAllowed": 405,
        "MissingContentLength": 411,
        "NoSuchBucket": 404,
        "NoSuchKey": 404,
        "NoSuchUpload": 404,
        "NotImplemented": 501,
        "NotModified": 304,
        "PreconditionFailed": 412,
        "RequestTimeTooSkewed": 403,
        "RestoreAlreadyInProgress": 409,
        "SignatureDoesNotMatch": 403,
    }
)
"""Other codes have the status 400."""


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: str, message: str = "", status: int = 0) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.status = status or _STATUSES.get(code, 400)
