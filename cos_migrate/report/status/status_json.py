"""The state of a start as plain data: what `/status.json` serves and the page shows."""

from __future__ import annotations

from collections.abc import Sequence

from cos_migrate import __version__
from cos_migrate.language import Say
from cos_migrate.report.run_report import cause_as_data
from cos_migrate.report.sinks import Unfinished
from cos_migrate.report.status.board import Board, RunView
from cos_migrate.report.summary import timestamp
from cos_migrate.report.totals import PoolUse
from cos_migrate.text import printable

FORMAT = 1
"""Version of the form; it grows when a reader has to change."""
_UNFINISHED_MOST = 50
_CAUSES_MOST = 20


def status_data(board: Board, say: Say = str) -> dict[str, object]:
    """Return the state of a start; `say` translates what the page shows of it."""
    run = board.run
    return {
        "v": FORMAT,
        "program": f"cos-migrate {__version__}",
        "started": timestamp(board.started),
        "seconds": round(board.monotonic() - board.began, 1),
        "paused": board.paused,
        "run": _run_data(board, run, say) if run else None,
        "ended_runs": [summary.as_data() for summary in board.ended],
        "warnings": [
            {"time": timestamp(each.time), "message": say(each.text)} for each in board.warnings
        ],
    }


def _run_data(board: Board, run: RunView, say: Say) -> dict[str, object]:
    progress = run.progress
    return {
        "mode": run.mode,
        **run.job.as_data(),
        "start_time": timestamp(run.started),
        "seconds": round(run.seconds, 1),
        "seconds_since_update": round(board.monotonic() - run.at, 1),
        "waiting": say(progress.waiting),
        "list_finished": progress.complete,
        "done": progress.done,
        "known": progress.known,
        "bytes_done": progress.bytes_done,
        "bytes_known": progress.bytes_known,
        "total": progress.total,
        "bytes_total": None if progress.total is None else progress.bytes_total,
        "sent": progress.sent,
        "bytes_sent": progress.bytes_sent,
        "failed": progress.failed,
        "outcomes": dict(run.counters.objects),
        "objects_per_second": round(run.objects_rate, 2),
        "bytes_per_second": round(run.bytes_rate),
        "seconds_left": None if run.seconds_left is None else round(run.seconds_left, 1),
        "transfers": {"small": _pool_data(run.small_pool), "big": _pool_data(run.big_pool)},
        "unfinished": _unfinished_data(progress.unfinished),
        "throughput": {
            "seconds_each": run.seconds_each,
            "objects_per_second": [round(rate.objects, 3) for rate in run.rates],
            "bytes_per_second": [round(rate.size) for rate in run.rates],
            "failed": [rate.failed for rate in run.rates],
        },
        "failures": [
            cause_as_data(cause._replace(advice=say(cause.advice)))
            for cause in run.causes[:_CAUSES_MOST]
        ],
    }


def _pool_data(use: PoolUse) -> dict[str, int]:
    return {"under_way": use.under_way, "limit": use.limit}


def _unfinished_data(unfinished: Sequence[Unfinished]) -> list[dict[str, object]]:
    return [
        {"key": printable(each.cos_path), "sent": each.sent, "size": each.size}
        for each in unfinished[:_UNFINISHED_MOST]
    ]
