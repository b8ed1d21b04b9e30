"""The limits of a pass follow the time of the day."""

from __future__ import annotations

import time
from typing import cast

from cos_migrate.config.limit_keys import BandwidthLimit
from cos_migrate.config.live import LiveConfig, LiveValues
from cos_migrate.engine.limits import RunLimits
from cos_migrate.engine.tuning import Tuning
from cos_migrate.report.report import Report


def at(clock: str) -> time.struct_time:
    return time.strptime(f"2026-01-31 {clock}", "%Y-%m-%d %H:%M")


class Lines(Report):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.noticed: list[str] = []

    def note(self, line: str) -> None:
        self.noted.append(line)

    def notice(self, line: str) -> None:
        self.noticed.append(line)


def limits_of(values: LiveValues) -> RunLimits:
    return RunLimits(LiveConfig(values))


def test_a_timetable_is_followed() -> None:
    limits, report = limits_of(LiveValues(BandwidthLimit.parse("08:00,20M 18:30,off"))), Lines()
    meter = limits.own_pace.cos(big=True).data
    held = []
    for clock in ("07:59", "08:00", "18:29", "18:30"):
        limits.look(0.0, at(clock), report, cast("Tuning", None))
        held.append(meter.is_limited)
    assert held == [False, True, True, False]
    assert report.noticed == [
        f"bandwidthLimit: {change} (timetable 08:00,20M 18:30,off)"
        for change in ("off -> 20M", "20M -> off")
    ]
    limits.limiter.close()


def test_the_limits_of_a_run_are_noted_at_its_start() -> None:
    report = Lines()
    for values in (LiveValues(), LiveValues(BandwidthLimit.parse("5M"), 7, 8)):
        limits = limits_of(values)
        limits.begin(report)
        limits.limiter.close()
    line = "limits: bandwidthLimit=5M, requestsPerSecond=7, srcRequestsPerSecond=8"
    assert report.noted == [line]
