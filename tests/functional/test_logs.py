"""What a run leaves in `log/`, as a user finds it."""

from __future__ import annotations

import gzip
import os
import signal
import time
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.cloud_tool import wait_until
from tests.functional.tool import Tool, end

FULL = 512 << 20


def last_line(tool: Tool) -> str:
    line = tool.log("info.log").splitlines()[-1]
    return line.partition("] [")[2].partition("] ")[2]


def test_skipped_objects_stay_out_of_the_logs(tool: Tool) -> None:
    for number in range(5):
        tool.put(f"f{number}")
    assert tool.run().code == 0
    assert tool.run().counts()["skip"] == 5
    assert tool.log("info.log").count("[skip]") == 5
    (tool.folder / "log" / "info.log").unlink()
    tool.common["logSkipped"] = "off"
    tool.put("new")
    ended = tool.run()
    assert len(ended.lines("[skip]")) == 5
    assert tool.log("info.log").count("[skip]") == 0
    assert tool.log("info.log").count("[ok]") == 1


def test_the_configuration_stands_in_info_log_only(tool: Tool) -> None:
    tool.common["unknownKey"] = "x"
    tool.put("a")
    assert tool.run("--debug").code == 0
    assert "[common] region=ap-guangzhou" in tool.log("info.log")
    assert tool.log("error.log") == ""
    assert tool.log("warn.log").count("unknownKey") == len(tool.log("warn.log").splitlines())
    assert "region=" not in tool.log("debug.log")


def test_how_a_run_ended_is_the_last_line(tool: Tool) -> None:
    tool.put("a")
    assert tool.run().code == 0
    assert last_line(tool) == "run ended: ALL_OK, exit code 0"
    tool.put("x" * 200 + "/" + "y" * 200 + "/" + "z" * 200 + "/" + "w" * 200 + "/" + "v" * 200)
    assert tool.run().code == 1
    assert last_line(tool) == "run ended: ALL_FAIL, exit code 1"


def test_a_run_that_could_not_begin(tool: Tool) -> None:
    tool.put("a")
    assert tool.run().code == 0
    lock = tool.database.with_name(tool.database.name + ".lock")
    lock.unlink()
    lock.mkdir()
    assert tool.run().code == 3
    assert last_line(tool) == "run ended: error, exit code 3"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_ended_a_run_is_in_its_last_line(tool: Tool, number: signal.Signals) -> None:
    tool.common |= {"daemonMode": "on", "daemonModeInterVal": "3600"}
    tool.put("a")
    process = tool.start()
    wait_until(lambda: "run ended" in tool.log("info.log"))
    assert last_line(tool) == "run ended: ALL_OK, exit code 0"
    process.send_signal(number)
    ended = end(process)
    assert ended.code == 128 + number
    assert last_line(tool) == f"run ended: {number.name}, exit code {128 + number}"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_second_signal_is_in_the_last_line(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    tool.common["workerProcessNum"] = "0"
    cos.faults.append(Fault("hang", seconds=2, times=-1))
    process = tool.start()
    wait_until(lambda: bool(cos.requests))
    process.send_signal(signal.SIGTERM)
    assert process.stderr
    assert any("stopping" in line for line in process.stderr)
    process.send_signal(signal.SIGTERM)
    assert end(process).code == 143
    assert last_line(tool) == "run ended: SIGTERM, exit code 143, without waiting any longer"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sparse files by itself")
def test_a_full_log_and_one_of_yesterday_are_compressed(tool: Tool) -> None:
    log = tool.folder / "log"
    info, warn = log / "info.log", log / "warn.log"
    info.write_bytes(b"first\n")
    os.truncate(info, FULL)
    yesterday = time.time() - 86_400
    warn.write_bytes(b"old\n")
    os.utime(warn, (yesterday, yesterday))
    day = time.strftime("%Y-%m-%d", time.localtime(yesterday))
    (log / f"warn.log.{day}").write_bytes(b"older\n")
    tool.put("a")
    assert tool.run().code == 0
    [rolled] = log.glob("info.log.*")
    assert rolled.suffix == ".gz"
    with gzip.open(rolled) as file:
        assert file.readline() == b"first\n"
        assert file.seek(0, os.SEEK_END) == FULL
    texts = {path.name: gzip.decompress(path.read_bytes()) for path in log.glob("warn.log.*")}
    assert texts == {f"warn.log.{day}.gz": b"older\n", f"warn.log.{day}-2.gz": b"old\n"}
    assert info.stat().st_size < FULL


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_logs_in_a_folder_that_others_may_write(tool: Tool, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    log = tool.folder / "log"
    log.chmod(0o1777)
    for name in ("info.log", "error.log", ".roll.lock"):
        (log / name).symlink_to(precious)
    os.mkfifo(log / "warn.log")
    tool.put("a")
    ended = tool.run()
    assert ended.code == 0
    assert precious.read_bytes() == b"precious"
    assert "info.log: it is a symbolic link in a folder that others may write to" in ended.err
