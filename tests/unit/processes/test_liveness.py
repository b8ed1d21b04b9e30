"""Which processes are taken for dead, by a clock that the test moves."""

from __future__ import annotations

from cos_migrate.processes.liveness import (
    DEFAULT_WAIT_LIMITS,
    HeartbeatChange,
    HeartbeatWatch,
    WaitLimits,
    describe_change,
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Looking:
    """Looks ten times a second."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.watch: HeartbeatWatch[str] = HeartbeatWatch(DEFAULT_WAIT_LIMITS, self.clock)
        self.heartbeats = {"a": 0, "b": 0}
        self.signs: list[tuple[str, HeartbeatChange]] = []

    def wait(self, seconds: float, *alive: str) -> list[tuple[str, HeartbeatChange]]:
        found = []
        for _ in range(round(seconds * 10)):
            self.clock.now += 0.1
            for name in alive:
                self.heartbeats[name] += 1
            found += self.watch.look(self.heartbeats)
        return found


def test_the_limits() -> None:
    assert WaitLimits(warn=30, replace=60, stop=25, close=3) == DEFAULT_WAIT_LIMITS


def test_a_silent_process_is_named_once_and_then_replaced() -> None:
    looking = Looking()
    assert looking.wait(5, "a", "b") == []
    assert looking.wait(29, "b") == []
    assert looking.wait(2, "b") == [("a", HeartbeatChange.SILENT)]
    assert looking.wait(27, "b") == []
    assert looking.wait(3, "b")[0] == ("a", HeartbeatChange.DEAD)


def test_one_that_goes_on_is_as_if_nothing_had_been() -> None:
    looking = Looking()
    assert looking.wait(50, "b") == [("a", HeartbeatChange.SILENT)]
    assert looking.wait(1, "a", "b") == [("a", HeartbeatChange.BACK)]
    assert looking.wait(29, "b") == []
    assert looking.wait(2, "b") == [("a", HeartbeatChange.SILENT)]


def test_time_in_which_this_process_did_not_run_does_not_count() -> None:
    looking = Looking()
    looking.wait(20, "a")
    looking.clock.now += 8 * 3600
    assert looking.wait(8) == []
    looking.clock.now += 100
    assert looking.wait(5, "a", "b") == []


def test_a_replacement_begins_anew() -> None:
    looking = Looking()
    looking.wait(20, "b")
    del looking.heartbeats["a"]
    looking.wait(20, "b")
    looking.heartbeats["a"] = 0
    assert looking.wait(29, "b") == []


def test_what_is_said_names_the_process_and_what_comes_next() -> None:
    limits = WaitLimits(warn=30, replace=60)
    silent = describe_change("worker process 7", HeartbeatChange.SILENT, limits)
    assert silent.startswith("worker process 7 has shown no sign of life for 30 s")
    assert "60 s" in silent
    assert "was ended" in describe_change("worker process 7", HeartbeatChange.DEAD, limits)
    assert (
        describe_change("worker process 7", HeartbeatChange.BACK, limits)
        == "worker process 7 goes on"
    )
