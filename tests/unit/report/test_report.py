"""What is told of a run: the summary, the lists, the logs, the console."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.model import Failure, Outcome, Status
from cos_migrate.report.append_file import AppendFile
from cos_migrate.report.console import Console
from cos_migrate.report.logs import Logs
from cos_migrate.report.report import Report
from cos_migrate.report.sinks import Progress
from cos_migrate.report.summary import ReportedJob, Summary

ROOT = Path(__file__).resolve().parents[3]
NOON = 1_790_000_000.0
JOB = ReportedJob("job", "migrateLocal", "b-1", "/to/", "localPath=/data")


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def local(seconds: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return time.strftime(form, time.localtime(seconds))


def outcome(status: Status, name: str = "/data/a", **fields: object) -> Outcome:
    failure = fields.pop("failure", None)
    assert failure is None or isinstance(failure, Failure)
    unverified = str(fields.pop("unverified", ""))
    line = f"[{status.name}] {name}\n"
    return Outcome(status, name, "/a", 10, line, failure, 1234, unverified)


class Setting:
    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        (folder / "db").mkdir()
        self.clock = Clock()
        self.running = Clock(1.0)
        """A clock that is never set."""
        self.out = io.BytesIO()
        self.err = io.StringIO()
        self.logs = Logs(folder / "log", clock=self.clock)
        self.report = Report(
            console=Console(stdout=self.out, stderr=self.err),
            logs=self.logs,
            folder=folder,
            job=JOB,
            clock=self.clock,
            monotonic=self.running,
            **options,
        )
        self.report.begin_run(["version", "[common] secretKey=***"])

    def pass_by(self, seconds: float) -> None:
        self.clock.now += seconds
        self.running.now += seconds

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


def test_the_summary_block(setting: Setting) -> None:
    setting.report.add([outcome(Status.NEW)] * 3 + [outcome(Status.SKIP)])
    setting.report.add([outcome(Status.CONDITION_NOT_MATCH), outcome(Status.UPDATE)])
    setting.pass_by(11.9)
    summary = setting.report.end_run(list_finished=True)
    expected = (
        "\n\nbucket:b-1, list finished:true, status:ALL_OK\n"
        "migrateLocal over! op statistics:\n"
        "                   migrate_new : 3\n"
        "                migrate_update : 1\n"
        "                  migrate_fail : 0\n"
        "                  migrate_skip : 1\n"
        "   migrate_condition_not_match : 1\n"
        f"                    start_time : {local(NOON)}\n"
        f"                      end_time : {local(NOON + 11)}\n"
        "                     used_time : 11 s\n"
    )
    assert summary.text == expected
    assert setting.text("db/result.out") == expected
    assert setting.out.getvalue().decode().endswith(expected + "\n")
    assert (summary.scanned, summary.exit_code) == (6, 0)


@pytest.mark.parametrize("hours", [-1, 1, 24 * 365 * 50])
def test_the_time_used_when_the_clock_is_set(setting: Setting, hours: int) -> None:
    setting.pass_by(7.5)
    setting.clock.now += hours * 3600
    summary = setting.report.end_run(list_finished=True)
    assert "                     used_time : 7 s\n" in summary.text
    ended = local(NOON + 7.5 + hours * 3600)
    assert f"                      end_time : {ended}\n" in summary.text


def test_the_time_used_is_never_negative(setting: Setting) -> None:
    setting.clock.now -= 1.5  # within what is taken for the clocks' own difference
    assert setting.report.end_run(list_finished=True).used_time == 0


@pytest.mark.parametrize(
    ("finished", "new", "fail", "status", "code"),
    [
        (True, 0, 0, "ALL_OK", 0),
        (True, 5, 0, "ALL_OK", 0),
        (True, 5, 1, "PART_OK", 1),
        (False, 5, 0, "PART_OK", 1),
        (False, 0, 0, "ALL_FAIL", 1),
        (True, 0, 1, "ALL_FAIL", 1),
    ],
)
def test_the_status(finished: bool, new: int, fail: int, status: str, code: int) -> None:
    counts = dict.fromkeys(Status, 0) | {Status.NEW: new, Status.FAIL: fail}
    summary = Summary(JOB, finished, counts, NOON, NOON)
    assert (summary.status, summary.exit_code) == (status, code)


def test_failures_are_listed_with_their_causes(setting: Setting) -> None:
    denied = Failure("PutObject", "no\nway", 403, "AccessDenied", "req", "trace")
    gone = Failure("open", "No such file", 0, "ENOENT")
    setting.report.add([outcome(Status.FAIL, f"/data/{n}", failure=denied) for n in range(3)])
    setting.report.add([outcome(Status.FAIL, "/data/gone", failure=gone)])
    setting.report.end_run(list_finished=True)
    rows = [json.loads(line) for line in setting.text("log/failed-job.jsonl").splitlines()]
    assert [row["name"] for row in rows] == ["/data/0", "/data/1", "/data/2", "/data/gone"]
    assert rows[0]["code"] == "AccessDenied"
    assert rows[0]["message"] == "no\nway"
    error = setting.text("log/error.log")
    assert r"[status: 403], [code: AccessDenied], [message: no\x0away], [requestid: req]" in error
    assert "[traceid: trace]" in error
    out = setting.out.getvalue().decode()
    table = out.partition("used_time")[2].splitlines()
    assert table[2].split() == ["count", "status", "code", "example", "what", "to", "do"]
    assert table[3].split()[:4] == ["3", "403", "AccessDenied", "/data/0"]
    assert table[4].split()[:4] == ["1", "-", "ENOENT", "/data/gone"]
    assert "log/failed-job.jsonl" in table[5]
    assert setting.text("db/result.out").endswith(" s\n")


def test_the_lists_of_the_last_run_are_forgotten(setting: Setting) -> None:
    failure = Failure("open", "x", 0, "ENOENT")
    setting.report.add([outcome(Status.FAIL, failure=failure)])
    setting.report.end_run(list_finished=True)
    assert (setting.folder / "log/failed-job.jsonl").exists()
    setting.report.begin_run([])
    assert not (setting.folder / "log/failed-job.jsonl").exists()


def test_unverified_objects_are_counted_behind_used_time(setting: Setting) -> None:
    setting.report.add([outcome(Status.NEW, unverified="COS sent no CRC-64")])
    text = setting.report.end_run(list_finished=True).text
    last = text.splitlines()[-1]
    assert (
        last
        == "                    unverified : 1 (size and ETag only, see log/unverified-job.jsonl)"
    )
    assert json.loads(setting.text("log/unverified-job.jsonl"))["reason"] == "COS sent no CRC-64"


def test_a_list_that_is_not_whole_says_how_much_it_lacks(setting: Setting) -> None:
    failure = Failure("open", "No such file", 0, "ENOENT")
    in_the_way = setting.folder / "log/failed-job.jsonl"
    in_the_way.mkdir()
    setting.report.add([outcome(Status.FAIL, f"/data/{n}", failure=failure) for n in range(3)])
    in_the_way.rmdir()
    setting.pass_by(31)
    setting.report.add([outcome(Status.FAIL, "/data/last", failure=failure)])
    setting.report.end_run(list_finished=True)
    assert setting.text("log/failed-job.jsonl").count("\n") == 1
    said = "3 of 4 failures are missing in log/failed-job.jsonl: Is a directory"
    assert setting.out.getvalue().decode().splitlines()[-1] == said
    assert said in setting.text("log/warn.log")


def test_a_list_is_written_again_when_the_clock_is_set_back(setting: Setting) -> None:
    failure = Failure("open", "No such file", 0, "ENOENT")
    in_the_way = setting.folder / "log/failed-job.jsonl"
    in_the_way.mkdir()
    setting.report.add([outcome(Status.FAIL, failure=failure)])
    in_the_way.rmdir()
    setting.clock.now -= 3600
    setting.report.add([outcome(Status.FAIL, failure=failure)])
    assert setting.text("log/failed-job.jsonl").count("\n") == 1


def test_finished_files_by_day(tmp_path: Path) -> None:
    result = tmp_path / "result"
    result.mkdir()
    setting = Setting(tmp_path, finished_folder=str(result))
    setting.report.add([outcome(Status.NEW, "/data/a b"), outcome(Status.SKIP, "/data/s")])
    setting.clock.now += 86_400
    setting.report.add([outcome(Status.UPDATE, "/data/c")])
    days = [local(NOON + day * 86_400, "%Y-%m-%d") for day in (0, 1)]
    assert setting.text(f"result/{days[0]}.out") == "/data/a b\t10\t1234\n"
    assert setting.text(f"result/{days[1]}.out") == "/data/c\t10\t1234\n"


def test_skipped_objects_stay_out_of_the_logs(tmp_path: Path) -> None:
    setting = Setting(tmp_path, log_skipped=False)
    skipped = outcome(Status.SKIP)._replace(lines="[skip] task_info: x\n")
    failed = outcome(Status.FAIL)._replace(lines="[fail] task_info: y\n")
    sent = outcome(Status.NEW)._replace(lines="[ok] task_info: z\n")
    setting.report.add([skipped, failed, sent])
    setting.report.add([skipped])
    assert setting.out.getvalue().count(b"[skip]") == 2
    log = setting.text("log/info.log")
    assert "[skip]" not in log
    assert ("[fail] task_info: y" in log, "[ok] task_info: z" in log) == (True, True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_lists_are_for_this_user_alone(tmp_path: Path) -> None:
    result = tmp_path / "result"
    result.mkdir()
    setting = Setting(tmp_path, finished_folder=str(result), file_mode=0o640)
    failure = Failure("PutObject", "refused", 403, "AccessDenied")
    setting.report.add([outcome(Status.FAIL)._replace(failure=failure)])
    setting.report.add([outcome(Status.NEW)._replace(unverified="no CRC-64")])
    setting.report.end_run(list_finished=True)
    modes = {
        path.name: path.stat().st_mode & 0o777
        for folder in ("db", "log", "result")
        for path in (tmp_path / folder).iterdir()
        if path.suffix in {".jsonl", ".out"}
    }
    day = local(NOON, "%Y-%m-%d")
    assert modes == {
        "failed-job.jsonl": 0o600,
        "unverified-job.jsonl": 0o600,
        "result.out": 0o640,
        "result.jsonl": 0o640,
        f"{day}.out": 0o640,
    }
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700


def test_levels_go_to_their_files(tmp_path: Path) -> None:
    logs = Logs(tmp_path, clock=Clock())
    logs.info("one\ntwo\n")
    logs.warning("careful")
    logs.error("broken \udcff")
    logs.debug("not asked for")
    logs.close()
    prefix = f"{local(NOON)} [INFO] [{os.getpid()}] "
    info = (tmp_path / "info.log").read_text(encoding="utf-8").splitlines()
    assert info[:2] == [f"{prefix}one", f"{prefix}two"]
    assert len(info) == 4
    assert len((tmp_path / "warn.log").read_text(encoding="utf-8").splitlines()) == 2
    assert r"broken \xff" in (tmp_path / "error.log").read_text(encoding="utf-8")
    assert not (tmp_path / "debug.log").exists()


def test_the_logs_of_a_run_without_errors_are_there_to_be_watched(tmp_path: Path) -> None:
    logs = Logs(tmp_path, clock=Clock())
    logs.begin("header")
    logs.close()
    assert (tmp_path / "info.log").read_bytes()
    assert (tmp_path / "warn.log").read_bytes() == b""
    assert (tmp_path / "error.log").read_bytes() == b""


def test_a_log_that_cannot_be_written_is_named_once_and_never_ends_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_text("a file")
    clock = Clock()
    file = AppendFile(tmp_path / "log" / "info.log", clock)
    for _ in range(3):
        assert not file.append(b"line\n")
    assert capsys.readouterr().err == (
        f"warning: {tmp_path / 'log' / 'info.log'}: {tmp_path / 'log'} is no folder; its lines "
        "are lost until it can be written\n"
    )
    (tmp_path / "log").unlink()
    clock.now += 60
    file.append(b"line\n")
    assert (tmp_path / "log" / "info.log").read_text() == "line\n"


def test_a_pipe_gets_every_line_and_nothing_else() -> None:
    out, err = io.BytesIO(), io.StringIO()
    console = Console(stdout=out, stderr=err)
    console.print_lines("".join(f"[ok] {n}\n" for n in range(5000)), "[fail] x\n")
    console.show_progress(Progress(1, 2, 3, 4, 0, complete=False))
    console.close()
    assert out.getvalue().count(b"\n") == 5001
    assert b"\x1b" not in out.getvalue()
    assert err.getvalue() == ""


def test_quiet_tells_of_the_run_only() -> None:
    out = io.BytesIO()
    console = Console(quiet=True, stdout=out, stderr=io.StringIO())
    console.print_lines("[ok] a\n", "[fail] b\n")
    console.announce("summary")
    assert out.getvalue() == b"summary\n"


TERMINAL = """
import sys, time
from cos_migrate.report.console import Console
from cos_migrate.report.sinks import Progress
console = Console()
for n in range(20):
    console.print_lines("".join(f"[ok] {n}-{k}\\n" for k in range(50)), f"[fail] {n}\\n")
    console.show_progress(Progress(n, 20, n * 1000, 20000, 1, complete=n > 10))
    time.sleep(0.02)
console.close()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a pty")
def test_a_terminal_gets_a_display_and_no_more_than_it_can_show() -> None:
    import fcntl  # noqa: PLC0415 - POSIX only
    import pty  # noqa: PLC0415
    import struct  # noqa: PLC0415
    import termios  # noqa: PLC0415

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL],
        stdout=slave,
        stderr=slave,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
    )
    os.close(slave)
    data = b""
    while True:
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        data += more
    process.wait()
    os.close(master)
    text = data.decode()
    assert process.returncode == 0
    assert text.count("[fail]") == 20
    assert text.count("[ok]") < 200
    assert text.count("log/info.log has all of them") == 1
    assert "1 failed" in text
    assert "objects" in text
