"""Processes that are started before anybody knows what they will have to do."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from cos_migrate.config.common import Common, worker_count
from cos_migrate.pools import WORKER_PROGRAM
from cos_migrate.processes.launcher import Launcher
from cos_migrate.scan import WALK_PROGRAM


@pytest.mark.parametrize("program", [WORKER_PROGRAM, WALK_PROGRAM])
def test_what_waits_is_taken_before_anything_is_started(program: str) -> None:
    launcher = Launcher()
    launcher.keep(program, 2)
    processes = [launcher.take(program) for _ in range(3)]
    try:
        assert len({process.pid for process in processes}) == 3
        assert all(process.poll() is None for process in processes)
    finally:
        for process in processes:
            process.communicate()
            assert process.returncode == 1  # its pipe was closed before it got its job


def test_what_nobody_took_ends() -> None:
    launcher = Launcher()
    launcher.keep(WORKER_PROGRAM, 3)
    launcher.keep(WORKER_PROGRAM, 2)
    taken = launcher.take(WORKER_PROGRAM)
    launcher.close()
    assert taken.poll() is None
    taken.communicate()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_no_more_processes_than_one_coordinator_can_plan_for(common: Common) -> None:
    assert 1 <= worker_count(replace(common, worker_process_num=-1)) <= 8


@pytest.mark.parametrize(("wanted", "small", "big", "count"), [(0, 4, 4, 0), (9, 2, 3, 3)])
def test_no_process_without_a_thread(
    common: Common, wanted: int, small: int, big: int, count: int
) -> None:
    changed = replace(
        common, worker_process_num=wanted, small_file_executor_num=small, big_file_executor_num=big
    )
    assert worker_count(changed) == count


@pytest.fixture(name="common")
def _common() -> Common:
    return Common(
        bucket_name="b-1250000000",
        region="ap-guangzhou",
        secret_id="",  # type: ignore[arg-type]
        secret_key="",  # type: ignore[arg-type]
    )
