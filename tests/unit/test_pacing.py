"""The limit that SlowDown lowers, and the rows of failures that end a run."""

from __future__ import annotations

import pytest

from cos_migrate.model import Failure
from cos_migrate.pacing import FailureRow, Limit


def test_the_limit_is_halved_at_most_once_a_second_and_grows_again() -> None:
    limit = Limit(64)
    assert limit.slow_down(10.0)
    assert limit.allowed == 32
    assert not limit.slow_down(10.5)
    assert limit.slow_down(11.1)
    assert limit.allowed == 16
    assert not limit.grow(12.0)
    now = 14.2
    while limit.allowed < 64:
        assert limit.grow(now)
        now += 3.0
    assert not limit.grow(now)


def test_the_limit_never_reaches_zero() -> None:
    limit = Limit(2)
    for second in range(10):
        limit.slow_down(second * 2.0)
    assert limit.allowed == 1


def failure(code: str, status: int = 0, *, fatal: bool = False) -> Failure:
    return Failure("PutObject", "text", status, code, fatal=fatal)


def count_until_stop(row: FailureRow, one: Failure, most: int = 500) -> int | None:
    return next((n for n in range(1, most) if row.failure(one)), None)


@pytest.mark.parametrize(
    ("one", "probing", "proven"),
    [
        (failure("NoSuchBucket", 404, fatal=True), 1, 10),
        (failure("InvalidAccessKeyId", 403, fatal=True), 1, 10),
        (failure("ConnectionRefused"), 1, 10),
        (failure("AccessDenied", 403), 5, 100),
        (failure("InvalidObjectState", 403), None, None),
        (failure("Timeout"), 5, 100),
        (failure("InternalError", 500), 5, None),
        (failure("SlowDown", 503), None, None),
        (failure("BadAnswer", 200), 5, None),
        (failure("ChecksumMismatch"), 5, None),
        (failure("EntityTooLarge", 400), None, None),
        (failure("EACCES"), None, None),
        (failure("EIO"), 100, 100),
    ],
)
def test_what_no_object_can_escape_ends_the_run(
    one: Failure, probing: int | None, proven: int | None
) -> None:
    assert count_until_stop(FailureRow(), one) == probing
    row = FailureRow()
    row.success()
    assert count_until_stop(row, one) == proven


def test_a_source_in_trouble_says_nothing_of_cos() -> None:
    """Behind a list of URLs each may be another server's."""
    at_the_source = failure("Timeout")._replace(operation="GetObject")
    assert count_until_stop(FailureRow(), at_the_source) == 100


def test_a_success_or_another_failure_breaks_the_row() -> None:
    row = FailureRow()
    row.success()
    denied = failure("AccessDenied", 403)
    for _ in range(99):
        assert not row.failure(denied)
    row.success()
    for _ in range(99):
        assert not row.failure(denied)
    assert not row.failure(failure("Timeout"))
    assert not row.failure(denied)
