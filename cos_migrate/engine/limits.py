"""Applies the limits of the configuration to a run, by the time of the day."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from cos_migrate.config.limit_keys import BandwidthLimit, spell_bytes, spell_requests
from cos_migrate.pools.limiter import Limiter, RateLimits

if TYPE_CHECKING:
    from cos_migrate.config.common import Common
    from cos_migrate.report.report import Report


class LimitValues(NamedTuple):
    """The limits that a configuration sets."""

    bandwidth: BandwidthLimit = BandwidthLimit()
    cos_requests: int = 0
    """Requests a second; 0: no limit."""
    source_requests: int = 0

    @classmethod
    def of(cls, common: Common) -> LimitValues:
        """Return the limits of `[common]`."""
        return cls(
            common.bandwidth_limit, common.requests_per_second, common.src_requests_per_second
        )

    def at(self, local: time.struct_time) -> RateLimits:
        """Return the limits that hold at a local time."""
        bandwidth = self.bandwidth.at(local.tm_hour * 60 + local.tm_min)
        return RateLimits(bandwidth, self.cos_requests, self.source_requests)


class RunLimits:
    """The limits of one pass."""

    def __init__(self, values: LimitValues) -> None:
        self._values = values
        self._now = RateLimits()
        self.limiter = Limiter()
        """Is stopped and closed with the workers."""
        self.own_pace = self.limiter.own_pace()
        """The share of the coordinator, which lists and looks."""

    def begin(self, report: Report) -> None:
        """Set the limits that hold now, and note them."""
        self._set(time.localtime())
        shown = _shown(self._now)
        if shown:
            report.note(f"limits: {', '.join(shown)}")

    def look(self, local: time.struct_time, report: Report) -> None:
        """Set the limits that hold at a local time, and report a change."""
        before = self._now.bandwidth
        self._set(local)
        if self._now.bandwidth != before:
            change = f"{spell_bytes(before)} -> {spell_bytes(self._now.bandwidth)}"
            report.notice(f"bandwidthLimit: {change} (timetable {self._values.bandwidth})")

    def _set(self, local: time.struct_time) -> None:
        self._now = self._values.at(local)
        self.limiter.set_limits(self._now)


def _shown(limits: RateLimits) -> list[str]:
    """Return the limits that are set, as in the file."""
    keys = {
        "bandwidthLimit": spell_bytes(limits.bandwidth),
        "requestsPerSecond": spell_requests(limits.cos_requests),
        "srcRequestsPerSecond": spell_requests(limits.source_requests),
    }
    return [f"{key}={value}" for key, value in keys.items() if value != "off"]
