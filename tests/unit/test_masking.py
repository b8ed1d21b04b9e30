"""No secret gets out in what a library says of its troubles."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cos_migrate.errors import CosError, Side, SourceError
from cos_migrate.http.retries import Retries
from cos_migrate.model import Failure, Fingerprint, Found, SourceObject, failure_of
from cos_migrate.pools.results import FAILED
from cos_migrate.pools.tasks import Stat, TaskKind
from cos_migrate.pools.worker.bodies import Bodies
from cos_migrate.pools.worker.memory import MemoryBudget
from cos_migrate.pools.worker.ordered_comparison import OrderedComparisons
from cos_migrate.pools.worker.task_runner import TaskRunner
from cos_migrate.scan.base import ScanEnded
from cos_migrate.scan.listing import Lister
from cos_migrate.scan.walk import WalkThread
from cos_migrate.text import FOREIGN_MOST, describe_error, masked, without_secrets
from tests.unit.keys_source import KeysSource

SECRET = "s3cr3t/Key+abc"
TEXTS = [
    f"cannot read https://user:{SECRET}@host/a/b",
    f"cannot read 'https://host:8080/a/b?X-Amz-Signature={SECRET}&x=1'",
    f"HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: /k?sign={SECRET} (x)",
    f"{{'Authorization': 'AWS4-HMAC-SHA256 Credential=A/1, Signature={SECRET}', 'Host': 'h'}}",
    f"[('host', 'h'), ('authorization', 'q-sign-algorithm=sha1&q-signature={SECRET}')]",
    f"Authorization: Basic {SECRET}",
    f"bad header b'Proxy-Authorization: Basic {SECRET}'",
    f"headers: x-cos-security-token: {SECRET}",
    f"Invalid header value b'OSS id:{SECRET}'",
    f"Qiniu id:{SECRET} was refused",
    f"secretKey={SECRET} is not legal",
    f"Config(access_key_secret='{SECRET}')",
    f"e=12&token={SECRET}",
    f"url: /k?sign={SECRET}&to=http://host/a?b=c (x)",
    f"see k?a=1:://http://user:{SECRET}@host/a",
    f"Bearer {SECRET}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_secrets_are_masked(text: str) -> None:
    shown = masked(text)
    assert SECRET[:6] not in shown
    assert "***" in shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "ValueError: invalid literal for int() with base 10: 'x'",
        "[Errno 2] No such file or directory: '/data/a?b/c'",
        "https://host:8080/a@2x.png cannot be read",
        "https://host:8080/a/b cannot be reached (timed out)",
        "look at [migrateQiniu] accessKeyId: it must be allowed to list",
        "look at [migrateAws] accessKeyId: its account may not do this",
        "look at [migrateAli] accessKeyId: keys of temporary credentials cannot be used",
        "the name a.myqcloud.com cannot be resolved ([Errno -2] Name or service not known)",
        "KeyError: 'ETag'",
        "the token has expired",
        "AWS answered: no",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


def test_a_failure_tells_no_secret() -> None:
    error = SourceError(f"the source: {TEXTS[0]}", operation="GetObject")
    assert failure_of(error).message == "the source: cannot read https://***@host/a/b"


def test_a_failure_keeps_all_that_decisions_are_made_on() -> None:
    error = CosError(
        "text",
        operation="PutObject",
        status=403,
        code="code",
        request_id="request",
        trace_id="trace",
        retryable=True,
        fatal=True,
    )
    assert failure_of(error) == Failure(
        "PutObject", "text", 403, "code", "request", "trace", True, True, Side.COS
    )


def ended(posted: queue.SimpleQueue[Any]) -> Failure:
    event = posted.get(timeout=30)
    assert isinstance(event, ScanEnded)
    assert event.failure
    return event.failure


def test_a_scan_that_breaks_off_tells_no_secret() -> None:
    def scan() -> Iterator[Found]:
        yield from ()
        raise RuntimeError(TEXTS[1])

    posted: queue.SimpleQueue[Any] = queue.SimpleQueue()
    WalkThread(scan, posted.put).start()
    failure = ended(posted)
    assert failure.message == (
        "the scan broke off: RuntimeError: cannot read 'https://host:8080/a/b?***'"
    )


def test_a_listing_that_breaks_off_tells_no_secret() -> None:
    class Broken:
        lists_behind_any_key = False

        def list_page(self, *_: object) -> None:
            raise RuntimeError(TEXTS[3])

    posted: queue.SimpleQueue[Any] = queue.SimpleQueue()
    Lister(Broken(), [(None, "")], 1, 1, posted.put).start()  # type: ignore[arg-type,list-item]
    failure = ended(posted)
    assert failure.code == "Unexpected"
    assert SECRET not in failure.message
    assert "RuntimeError" in failure.message


def test_a_task_that_breaks_off_tells_no_secret() -> None:
    class Broken(KeysSource):
        def stat(self, obj: SourceObject) -> SourceObject:
            raise RuntimeError(TEXTS[3] if obj.name else "")

    source = Broken([])
    no: Any = None
    retries = Retries(1, threading.Event())
    bodies = Bodies(
        source, retries, MemoryBudget(1), attach_md5=False, spool_folder="", small_below=0
    )
    runner = TaskRunner(
        source=source, client=no, bodies=bodies, comparisons=OrderedComparisons(), emit=no
    )
    obj = SourceObject("name", "", Fingerprint(1, 0))
    _, kind, failure = runner.run((1, TaskKind.STAT, Stat(obj)))
    assert isinstance(failure, Failure)
    assert (kind, failure.code) == (FAILED, "Unexpected")
    assert failure.message == "RuntimeError: {'Authorization': '***', 'Host': 'h'}"


MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    "piece",
    ["a", "a=", "://", "a://b:", "a@", "%2f", "/a?", "/", "secret_a", "token", "cookie  ", "AWS "],
)
def test_the_time_that_masking_takes_grows_with_the_text_alone(piece: str) -> None:
    text = piece * (MEGABYTE // len(piece))
    without_secrets(text)  # a quadratic pattern takes hours, and the limit of a test is minutes


def test_a_long_foreign_text_is_cut() -> None:
    shown = describe_error(ValueError("a" * MEGABYTE))
    assert len(shown) < FOREIGN_MOST + 100
    assert shown.startswith("ValueError: aaa")
    assert shown.endswith("... (1048588 characters)")
    assert len(failure_of(SourceError("b c" * MEGABYTE, code="d" * 5000)).message) < 5000


@pytest.mark.parametrize("before", [0, 1, 10, 3000, FOREIGN_MOST - 30, FOREIGN_MOST - 10])
def test_a_text_is_not_cut_within_a_secret(before: int) -> None:
    url = f"https://user:{SECRET * 400}@host/"
    for text in (f"{'a ' * (before // 2)}{url}", f"{'a' * before}{url}", f"{'a' * before} {url}"):
        assert SECRET[:6] not in masked(text)
