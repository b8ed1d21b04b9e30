"""The rows of failures that end a run."""

from __future__ import annotations

import pytest

from cos_migrate.engine.key_spread import KeySpread
from cos_migrate.engine.streak import FailureStreak, FailureVerdict
from cos_migrate.errors import Side
from cos_migrate.model import Failure


def failure(
    code: str,
    status: int = 0,
    *,
    fatal: bool = False,
    operation: str = "PutObject",
    request_id: str = "",
) -> Failure:
    side = {"PutObject": Side.COS, "open": Side.HERE, "read": Side.HERE}.get(operation, Side.SOURCE)
    return Failure(operation, "text", status, code, request_id, fatal=fatal, side=side)


DENIED = failure("AccessDenied", 403, request_id="id")
AT_SOURCE = failure("AccessDenied", 403, operation="GetObject")


def first(row: FailureStreak, one: Failure, wanted: FailureVerdict, most: int = 500) -> int | None:
    """Return after how many equal failures there is a verdict, None when there never is."""
    return next((n for n in range(1, most) if row.note_failure(one) is wanted), None)


def verdicts(row: FailureStreak, one: Failure, count: int) -> list[FailureVerdict]:
    return [row.note_failure(one) for _ in range(count)]


@pytest.mark.parametrize(
    ("one", "unproven", "proven"),
    [
        (failure("NoSuchBucket", 404, fatal=True), 1, 10),
        (failure("InvalidAccessKeyId", 403, fatal=True), 1, 10),
        (failure("ConnectionRefused"), 1, 10),
        (DENIED, None, None),
        (failure("InvalidObjectState", 403), None, None),
        (failure("Timeout"), 5, 100),
        (failure("InternalError", 500), 5, None),
        (failure("SlowDown", 503), None, None),
        (failure("BadAnswer", 200), 5, None),
        (failure("ForeignAnswer", 403), 5, None),
        (failure("ChecksumMismatch"), None, None),
        (failure("EntityTooLarge", 400), None, None),
        (failure("EACCES", operation="open"), None, None),
        (failure("EIO", operation="read"), 100, 100),
        (failure("Timeout", operation="GetObject"), 100, 100),
        (failure("InvalidAccessKeyId", 403, fatal=True, operation="GetObject"), 1, 1),
        (AT_SOURCE, None, None),
    ],
)
def test_what_no_object_can_escape_ends_the_run(
    one: Failure, unproven: int | None, proven: int | None
) -> None:
    assert first(FailureStreak(), one, FailureVerdict.STOP) == unproven
    row = FailureStreak()
    row.note_success()
    assert first(row, one, FailureVerdict.STOP) == proven


def test_refusals_of_cos_are_probed_once_and_go_on_without_limit() -> None:
    row = FailureStreak()
    assert verdicts(row, DENIED, 4) == [FailureVerdict.GO_ON] * 4
    assert row.note_failure(DENIED) is FailureVerdict.PROBE_COS
    assert row.note_cos_probe(None) is FailureVerdict.GO_ON
    assert set(verdicts(row, DENIED, 1000)) == {FailureVerdict.GO_ON}


def test_a_refused_probe_is_weighed_again_and_again_until_something_is_written() -> None:
    row = FailureStreak()
    assert first(row, DENIED, FailureVerdict.PROBE_COS) == 5
    assert row.note_cos_probe(DENIED) is FailureVerdict.WEIGH
    assert first(row, DENIED, FailureVerdict.WEIGH) == 5
    assert first(row, DENIED, FailureVerdict.WEIGH) == 10
    row.note_success()
    assert set(verdicts(row, DENIED, 1000)) == {FailureVerdict.GO_ON}


def test_a_row_is_steady_from_a_success_to_the_next_failure() -> None:
    row, found = FailureStreak(), []
    row.note_success(written=True)
    found.append(row.steady)
    row.note_success(written=True, read=True)
    found.append(row.steady)
    row.note_failure(failure("EntityTooLarge", 400))
    found.append(row.steady)
    assert found == [False, True, False]


def test_what_was_written_meanwhile_beats_a_refused_probe() -> None:
    row = FailureStreak()
    verdicts(row, DENIED, 5)
    row.note_success()
    assert row.note_cos_probe(DENIED) is FailureVerdict.GO_ON


@pytest.mark.parametrize(
    "one",
    [failure("InvalidAccessKeyId", 403, fatal=True), failure("ConnectionRefused")],
)
def test_a_probe_that_shows_wrong_credentials_or_no_server_ends_the_run(one: Failure) -> None:
    row = FailureStreak()
    row.note_success(written=False)
    verdicts(row, DENIED, 5)
    assert row.note_cos_probe(one) is FailureVerdict.STOP


