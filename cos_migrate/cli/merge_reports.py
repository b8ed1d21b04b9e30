"""`--merge-reports DIR...`: sums up the last runs of all shards of a job."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cos_migrate.errors import ConfigError
from cos_migrate.exit_codes import INCOMPLETE
from cos_migrate.language import Say
from cos_migrate.model import Status
from cos_migrate.report.deletion import DeletionEnd
from cos_migrate.report.summary import ReportedJob, Summary
from cos_migrate.shards import Shard
from cos_migrate.text import printable

_PLACES = ("db/result.jsonl", "result.jsonl")


class _JobKey(NamedTuple):
    """The job that a shard is a part of."""

    migrate_type: str
    bucket: str
    cos_path: str
    source: str


class _ShardRun(NamedTuple):
    """The summary of one run of one shard."""

    job: _JobKey
    shard: Shard
    counts: Mapping[Status, int]
    sent: int
    """Bytes."""
    started: float
    ended: float
    list_finished: bool
    status: str
    exit_code: int
    unverified: int
    without_md5: int
    deleted: int
    """-1: without deleteExtra."""


def merge_reports(folders: Sequence[str], say: Say = str) -> int:
    """Print what the last runs of all shards did together; return the exit code.

    `say` translates warnings. Raises ConfigError where a folder holds no summary of a shard.
    """
    problems: list[str] = []
    runs = [run for folder in folders for run in _runs_in(folder, problems)]
    if problems:
        raise ConfigError(problems)
    by_job: dict[_JobKey, list[_ShardRun]] = {}
    for run in runs:
        by_job.setdefault(run.job, []).append(run)
    return max(_report(job, its_runs, say) for job, its_runs in by_job.items())


def _runs_in(folder: str, problems: list[str]) -> list[_ShardRun]:
    path = next((Path(folder, place) for place in _PLACES if Path(folder, place).is_file()), None)
    if path is None:
        problems.append(
            f"{folder} has no db/result.jsonl; legal: folders of the tool in which a shard ran"
        )
        return []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        problems.append(f"{path} cannot be read: {error.strerror}")
        return []
    runs = [run for line in lines if (run := _parsed(line))]
    if not runs:
        problems.append(f"{path} holds no summary of a run with the key shard")
    return runs


def _parsed(line: str) -> _ShardRun | None:
    """Return the run of a shard in a line; None: the line is of another run, or damaged."""
    try:
        data: dict[str, Any] = json.loads(line)
        if data["event"] != "summary" or data["mode"] != "run" or data.get("check"):
            return None
        return _ShardRun(
            job=_JobKey(data["type"], data["bucket"], data["cosPath"], data["source"]),
            shard=Shard.parse(data["shard"]),
            counts={status: int(data[status.value]) for status in Status},
            sent=int(data["bytes"]),
            started=_seconds(data["start_time"]),
            ended=_seconds(data["end_time"]),
            list_finished=bool(data["list_finished"]),
            status=str(data["status"]),
            exit_code=int(data["exit_code"]),
            unverified=int(data.get("unverified", 0)),
            without_md5=int(data.get("without_md5", 0)),
            deleted=int(data.get("migrate_delete", -1)),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def _last_runs(runs: Iterable[_ShardRun]) -> dict[int, _ShardRun]:
    """Return the last run of each shard, of the number of shards that was used last."""
    ordered = sorted(runs, key=lambda run: run.ended)
    shards = ordered[-1].shard.shards
    return {run.shard.number: run for run in ordered if run.shard.shards == shards}


def _report(job: _JobKey, runs: list[_ShardRun], say: Say) -> int:
    """Print the runs of one job, a line each, and their sum; return the exit code."""
    last = _last_runs(runs)
    shards = max(run.shard.shards for run in last.values())
    missing = [str(Shard(each, shards)) for each in range(1, shards + 1) if each not in last]
    for number in sorted(last):
        print(_line_of(last[number]))
    if missing:
        text = f"no run is known of {_listed(missing)} of {len(missing)} shards"
        print(say(f"warning: {text}: give their folders, too, or run them"), file=sys.stderr)
    total = _total(job, list(last.values()), shards)
    print(total.text, end="")
    failed = missing or any(run.exit_code for run in last.values())
    return total.exit_code or (INCOMPLETE if failed else 0)


def _listed(names: Sequence[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _line_of(run: _ShardRun) -> str:
    counts = ", ".join(f"{status.value} {run.counts[status]}" for status in Status)
    job = printable(run.job.source)
    return f"[shard {run.shard}] status:{run.status}, {counts}, bytes {run.sent}, {job}"


def _total(job: _JobKey, runs: Sequence[_ShardRun], shards: int) -> Summary:
    started, ended = min(run.started for run in runs), max(run.ended for run in runs)
    deleted = [run.deleted for run in runs if run.deleted >= 0]
    has_failed = any(run.exit_code for run in runs)
    return Summary(
        ReportedJob(
            "", job.migrate_type, job.bucket, job.cos_path, job.source, f"{len(runs)} of {shards}"
        ),
        len(runs) == shards and all(run.list_finished for run in runs),
        {status: sum(run.counts[status] for run in runs) for status in Status},
        started,
        ended,
        lasted=ended - started,
        unverified=sum(run.unverified for run in runs),
        unverified_list="log/ of the shards",
        without_md5=sum(run.without_md5 for run in runs),
        sent=sum(run.sent for run in runs),
        deletion=DeletionEnd(deleted=sum(deleted), has_failed=has_failed) if deleted else None,
    )
