"""The errors that COS answers, with their statuses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "AccessDenied": 403,
        "BadDigest": 400,
        "BucketAlreadyOwnedByYou": 409,
        "EntityTooLarge": 400,
        "EntityTooSmall": 400,
        "IncompleteBody": 400,
        "InvalidAccessKeyId": 403,
        "InvalidArgument": 400,
        "InvalidBucketName": 400,
        "InvalidDigest": 400,
        "InvalidPart": 400,
        "InvalidPartOrder": 400,
        "InvalidRange": 416,
        "InvalidStorageClass": 400,
        "InvalidToken": 403,
        "InvalidURI": 400,
        "KeyTooLong": 400,
        "MalformedXML": 400,
        "MetadataTooLarge": 400,
        "MethodNotAllowed": 405,
        "MissingContentLength": 411,
        "NoSuchBucket": 404,
        "NoSuchKey": 404,
        "NoSuchUpload": 404,
        "NotImplemented": 501,
        "NotModified": 304,
        "PreconditionFailed": 412,
        "RequestTimeTooSkewed": 403,
        "SignatureDoesNotMatch": 403,
    }
)


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: str, message: str = "", status: int = 0) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.status = status or _STATUSES.get(code, 400)