def test_a_probe_without_a_clear_answer_is_made_again() -> None:
    row = FailureStreak()
    assert first(row, DENIED, FailureVerdict.PROBE_COS) == 5
    assert row.note_cos_probe(failure("InternalError", 500)) is FailureVerdict.GO_ON
    assert first(row, DENIED, FailureVerdict.PROBE_COS) == 10


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (DENIED, True),
        (failure("InvalidArgument", 400, request_id="id"), True),
        (failure("ChecksumMismatch"), True),
        (failure("AccessDenied", 403), False),
        (failure("InternalError", 500, request_id="id"), False),
        (failure("SlowDown", 503, request_id="id"), False),
        (failure("TooManyRequests", 429, request_id="id"), False),
        (failure("SignatureDoesNotMatch", 403, request_id="id", fatal=True), False),
        (AT_SOURCE, False),
    ],
)
def test_an_answer_of_cos_proves_the_connection_even_a_refusal(one: Failure, shown: bool) -> None:
    row = FailureStreak()
    row.note_failure(one)
    assert row.proven is shown


@pytest.mark.parametrize(
    "one", [failure("ENOENT", operation="open"), AT_SOURCE, failure("Gone", 404)], ids=str
)
def test_failures_that_show_nothing_of_cos_call_for_a_look_since_they_go_alone(
    one: Failure,
) -> None:
    row = FailureStreak()
    row.note_accepted_listing()
    assert first(row, one, FailureVerdict.HEAD_COS) == 5
    assert row.note_cos_head(None) is FailureVerdict.GO_ON
    assert row.proven
    assert set(verdicts(row, one, 90)) == {FailureVerdict.GO_ON}


@pytest.mark.parametrize(
    ("one", "verdict"),
    [
        (failure("AccessDenied", 403), FailureVerdict.PROBE_COS),
        (failure("ConnectionRefused"), FailureVerdict.STOP),
        (failure("InternalError", 500), FailureVerdict.GO_ON),
    ],
)
def test_a_look_at_cos_that_fails(one: Failure, verdict: FailureVerdict) -> None:
    row = FailureStreak()
    assert row.note_cos_head(one._replace(operation="HeadObject")) is verdict
    assert not row.proven


def test_a_look_at_cos_proves_no_bucket() -> None:
    row = FailureStreak()
    assert row.note_cos_head(None) is FailureVerdict.GO_ON
    assert row.note_failure(failure("NoSuchBucket", 404, fatal=True)) is FailureVerdict.STOP


def test_a_listed_source_may_refuse_all_its_objects() -> None:
    row = FailureStreak()
    row.note_success()
    row.note_accepted_listing()
    assert first(row, AT_SOURCE, FailureVerdict.PROBE_SOURCE) == 100
    assert row.note_source_probe(None) is FailureVerdict.GO_ON
    assert first(row, AT_SOURCE, FailureVerdict.PROBE_SOURCE, 2000) == 900
    assert row.note_source_probe(AT_SOURCE) is FailureVerdict.STOP


def test_a_listing_shows_that_credentials_are_right_whatever_an_object_is_answered() -> None:
    wrong = failure("SignatureDoesNotMatch", 403, fatal=True, operation="GetObject")
    row = FailureStreak()
    row.note_success()
    row.note_accepted_listing()
    assert first(row, wrong, FailureVerdict.PROBE_SOURCE) == 10
    assert row.note_source_probe(None) is FailureVerdict.GO_ON
    assert row.note_source_probe(wrong) is FailureVerdict.STOP


def test_the_keys_of_a_list_may_be_readable_without_the_right_to_list() -> None:
    row = FailureStreak()
    row.note_success()
    assert first(row, AT_SOURCE, FailureVerdict.PROBE_SOURCE) == 5
    assert row.note_source_probe(AT_SOURCE) is FailureVerdict.GO_ON
    wrong = failure("InvalidAccessKeyId", 403, fatal=True, operation="ListObjectsV2")
    assert row.note_source_probe(wrong) is FailureVerdict.STOP


def test_a_success_or_another_failure_breaks_the_row() -> None:
    row = FailureStreak()
    row.note_success()
    broken = failure("Timeout")
    assert first(row, broken, FailureVerdict.STOP, 100) is None
    row.note_success()
    assert first(row, broken, FailureVerdict.STOP, 100) is None
    assert row.note_failure(failure("ConnectionReset")) is FailureVerdict.GO_ON
    assert first(row, broken, FailureVerdict.STOP, 100) is None


def test_the_failures_of_one_side_do_not_break_the_row_of_the_other() -> None:
    row = FailureStreak()
    found = []
    for _ in range(5):
        found += [row.note_failure(DENIED), row.note_failure(failure("EACCES", operation="open"))]
    assert found.count(FailureVerdict.PROBE_COS) == 1


def folders(*paths: str) -> KeySpread:
    found = KeySpread()
    for path in paths:
        found.add(path)
    return found


@pytest.mark.parametrize(
    ("refused", "others", "everywhere"),
    [
        (["/a/1", "/a/2"], [], True),
        (["/1", "/2"], [], True),
        (["/a/1", "/a/2"], ["/b/1"], False),
        (["/1", "/2"], ["/b/1"], False),
        (["/a/1", "/b/1"], ["/c/1"], True),
        (["/a/x/1", "/a/y/1"], ["/b/1"], False),
        (["/a/x/1", "/a/y/1"], ["/a/z/1"], True),
        (["/ab/1", "/a/1"], [], True),
    ],
)
def test_refused_keys_lie_everywhere_or_in_one_folder_of_several(
    refused: list[str], others: list[str], everywhere: bool
) -> None:
    assert folders(*refused).are_everywhere(folders(*refused, *others)) is everywhere
