"""The summary of a run: counts, status, exit code, and the block that scripts read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from cos_migrate.model import Status

_CLOCK_IS_SET = 2.0
"""Seconds: the wall clock was set when it differs by more from the monotonic one."""


class Summary(NamedTuple):
    """The counts, times and warnings of a run."""

    bucket: str
    migrate_type: str
    list_finished: bool
    counts: Mapping[Status, int]
    started: float
    """Seconds since 1970."""
    ended: float
    unverified: int = 0
    """Objects whose size and ETag alone could be compared."""
    interrupted: bool = False
    unverified_list: str = ""
    """The file that names them."""
    without_md5: int = 0
    """Objects sent without `x-cos-meta-md5` although it is configured."""
    lasted: float = 0.0
    """Seconds by the monotonic clock."""
    found_before: int = 0
    """How many objects an earlier run found, when this one found none; -1: an unknown number."""
    tuned: str = ""
    """The numbers of transfers that the run has found by itself; empty: they were given."""

    @property
    def used_time(self) -> int:
        """Whole seconds from start to end, even when the clock was set meanwhile."""
        if abs(self.ended - self.started - self.lasted) < _CLOCK_IS_SET:
            return max(0, int(self.ended) - int(self.started))
        return int(self.lasted)

    @property
    def scanned(self) -> int:
        """Objects that got an outcome."""
        return sum(self.counts.values())

    @property
    def found_nothing(self) -> bool:
        """Whether the source is listed completely and holds nothing."""
        return self.list_finished and not self.scanned

    @property
    def status(self) -> str:
        """ALL_OK, PART_OK or ALL_FAIL, by the rules of the Java tool."""
        if self.list_finished and not self.counts[Status.FAIL]:
            return "ALL_OK"
        sent = self.counts[Status.NEW] + self.counts[Status.UPDATE]
        return "PART_OK" if sent else "ALL_FAIL"

    @property
    def exit_code(self) -> int:
        """0 without failures and with a complete list, else 1."""
        return 0 if self.status == "ALL_OK" else 1

    @property
    def text(self) -> str:
        """The block that scripts read, with its two leading blank lines."""
        finished = "true" if self.list_finished else "false"
        head = f"\n\nbucket:{self.bucket}, list finished:{finished}, status:{self.status}\n"
        rows: list[tuple[str, object]] = [
            (status.value, self.counts[status])
            for status in (
                Status.NEW,
                Status.UPDATE,
                Status.FAIL,
                Status.SKIP,
                Status.CONDITION_NOT_MATCH,
            )
        ]
        rows += [("start_time", _local(self.started)), ("end_time", _local(self.ended))]
        rows.append(("used_time", f"{self.used_time} s"))
        if self.unverified:
            note = f"{self.unverified} (size and ETag only, see {self.unverified_list})"
            rows.append(("unverified", note))
        if self.without_md5:
            rows.append(("without_md5", f"{self.without_md5} (they did not fit into tmpFolder)"))
        if self.found_before:
            rows.append(("found_before", f"{count_in_words(self.found_before)} (now nothing)"))
        if self.tuned:
            rows.append(("found_by_auto", self.tuned))
        lines = "".join(f"{name:>30} : {value}\n" for name, value in rows)
        return f"{head}{self.migrate_type} over! op statistics:\n{lines}"


def count_in_words(objects: int) -> str:
    """Return a number for a message; -1: `some`."""
    return str(objects) if objects > 0 else "some"


def _local(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
