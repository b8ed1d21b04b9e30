"""New credentials of COS cure nothing of the source."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cos_migrate.config.values import TimeWindow
from cos_migrate.cos.settings import Credentials
from cos_migrate.engine.loop import Loop
from cos_migrate.engine.spot_check import SpotCheckResult
from cos_migrate.errors import Side
from cos_migrate.model import Failure

ALWAYS = TimeWindow(0, 24 * 60)


class _Pass(Loop):
    def _is_over(self) -> bool:
        raise NotImplementedError

    def _pump(self) -> None:
        raise NotImplementedError

    def _commit(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _is_complete(self) -> bool:
        raise NotImplementedError


@pytest.mark.parametrize(("side", "cured"), [(Side.COS, True), (Side.SOURCE, False)])
def test_whose_token_expired(side: Side, cured: bool) -> None:
    told: list[Credentials] = []
    pools: Any = SimpleNamespace(replace_credentials=told.append, total=(1, 1))
    report: Any = SimpleNamespace(note=lambda _: None)
    fresh = Credentials("id", "key", "token")
    loop = _Pass(ALWAYS, lambda: fresh, report, lambda _: pools)
    failure = Failure("GetObject", "it has expired", 403, "ExpiredToken", side=side)
    assert loop._renew_credentials(failure) is cured
    assert told == ([fresh] if cured else [])


def test_recorded_objects_are_asked_for_again_when_a_token_had_expired() -> None:
    fresh = Credentials("id", "key", "token")
    pools: Any = SimpleNamespace(replace_credentials=lambda _: None, total=(1, 1))
    report: Any = SimpleNamespace(note=lambda _: None)
    loop = _Pass(ALWAYS, lambda: fresh, report, lambda _: pools)
    expired = Failure("HeadObject", "it has expired", 403, "ExpiredToken", side=Side.COS)
    answers = [SpotCheckResult(failure=expired), SpotCheckResult(missing=("/a",))]

    def make(paths: Any, post: Any) -> Any:
        assert paths == ["/a"]
        return SimpleNamespace(start=lambda: post(answers.pop(0)), stop=lambda: None)

    loop._next_clock = float("inf")
    assert loop._spot_check(make, ["/a"]) == ("/a",)
    assert not answers
    assert not loop._stopping
