"""The summary of a run: counts, status, exit code; as the block that scripts read, and as data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from cos_migrate.exit_codes import INCOMPLETE, OK
from cos_migrate.model import Status
from cos_migrate.report.comparison import ComparisonEnd
from cos_migrate.report.deletion import DeletionEnd

DATA_VERSION = 1
"""Version of the form in which events and summaries are written as data."""

_CLOCK_IS_SET = 2.0
"""Seconds: the wall clock was set when it differs by more from the monotonic one."""


class ReportedJob(NamedTuple):
    """The job that a run belongs to, as its report names it; without secrets."""

    name: str
    """Short and unique: part of the names of the job's own files."""
    migrate_type: str
    bucket: str
    cos_path: str = "/"
    source: str = ""
    """The folder, bucket or list that is migrated."""
    shard: str = ""
    """The part of the job, `k/N`; empty: all of it."""

    def as_data(self) -> dict[str, object]:
        """Return the fields that name a job in all data about it."""
        return {
            **({"shard": self.shard} if self.shard else {}),
            "job": self.name,
            "type": self.migrate_type,
            "source": self.source,
            "bucket": self.bucket,
            "cosPath": self.cos_path,
        }


class Estimate(NamedTuple):
    """What a run would send, read, request and be billed for, as its dry run has counted."""

    bytes_to_send: int
    """Of the objects, or of the parts of them that are missing on COS."""
    requests: Mapping[str, int]
    """Requests to COS by their operation; one for each object of unknown size."""
    unknown_size: int
    """Objects whose size only their download shows."""
    bytes_from_source: int
    """Bytes that pass through this machine: not those that COS copies itself."""
    bytes_billed_besides: int
    """Bytes that the storage class bills beyond those of small objects."""

    def as_data(self) -> dict[str, object]:
        """Return the estimate as plain data."""
        return {
            "bytes_to_send": self.bytes_to_send,
            "requests_to_cos": sum(self.requests.values()),
            "objects_of_unknown_size": self.unknown_size,
            "bytes_from_source": self.bytes_from_source,
            "bytes_billed_besides": self.bytes_billed_besides,
            "requests": dict(self.requests),
        }

    def rows(self) -> list[tuple[str, object]]:
        """Return the rows of the printed summary."""
        data = self.as_data()
        del data["requests"]
        for name in ("objects_of_unknown_size", "bytes_billed_besides"):
            if not data[name]:
                del data[name]
        by_kind = ", ".join(f"{name} {count}" for name, count in sorted(self.requests.items()))
        return [*data.items(), *([("requests_by_kind", by_kind)] if by_kind else [])]


