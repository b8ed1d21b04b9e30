"""The time window, and daemon mode."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import Tool, end
from tests.functional.waiting import Watched, wait_until


def hours_from_now(first: float, last: float) -> str:
    now = time.time()
    times = [time.strftime("%H:%M", time.localtime(now + hours * 3600)) for hours in (first, last)]
    return ",".join(times)


def test_outside_the_window_nothing_is_sent(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    window = hours_from_now(6, 8)
    tool.common["executeTimeWindow"] = window
    run = Watched(tool.start("--quiet"))  # it silences lines of single files only
    run.wait_for("-" * 69)
    run.process.send_signal(signal.SIGTERM)
    ended = run.end()
    assert ended.code == 143
    assert not cos.requests
    shown = re.escape(window.replace(",", ", "))
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    lines = ended.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("currentTime"))
    assert re.fullmatch(rf"currentTime {stamp}, wait next time window \[{shown}\]", lines[at])
    assert lines[at + 1] == "-" * 69
    assert ended.out.count("currentTime") == 1


@pytest.mark.parametrize("hours", [(-6, 6), (-1, 1), (-18, 2)])
def test_inside_the_window(tool: Tool, hours: tuple[float, float]) -> None:
    tool.put("a")
    tool.common["executeTimeWindow"] = hours_from_now(*hours)
    assert tool.run().counts()["new"] == 1


def test_daemon_mode_goes_round(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    tool.common |= {"daemonMode": "on", "daemonModeInterVal": "1"}
    process = tool.start()
    results = tool.folder / "db" / "result.out"
    wait_for_rounds(results, 1)
    tool.put("b")
    wait_for_rounds(results, 3)
    process.send_signal(signal.SIGINT)
    ended = end(process)
    assert ended.code == 130
    assert ended.out.count("migrateLocal over!") >= 3
    assert ended.counts(0)["new"] == 1
    assert cos.keys("examplebucket-1250000000") == ["a", "b"]


def test_a_failed_round_does_not_end_the_daemon(tool: Tool) -> None:
    tool.common |= {"daemonMode": "on", "daemonModeInterVal": "1", "secretKey": "wrong"}
    tool.put("a")
    process = tool.start()
    wait_for_rounds(tool.folder / "db" / "result.out", 2)
    process.send_signal(signal.SIGINT)
    ended = end(process)
    assert ended.out.count("status:ALL_FAIL") >= 2


def test_a_round_without_files_says_so(tool: Tool) -> None:
    tool.common |= {"daemonMode": "on", "daemonModeInterVal": "60"}
    run = Watched(tool.start())
    run.wait_for("nothing was found to migrate")
    run.process.send_signal(signal.SIGINT)
    assert run.end().code == 130


def wait_for_rounds(path: Path, count: int) -> None:
    wait_until(lambda: path.exists() and path.read_text(encoding="utf-8").count("over!") >= count)
