"""How answers of COS are classified: which are tried again, which concern all objects."""

from __future__ import annotations

import pytest

from cos_migrate.cos.errors import error_of
from cos_migrate.http.messages import Response
from cos_migrate.model import failure_of


@pytest.mark.parametrize(
    ("status", "code", "retryable", "fatal"),
    [
        (403, "AccessDenied", False, False),
        (403, "SignatureDoesNotMatch", False, True),
        (404, "NoSuchBucket", False, True),
        (400, "RequestTimeout", True, False),
        (503, "SlowDown", True, False),
    ],
)
def test_an_error_is_tried_again_or_concerns_all_objects_by_its_code(
    status: int, code: str, retryable: bool, fatal: bool
) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    error = error_of(Response(status, {b"x-cos-request-id": b"id"}, body), "PutObject", "/a")
    assert (error.code, error.status, error.request_id) == (code, status, "id")
    for each in (error, failure_of(error)):
        assert (each.retryable, each.fatal) == (retryable, fatal)
