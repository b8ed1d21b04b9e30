"""New credentials of COS cure nothing of the source."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from cos_migrate.config.values import TimeWindow
from cos_migrate.engine.loop import Loop
from cos_migrate.engine.spot_check import SpotCheckResult
from cos_migrate.errors import Side
from cos_migrate.model import Credentials, Failure

ALWAYS = TimeWindow(0, 24 * 60)


class _Pass(Loop):
    def _is_over(self) -> bool:
        raise NotImplementedError

    def _submit_tasks(self) -> None:
        raise NotImplementedError

    def _commit(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _is_complete(self) -> bool:
        raise NotImplementedError


def pass_with(pools: Any, reload: Callable[[], Credentials]) -> Loop:
    report: Any = SimpleNamespace(note=lambda _: None)
    return _Pass(
        window=ALWAYS, reload_credentials=reload, report=report, make_pools=lambda _: pools
    )


@pytest.mark.parametrize(("side", "cured"), [(Side.COS, True), (Side.SOURCE, False)])
def test_whose_token_expired(side: Side, cured: bool) -> None:
    told: list[Credentials] = []
    pools: Any = SimpleNamespace(
        replace_credentials=lambda _, fresh: told.append(fresh), total=(1, 1)
    )
    fresh = Credentials("id", "key", "token")
    loop = pass_with(pools, lambda: fresh)
    failure = Failure("GetObject", "it has expired", 403, "ExpiredToken", side=side)
    assert loop._renew_credentials(failure) is cured
    assert told == ([fresh] if cured else [])


def test_recorded_objects_are_asked_for_again_when_a_token_had_expired() -> None:
    fresh = Credentials("id", "key", "token")
    pools: Any = SimpleNamespace(replace_credentials=lambda *_: None, total=(1, 1))
    loop = pass_with(pools, lambda: fresh)
    expired = Failure("HeadObject", "it has expired", 403, "ExpiredToken", side=Side.COS)
    answers = [SpotCheckResult(failure=expired), SpotCheckResult(missing=("/a",))]

    def make(paths: Any, post: Any) -> Any:
        assert paths == ["/a"]
        return SimpleNamespace(start=lambda: post(answers.pop(0)), stop=lambda: None)

    loop._next_clock = float("inf")
    assert loop._spot_check(make, ["/a"]) == ("/a",)
    assert not answers
    assert not loop._stopping
