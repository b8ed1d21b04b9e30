"""New credentials of COS cure nothing of the source."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cos_migrate.cos.access import Credentials
from cos_migrate.loop import Loop
from cos_migrate.model import Failure
from cos_migrate.settings import TimeWindow

ALWAYS = TimeWindow(0, 24 * 60)


class _Pass(Loop):
    def _take(self, result: Any) -> None:
        raise AssertionError(result)


@pytest.mark.parametrize(("operation", "cured"), [("PutObject", True), ("GetObject", False)])
def test_whose_token_expired(operation: str, cured: bool) -> None:
    told: list[Credentials] = []
    pools: Any = SimpleNamespace(replace_credentials=told.append, total=(1, 1))
    report: Any = SimpleNamespace(note=lambda _: None)
    fresh = Credentials("id", "key", "token")
    loop = _Pass(ALWAYS, lambda: fresh, report, lambda _: pools)
    failure = Failure(operation, "it has expired", 403, "ExpiredToken")
    assert loop._cured(failure) is cured
    assert told == ([fresh] if cured else [])