class Summary(NamedTuple):
    """The counts, times and warnings of a run."""

    job: ReportedJob
    list_finished: bool
    counts: Mapping[Status, int]
    started: float
    """Seconds since 1970."""
    ended: float
    unverified: int = 0
    """Objects whose size and ETag alone could be compared."""
    ended_by: int = 0
    """Exit code of the signal, or of the unusable database, that ended it early; 0: neither."""
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
    sent: int = 0
    """Bytes of the new and updated objects."""
    check: bool = False
    """Whether it is of the comparison with COS that follows a run."""
    estimate: Estimate | None = None
    """Set: it is of a dry run, whose new and updated objects are not sent."""
    deletion: DeletionEnd | None = None
    """Set: it is of a run with deleteExtra."""
    compared: ComparisonEnd | None = None
    """Set: it is of a comparison, which sends nothing."""

    @property
    def mode(self) -> str:
        """`run`, `dry_run` or `compare`."""
        return "compare" if self.compared else "dry_run" if self.estimate else "run"

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
    def is_notable(self) -> bool:
        """Whether anything was sent, failed, or could not be listed, or it is of no plain run."""
        changed = (Status.NEW, Status.UPDATE, Status.FAIL)
        return (
            self.mode != "run"
            or bool(self.deletion and (self.deletion.deleted or self.deletion.has_failed))
            or not self.list_finished
            or any(self.counts[status] for status in changed)
        )

    @property
    def found_nothing(self) -> bool:
        """Whether the source is listed completely and holds nothing."""
        return self.list_finished and not self.scanned and not self.compared

    @property
    def status(self) -> str:
        """ALL_OK, PART_OK or ALL_FAIL, by the rules of the Java tool."""
        if self.compared:
            return "ALL_OK" if self.list_finished and self.compared.is_ok else "PART_OK"
        if self.list_finished and not self.counts[Status.FAIL]:
            return "PART_OK" if self.deletion and self.deletion.has_failed else "ALL_OK"
        sent = self.counts[Status.NEW] + self.counts[Status.UPDATE]
        return "PART_OK" if sent else "ALL_FAIL"

    @property
    def exit_code(self) -> int:
        """That of what ended it early, else 0 without failures and with a complete list, else 1."""
        return self.ended_by or (OK if self.status == "ALL_OK" else INCOMPLETE)

    @property
    def text(self) -> str:
        """The block that scripts read, with its two leading blank lines."""
        finished = "true" if self.list_finished else "false"
        head = f"\n\nbucket:{self.job.bucket}, list finished:{finished}, status:{self.status}\n"
        rows = self.compared.rows() if self.compared else self._count_rows()
        rows += [("start_time", _local(self.started)), ("end_time", _local(self.ended))]
        rows.append(("used_time", f"{self.used_time} s"))
        if self.deletion:
            rows.append(("migrate_delete", self.deletion.deleted))
        rows += self.estimate.rows() if self.estimate else []
        rows += self.compared.more_rows() if self.compared else []
        if self.unverified:
            note = f"{self.unverified} (size and ETag only, see {self.unverified_list})"
            rows.append(("unverified", note))
        if self.without_md5:
            rows.append(("without_md5", f"{self.without_md5} (they did not fit into tmpFolder)"))
        if self.found_before:
            rows.append(("found_before", f"{count_in_words(self.found_before)} (now nothing)"))
        if self.job.shard:
            rows.append(("shard", self.job.shard))
        if self.tuned:
            rows.append(("found_by_auto", self.tuned))
        lines = "".join(f"{name:>30} : {value}\n" for name, value in rows)
        what = {"compare": "compare!", "dry_run": "dry run!"}.get(self.mode, "over!")
        return f"{head}{self.job.migrate_type} {what} op statistics:\n{lines}"

    def _count_rows(self) -> list[tuple[str, object]]:
        return [
            (status.value, self.counts[status])
            for status in (
                Status.NEW,
                Status.UPDATE,
                Status.FAIL,
                Status.SKIP,
                Status.CONDITION_NOT_MATCH,
            )
        ]

    def _counts_as_data(self) -> dict[str, object]:
        if self.compared:
            return self.compared.as_data()
        return {**{status.value: self.counts[status] for status in Status}, "bytes": self.sent}

    def as_data(self) -> dict[str, object]:
        """Return the summary as plain data: what every machine-readable output of a run has."""
        data: dict[str, object] = {
            "v": DATA_VERSION,
            "event": "summary",
            "mode": self.mode,
            **self.job.as_data(),
            **self._counts_as_data(),
            "start_time": timestamp(self.started),
            "end_time": timestamp(self.ended),
            "seconds": round(self.lasted, 3),
            "list_finished": self.list_finished,
            "status": self.status,
            "exit_code": self.exit_code,
        }
        more = {
            "check": self.check,
            "unverified": self.unverified,
            "without_md5": self.without_md5,
            "found_before": self.found_before,
            "found_by_auto": self.tuned,
        }
        data |= {name: value for name, value in more.items() if value}
        if self.deletion:
            data["migrate_delete"] = self.deletion.deleted
        return data | (self.estimate.as_data() if self.estimate else {})


def timestamp(seconds: float) -> str:
    """Return seconds since 1970 as text in the format of RFC 3339, in local time."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
    return f"{text[:-2]}:{text[-2:]}"


def count_in_words(objects: int) -> str:
    """Return a number for a message; -1: `some`."""
    return str(objects) if objects > 0 else "some"


def _local(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
