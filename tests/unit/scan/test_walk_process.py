"""A scan in a process of its own, and what becomes of it when that process ends by itself."""

from __future__ import annotations

import queue
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.options import Section
from cos_migrate.model import SourceObject, Target, objects_of
from cos_migrate.processes.launcher import Launcher
from cos_migrate.scan import WALK_PROGRAM
from cos_migrate.scan.base import ScanEnded, Scanned
from cos_migrate.scan.walk_process import WalkProcess
from cos_migrate.scan.walk_starter import WalkStarter
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.source import LocalSource
from cos_migrate.sources.recipe import SourceRecipe

pytestmark = pytest.mark.xdist_group("walk process")  # its tree is made once
LIMIT = 30
FILES = 4000


class Recorded(WalkStarter):
    """Scans that keep hold of their processes."""

    def __init__(self) -> None:
        super().__init__(Launcher())
        self.taken: list[subprocess.Popen[bytes]] = []

    def take(self, job: SourceRecipe) -> subprocess.Popen[bytes]:
        self.taken.append(super().take(job))
        return self.taken[-1]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for number in range(FILES):
        (folder / f"{number:05d}").touch()
    return folder


@pytest.fixture
def scans() -> Iterator[Recorded]:
    scans = Recorded()
    yield scans
    scans.close()
    for process in scans.taken:
        process.kill()
        process.wait()


def job_of(folder: Path) -> SourceRecipe:
    config = LocalConfig(local_path=str(folder))
    target = Target("b-1250000000", "r", "/")
    return SourceRecipe(LocalSource, config, target, SourceOptions(), config.filter_settings())


def rest(walk: WalkProcess, events: queue.SimpleQueue[Any]) -> tuple[list[str], ScanEnded]:
    """Return the names of all that is found from now on, and how the scan ends."""
    names: list[str] = []
    while isinstance(event := events.get(timeout=LIMIT), Scanned):
        names += [obj.key for obj in objects_of(event.found) if isinstance(obj, SourceObject)]
        walk.allow_more()
    return names, event


def all_names() -> list[str]:
    return [f"{number:05d}" for number in range(FILES)]


def test_everything_is_found_once(tree: Path, scans: Recorded) -> None:
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    walk = WalkProcess(scans, job_of(tree), events.put)
    assert rest(walk, events) == (all_names(), ScanEnded(None))
    walk.stop()
    assert events.empty()


@pytest.mark.parametrize("heard", [0, 1, 3])
def test_a_process_that_ends_is_replaced(tree: Path, scans: Recorded, heard: int) -> None:
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    walk = WalkProcess(scans, job_of(tree), events.put)
    first: list[str] = []
    for _ in range(heard):
        first += [item[1] for item in events.get(timeout=LIMIT).found]
    scans.taken[0].kill()
    names, ended = rest(walk, events)
    assert (sorted(first + names), ended) == (all_names(), ScanEnded(None))
    assert len(scans.taken) == 2


def test_it_must_be_the_same_as_before(tmp_path: Path, scans: Recorded) -> None:
    for number in range(FILES):
        (tmp_path / f"{number:05d}").touch()
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    walk = WalkProcess(scans, job_of(tmp_path), events.put)
    assert events.get(timeout=LIMIT).found
    (tmp_path / "00000").unlink()
    scans.taken[0].kill()
    names, ended = rest(walk, events)
    assert len(names) == len(set(names)) < FILES
    assert ended.failure is not None
    assert ended.failure.code == "ScanLost"


def test_one_that_ends_again_and_again_is_given_up(tmp_path: Path, scans: Recorded) -> None:
    broken = job_of(tmp_path)._replace(config=Section())
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    WalkProcess(scans, broken, events.put)
    ended = events.get(timeout=LIMIT)
    assert ended.failure.code == "ScanLost"
    assert "exit code" in ended.failure.message


def test_a_scan_that_was_begun_ahead_is_taken_by_who_wants_the_same(
    tree: Path, scans: Recorded
) -> None:
    scans.begin(job_of(tree))
    other = scans.take(job_of(tree.parent))
    scans.begin(job_of(tree))
    same = scans.take(job_of(tree))
    assert other.pid != same.pid
    assert WALK_PROGRAM in str(same.args)
