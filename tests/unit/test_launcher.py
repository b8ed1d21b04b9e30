"""Worker processes that are started before anybody knows what they will have to do."""

from __future__ import annotations

from cos_migrate.launcher import Launcher, usual_count


def test_what_waits_is_taken_before_anything_is_started() -> None:
    launcher = Launcher()
    launcher.begin(2)
    try:
        first, second = launcher.take(), launcher.take()
        third = launcher.take()
        assert len({first.pid, second.pid, third.pid}) == 3
        for process in (first, second, third):
            assert process.poll() is None
    finally:
        for process in (first, second, third):
            process.communicate()
            assert process.returncode == 1  # its pipe was closed before it got its job


def test_what_is_too_many_ends() -> None:
    launcher = Launcher()
    launcher.begin(3)
    launcher.keep(1)
    left = launcher.take()
    launcher.begin(1)
    launcher.close()
    assert left.poll() is None
    left.communicate()


def test_no_more_processes_than_one_coordinator_can_plan_for() -> None:
    assert 1 <= usual_count() <= 8
