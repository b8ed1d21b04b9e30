"""Applies the limits and numbers of transfers of the configuration, which may change, to a pass."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cos_migrate.config.limit_keys import spell_bytes, spell_requests
from cos_migrate.config.live import LiveConfig, LiveValues
from cos_migrate.pools.limiter import Limiter, RateLimits

if TYPE_CHECKING:
    from cos_migrate.engine.throttle import RequestRates
    from cos_migrate.engine.tuning import Tuning
    from cos_migrate.report.report import Report


class RunLimits:
    """Applies the configured limits and numbers of transfers to one pass, also when they change."""

    def __init__(self, live: LiveConfig) -> None:
        """`live`: the configuration, which may change."""
        self._live = live
        self._values = live.values
        self._now = RateLimits()
        self.limiter = Limiter()
        """Is stopped and closed with the workers."""
        self.own_pace = self.limiter.own_pace()
        """The share of the coordinator, which lists and looks."""

    def begin(self, report: Report) -> None:
        """Set the limits that hold now, and note them."""
        self._apply_limits_at(time.localtime())
        shown = _shown(self._now)
        if shown:
            report.note(f"limits: {', '.join(shown)}")

    def look(self, now: float, local: time.struct_time, report: Report, tuning: Tuning) -> None:
        """Set what the configuration says at a local time, and report changes.

        `now` is a reading of `time.monotonic`.
        """
        news = self._live.look(now)
        for line in news.warnings:
            report.warn(line)
        for line in news.notices:
            report.notice(line)
        before, values, bandwidth = self._values, self._live.values, self._now.bandwidth
        if values != before:
            self._values = values
            numbers = values.small_file_executor_num, values.big_file_executor_num
            if numbers != (before.small_file_executor_num, before.big_file_executor_num):
                for line in tuning.set_numbers(*numbers):
                    report.warn(line)
        self._apply_limits_at(local)
        if self._now.bandwidth != bandwidth and values.bandwidth_limit == before.bandwidth_limit:
            change = f"{spell_bytes(bandwidth)} -> {spell_bytes(self._now.bandwidth)}"
            report.notice(f"bandwidthLimit: {change} (timetable {values.bandwidth_limit})")

    def hold_back(self, rates: RequestRates) -> bool:
        """Return whether limits, or learnt `rates`, hold requests or data back."""
        return rates.are_limited or self.limiter.holds_back

    def _apply_limits_at(self, local: time.struct_time) -> None:
        self._now = _limits_at(self._values, local)
        self.limiter.set_limits(self._now)


def _limits_at(values: LiveValues, local: time.struct_time) -> RateLimits:
    """Return the limits that hold at a local time."""
    bandwidth = values.bandwidth_limit.at(local.tm_hour * 60 + local.tm_min)
    return RateLimits(bandwidth, values.requests_per_second, values.src_requests_per_second)


def _shown(limits: RateLimits) -> list[str]:
    """Return the limits that are set, as in the file."""
    keys = {
        "bandwidthLimit": spell_bytes(limits.bandwidth),
        "requestsPerSecond": spell_requests(limits.cos_requests),
        "srcRequestsPerSecond": spell_requests(limits.source_requests),
    }
    return [f"{key}={value}" for key, value in keys.items() if value != "off"]
