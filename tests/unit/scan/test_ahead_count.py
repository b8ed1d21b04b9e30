"""Counting ahead of a walk: what is counted, and when it begins and stops."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.common import Common
from cos_migrate.config.values import Secret
from cos_migrate.filters import Filters
from cos_migrate.model import Note, Target, count_and_size
from cos_migrate.processes.launcher import Launcher
from cos_migrate.scan.ahead_count import NOTHING, AheadCount, Counted
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.source import LocalSource
from cos_migrate.sources.recipe import SourceRecipe
from tests.polling import wait_until

LIMIT = 60


class Recorded(Launcher):
    """A launcher that keeps hold of its processes."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[subprocess.Popen[bytes]] = []

    def take(self, program: str) -> subprocess.Popen[bytes]:
        self.taken.append(super().take(program))
        return self.taken[-1]


@pytest.fixture
def launcher() -> Iterator[Recorded]:
    launcher = Recorded()
    yield launcher
    for process in launcher.taken:
        process.kill()
        process.wait()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("a", "a/b", "skipped"):
        (tmp_path / folder).mkdir()
        for number in range(300):
            (tmp_path / folder / f"{number:03d}.txt").write_bytes(b"x" * (number % 7))
    (tmp_path / "broken").symlink_to("nowhere")
    return tmp_path


def recipe_of(tree: Path, **keys: Any) -> SourceRecipe:
    config = LocalConfig(local_path=str(tree))
    common = Common(
        secret_id=Secret("a"),
        secret_key=Secret("b"),
        bucket_name="b-1",
        region="r",
        tmp_folder="/",
        **keys,
    )
    filters = common.filters_with(config)
    target = Target("b-1", "r", "/")
    return SourceRecipe(LocalSource, config, target, SourceOptions(), filters)


def counted_at_last(ahead: AheadCount, known: int = 0) -> Counted:
    wait_until(lambda: ahead.look(known, is_listed=False).is_complete)
    return ahead.look(known, is_listed=False)


@pytest.mark.parametrize("keys", [{}, {"exclude": ("skipped/", "0*.txt")}, {"min_size": 3}])
def test_it_counts_what_the_walk_will_find(
    launcher: Recorded, tree: Path, keys: dict[str, Any]
) -> None:
    recipe = recipe_of(tree, **keys)
    filters = Filters(recipe.filters)
    found = recipe.build().scan_rows(filters.reason_against_folder)
    expected = count_and_size(
        filters.replace_rejected(item for item in found if not isinstance(item, Note))
    )
    assert 300 < expected[0] <= 901
    ahead = AheadCount(launcher, recipe, begin_after=0)
    assert counted_at_last(ahead) == Counted(*expected, is_complete=True)
    ahead.close()


def test_a_short_run_and_a_listed_source_are_not_counted(launcher: Recorded, tree: Path) -> None:
    now = 100.0
    ahead = AheadCount(launcher, recipe_of(tree), begin_after=2, clock=lambda: now)
    now = 101.9
    assert ahead.look(5, is_listed=False) == NOTHING
    now = 102.5
    ahead.look(5, is_listed=True)
    ahead.look(5, is_listed=False)
    assert launcher.taken == []


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_count_that_the_walk_overtakes_is_given_up(launcher: Recorded, tree: Path) -> None:
    now = 0.0
    ahead = AheadCount(launcher, recipe_of(tree), begin_after=0, clock=lambda: now)
    ahead.look(0, is_listed=False)
    [process] = launcher.taken
    os.kill(process.pid, signal.SIGSTOP)  # it counts no further
    now = 19.0
    ahead.look(10**6, is_listed=False)
    assert process.poll() is None
    now = 21.0
    ahead.look(10**6, is_listed=False)
    assert process.wait(LIMIT) == -9
    ahead.look(0, is_listed=False)
    assert len(launcher.taken) == 1


def test_the_end_of_a_run_ends_it(launcher: Recorded, tree: Path) -> None:
    ahead = AheadCount(launcher, recipe_of(tree), begin_after=0)
    ahead.look(0, is_listed=False)
    ahead.close()
    assert launcher.taken[0].wait(LIMIT) in {-9, 0, 1}
