"""Turns answers of COS into errors, and classifies them."""

from __future__ import annotations

from cos_migrate.errors import Code, CosError
from cos_migrate.http.dates import parse_retry_after
from cos_migrate.http.messages import Response
from cos_migrate.http.web_pages import FOREIGN, foreign_message, is_web_page
from cos_migrate.http.xml_texts import find_text, read_error

_RETRYABLE_STATUS = frozenset({408, 429, 500, 502, 503, 504, 509})
_RETRYABLE_CODES = frozenset(
    {"RequestTimeout", "IncompleteBody", "BadDigest", "InternalError", Code.SLOW_DOWN}
)
FATAL_CODES = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        Code.NO_SUCH_BUCKET,
        "RequestTimeTooSkewed",
        "ExpiredToken",
        "InvalidToken",
        "RequestIsExpired",
        "UserNotExist",
        "AccountArrears",
        "WrongRegion",
        "InvalidStorageClass",
    }
)
"""Codes of errors that all other objects of the run would meet too."""
ENDED_CODES = frozenset({"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "RequestIsExpired"})
"""Codes of errors that other credentials cure, if there are any."""
ARCHIVED = "InvalidObjectState"
"""Code of an object that must be restored before it can be read."""
_CODE_OF_STATUS = {
    403: "AccessDenied",
    404: Code.NO_SUCH_KEY,
    407: Code.PROXY_REFUSED,
    412: "PreconditionFailed",
}
_NOT_OF_COS = ("text/plain", "application/json")
"""Content types of proxies and gateways that COS never sends."""
_MESSAGE_OF_STATUS = {407: "the proxy asks for a user name and a password, or for others"}


def is_error(body: bytes) -> bool:
    """Return whether a body is an XML error, which an answer of status 200 can have too."""
    return b"<Error>" in body[:512] or b"<Error " in body[:512]


def is_foreign(response: Response) -> bool:
    """Return whether an answer is not from COS, but from a proxy, for example.

    COS sends a request id or XML; its answers to HEAD have no body.
    """
    if response.header(b"x-cos-request-id") or find_text(response.body, "Code"):
        return False
    kind = response.header(b"content-type")
    return bool(response.body) or is_web_page(kind, b"") or kind.startswith(_NOT_OF_COS)


def error_of(response: Response, operation: str, target: str) -> CosError:
    """Return the error for an answer with the status of a failure."""
    status, body = response.status, response.body
    code, message, request_id = read_error(response.headers, body)
    code = code or _CODE_OF_STATUS.get(status, f"Http{status}")
    message = message or _MESSAGE_OF_STATUS.get(status, "no message")
    foreign = is_foreign(response)
    if status in {301, 302, 307}:
        code = "WrongRegion"
        where = response.header(b"location") or find_text(body, "Endpoint") or "another endpoint"
        message = f"the bucket is not in this region: COS points to {where}"
        if foreign:
            message = f"the bucket is not in this region, or a proxy wants a login: see {where}"
    elif foreign and status != 407:  # noqa: PLR2004 - the proxy's own, and clear
        code = FOREIGN
        message = foreign_message("COS", status, response.header(b"content-type"), body)
    error = CosError(
        message,
        operation=operation,
        target=target,
        status=status,
        code=code,
        request_id=request_id,
        trace_id=response.header(b"x-cos-trace-id") or find_text(body, "TraceId"),
        retryable=status in _RETRYABLE_STATUS or code in _RETRYABLE_CODES,
        fatal=code in FATAL_CODES,
    )
    error.retry_after = parse_retry_after(response.header(b"retry-after"))
    error.credentials_ended = code in ENDED_CODES
    return error


def incomplete_answer(response: Response, operation: str, target: str) -> CosError:
    """Return the error for a success without the values that COS sends, such as an ETag."""
    code, message = "BadAnswer", "the answer lacks the values that COS sends"
    if is_foreign(response):
        kind = response.header(b"content-type")
        code, message = FOREIGN, foreign_message("COS", response.status, kind, response.body)
    return CosError(
        message,
        operation=operation,
        target=target,
        status=response.status,
        code=code,
        request_id=response.header(b"x-cos-request-id"),
        retryable=True,
    )
