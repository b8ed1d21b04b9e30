"""The metrics of the status page, and the board that they are read from."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from cos_migrate.model import Failure, Status
from cos_migrate.report.sinks import Unfinished
from cos_migrate.report.status.board import Board
from cos_migrate.report.status.metrics import metrics_text
from cos_migrate.report.totals import PoolUse
from tests.unit.report.test_report import Setting, outcome


def samples(board: Board) -> dict[tuple[str, ...], float]:
    found = {}
    for family in text_string_to_metric_families(metrics_text(board).decode()):
        for sample in family.samples:
            name = sample.name.removeprefix("cos_migrate_")
            labels = [value for _, value in sorted(sample.labels.items())]
            found[(name, *labels)] = sample.value
    return found


def test_counters_never_fall_and_gauges_belong_to_the_run(tmp_path: Path) -> None:
    running = [0.0]
    board = Board(monotonic=lambda: running[0])
    for number in ("1", "2"):
        folder = tmp_path / number
        folder.mkdir()
        setting = Setting(folder, board=board, reads_cloud=True)
        report, totals = setting.report, setting.report.totals
        before = samples(board)
        report.add([outcome(Status.NEW), outcome(Status.SKIP)])
        failure = Failure("PutObject", "no", status=403, code="AccessDenied")
        report.add([outcome(Status.FAIL, failure=failure)])
        totals.small_pool, totals.big_pool = PoolUse(3, 64), PoolUse(0, 8)
        totals.note_request("HeadObject", 404)
        totals.note_request("HeadObject", 0)
        for sent in (100, 40):  # an upload that begins again takes its bytes back
            totals.set_work(1, sent, [Unfinished("/b", sent, 1000)])
            running[0] += 1
            report.show_progress()
            assert samples(board)["bytes_sent_total",] == before["bytes_sent_total",] + 110
        seen = samples(board)
        assert seen["transfers", "small"] == 3
        assert seen["transfer_limit", "big"] == 8
        assert seen["running",] == 1
        report.end_run(list_finished=True)
        after = samples(board)
        assert after["running",] == 0
        assert ("transfers", "small") not in after
        rounds = int(number)
        assert after["objects_total", "new"] == rounds
        assert after["objects_total", "fail"] == rounds
        assert after["failures_total", "AccessDenied", "403"] == rounds
        assert after["requests_total", "HeadObject", "404"] == rounds
        assert after["requests_total", "HeadObject", "none"] == rounds
        assert after["requests_total", "PutObject", "200"] == rounds
        assert after["bytes_read_total",] == after["bytes_sent_total",]
    assert len(board.ended) == 2


def test_a_run_that_broke_off_stays_counted(tmp_path: Path) -> None:
    board = Board()
    setting = Setting(tmp_path, board=board)
    setting.report.add([outcome(Status.NEW)])
    setting.report.show_progress()
    board.monotonic = lambda: 1e9
    setting.report.show_progress()
    again = tmp_path / "again"
    again.mkdir()
    Setting(again, board=board)
    assert samples(board)["objects_total", "new"] == 1


def test_a_comparison_counts_apart(tmp_path: Path) -> None:
    board = Board()
    setting = Setting(tmp_path, board=board)
    setting.report.begin_check([])
    setting.report.add([outcome(Status.NEW)])
    setting.report.end_run(list_finished=True)
    seen = samples(board)
    assert seen["objects_total", "check_ok"] == 1
    assert ("objects_total", "new") not in seen or seen["objects_total", "new"] == 0
    assert seen["bytes_sent_total",] == 0
