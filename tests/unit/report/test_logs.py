"""Log files: rolled by the day and by size, compressed, never one over another."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cos_migrate.report import rolled_logs
from cos_migrate.report.logs import LogFile, Logs
from cos_migrate.report.rolled_logs import Compressor

NOON = 1_750_000_000.0
DAY = 86_400
posix = pytest.mark.skipif(os.name == "nt", reason="Windows rolls no file that is open")


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextmanager
def zone(name: str) -> Iterator[None]:
    """Be in a time zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def everything(folder: Path, name: str = "info.log") -> str:
    """Return what stands in a log and in all that was rolled of it."""
    paths = [path for path in sorted(folder.iterdir()) if path.name.startswith(name)]
    return "".join(map(text_of, paths))


def rolled(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("info.log."))


def age(path: Path, seconds: float) -> None:
    """Set when a file was last written to."""
    os.utime(path, (seconds, seconds))


def test_the_configuration_stands_in_info_log_only(tmp_path: Path) -> None:
    def text(name: str) -> list[str]:
        lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        return [line.partition("] [")[2].partition("] ")[2] for line in lines]

    logs = Logs(tmp_path, debug=True)
    logs.begin("version\nkey=1")
    logs.warning("of the configuration")
    logs.begin("version\nkey=1")  # the run itself
    logs.info("one")
    logs.begin("version\nkey=1")  # the next round of daemon mode
    logs.error("broken")
    logs.debug("detail")
    logs.note_end("ALL_FAIL, exit code 1")
    logs.close()
    header, warned, ended = ["version", "key=1"], "of the configuration", "run ended: ALL_FAIL"
    assert text("info.log") == [
        *header,
        warned,
        "one",
        *header,
        "broken",
        f"{ended}, exit code 1",
    ]
    assert text("warn.log") == [warned, "broken"]
    assert text("error.log") == ["broken"]
    assert text("debug.log") == ["detail"]


@posix
def test_logs_are_rolled_daily_by_the_first_that_writes(tmp_path: Path) -> None:
    clock = Clock()
    one, two = Logs(tmp_path, clock=clock), Logs(tmp_path, clock=clock)
    for logs in (one, two):
        logs.info("yesterday")
    age(tmp_path / "info.log", NOON)
    clock.now += DAY
    for logs in (one, two):
        logs.info("today")
    clock.now += 2
    for logs in (one, two):
        logs.info("later")
        logs.close()
    [name] = rolled(tmp_path)
    assert name.removesuffix(".gz") == f"info.log.{day(NOON)}"
    assert text_of(tmp_path / name).count("yesterday") == 2
    text = (tmp_path / "info.log").read_text(encoding="utf-8")
    assert (text.count("today"), text.count("later"), text.count("yesterday")) == (2, 2, 0)


@posix
def test_two_jobs_in_different_time_zones_lose_nothing(tmp_path: Path) -> None:
    midnight = NOON // DAY * DAY
    east, west = "Pacific/Kiritimati", "Etc/GMT+12"  # 26 hours apart
    for number, (hour, name) in enumerate([(9, east), (10.5, east), (13, east), (36.5, west)]):
        clock = Clock(midnight + hour * 3600)
        with zone(name):
            file = LogFile(tmp_path / "info.log", clock)
            file.append(b"%d\n" % number)
            file.close()
        age(tmp_path / "info.log", clock.now)
    with zone("UTC"):
        date = day(midnight)
    assert rolled(tmp_path) == [f"info.log.{date}", f"info.log.{date}-2"]
    assert everything(tmp_path).split() == ["3", "0", "1", "2"]


@posix
def test_a_clock_that_was_ahead_overwrites_nothing(tmp_path: Path) -> None:
    clock = Clock()
    for moment in (NOON, NOON + DAY, NOON, NOON + DAY, NOON, NOON + DAY):
        clock.now = moment
        file = LogFile(tmp_path / "info.log", clock)
        file.append(b"line\n")
        file.close()
        age(tmp_path / "info.log", moment)
    assert everything(tmp_path).count("line") == 6
    assert len(rolled(tmp_path)) > 1


@posix
def test_a_full_log_is_rolled_and_compressed(tmp_path: Path) -> None:
    clock = Clock()
    logs = Logs(tmp_path, clock=clock, roll_size=1000)
    for number in range(40):
        line = f"line {number:04d} {'x' * 80}"
        logs.info(line)
        clock.now += 2
    logs.close()
    names = rolled(tmp_path)
    assert len(names) >= 3
    assert all(name.endswith(".gz") for name in names)
    assert names[0] == f"info.log.{day(time.time())}-2.gz"
    assert all((tmp_path / name).stat().st_size < 1000 for name in names)
    text = everything(tmp_path)
    assert [text.count(f"line {number:04d} ") for number in range(40)] == [1] * 40
    assert (tmp_path / "info.log").stat().st_size < 1500


@posix
def test_a_log_that_was_left_full_is_rolled_at_once(tmp_path: Path) -> None:
    (tmp_path / "info.log").write_bytes(b"old\n" * 500)
    logs = Logs(tmp_path, roll_size=1000)
    logs.begin("header")
    logs.close()
    [name] = rolled(tmp_path)
    assert text_of(tmp_path / name) == "old\n" * 500
    assert "header" in (tmp_path / "info.log").read_text(encoding="utf-8")


def test_what_is_older_than_thirty_days_goes(tmp_path: Path) -> None:
    old, recent = day(NOON - 40 * DAY), day(NOON - 20 * DAY)
    gone = [f"info.log.{old}{end}" for end in ("", ".gz", "-2", "-13.gz", "-2.gz.part")]
    kept = [f"info.log.{recent}.gz", f"info.log.{recent}-2.gz", f"my-info.log.{old}"]
    kept.append(f"info.log.{old}.mine")
    for name in (*gone, *kept, "info.log"):
        (tmp_path / name).write_bytes(b"x")
    age(tmp_path / "info.log", NOON)
    file = LogFile(tmp_path / "info.log", Clock())
    file.append(b"line\n")
    file.close()
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {*kept, "info.log", ".roll.lock"}


@posix
def test_what_another_process_writes_to_is_not_compressed(tmp_path: Path) -> None:
    path = tmp_path / "info.log"
    file = LogFile(path)
    file.append(b"first\n")
    path.rename(tmp_path / "info.log.2025-06-15")
    compressor = Compressor()
    compressor.compress(path)
    compressor.close(10)
    assert rolled(tmp_path) == ["info.log.2025-06-15"]
    file.close()
    compressor = Compressor()
    compressor.compress(path)
    compressor.close(10)
    assert rolled(tmp_path) == ["info.log.2025-06-15.gz"]
    assert everything(tmp_path) == "first\n"


def packed(path: Path) -> None:
    compressor = Compressor()
    compressor.compress(path)
    compressor.close(30)


def test_what_a_killed_process_left_is_finished(tmp_path: Path) -> None:
    plain = tmp_path / "info.log.2025-06-15"
    part = tmp_path / "info.log.2025-06-15.gz.part"
    whole = tmp_path / "info.log.2025-06-15.gz"
    plain.write_bytes(b"line\n" * 1000)
    part.write_bytes(b"half of it")
    packed(tmp_path / "info.log")
    assert rolled(tmp_path) == [whole.name]
    assert text_of(whole) == "line\n" * 1000
    plain.write_bytes(b"line\n" * 1000)  # killed just before it was removed
    packed(tmp_path / "info.log")
    assert rolled(tmp_path) == [whole.name]
    plain.write_bytes(b"other\n" * 1000)
    packed(tmp_path / "info.log")
    assert everything(tmp_path).count("other\n") == 1000
    assert text_of(whole) == "line\n" * 1000


KILLED = """
import os, sys, threading
from pathlib import Path
from cos_migrate.report import rolled_logs
name, path = sys.argv[1], Path(sys.argv[2])
real = getattr(os, name)
def die(*arguments, **options):
    if "info.log" in str(arguments[0]) and "lock" not in str(arguments[0]):
        os._exit(9)
    return real(*arguments, **options)
setattr(os, name, die)
compressor = rolled_logs.Compressor()
compressor.compress(path)
compressor.close(30)
"""


@posix
@pytest.mark.parametrize("call", ["rename", "unlink", "utime"])
def test_killed_while_compressing_either_form_is_whole(tmp_path: Path, call: str) -> None:
    plain = tmp_path / "info.log.2025-06-15"
    plain.write_bytes(b"line\n" * 1000)
    root = str(Path(__file__).resolve().parents[3])
    words = [sys.executable, "-c", KILLED, call, str(tmp_path / "info.log")]
    subprocess.run(words, env={**os.environ, "PYTHONPATH": root}, check=False, timeout=120)
    whole = [path for path in tmp_path.iterdir() if not path.name.endswith(".part")]
    assert {text_of(path) for path in whole} == {"line\n" * 1000}
    packed(tmp_path / "info.log")
    assert rolled(tmp_path) == ["info.log.2025-06-15.gz"]
    assert everything(tmp_path) == "line\n" * 1000


def write_much(folder: Path, mark: str) -> None:
    clock = Clock(time.time())
    logs = Logs(folder, roll_size=5000, clock=clock)
    for number in range(300):
        line = f"{mark}-{number:04d}-{'x' * 50}"
        logs.info(line)
        clock.now += 0.7
    logs.close()


@posix
def test_processes_that_roll_the_same_file_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    run: Callable[..., None] = write_much
    processes = [context.Process(target=run, args=(tmp_path, mark)) for mark in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    packed(tmp_path / "info.log")
    text = everything(tmp_path)
    wanted = [f"{mark}-{number:04d}-" for mark in ("a", "b") for number in range(300)]
    assert [text.count(each) for each in wanted] == [1] * 600
    assert all(name.endswith(".gz") for name in rolled(tmp_path))


def lock_alone(descriptor: int) -> None:
    import fcntl  # noqa: PLC0415 - not on every system

    fcntl.flock(descriptor, fcntl.LOCK_EX)


@posix
@pytest.mark.parametrize("packing", [False, True])
def test_a_log_that_is_rolled_away_while_it_is_opened_is_opened_again(
    tmp_path: Path, packing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, another process renames the file and begins to compress it."""
    path, away = tmp_path / "info.log", tmp_path / "info.log.2025-06-15"
    holders: list[int] = []
    real = rolled_logs.lock_for_writing

    def rolled_meanwhile(descriptor: int) -> bool:
        if not away.exists():
            path.rename(away)
            if packing:
                holders.append(os.open(away, os.O_RDONLY))
                lock_alone(holders[0])
        return real(descriptor)

    monkeypatch.setattr(rolled_logs, "lock_for_writing", rolled_meanwhile)
    file = LogFile(path)
    file.append(b"line\n")
    file.close()
    assert (path.read_bytes(), away.read_bytes()) == (b"line\n", b"")
    for each in holders:
        os.close(each)


@posix
def test_a_link_is_left_to_its_owner(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(b"old\n" * 500)
    age(target, NOON - 3 * DAY)
    (tmp_path / "info.log").symlink_to(target)
    file = LogFile(tmp_path / "info.log", roll_size=1000)
    file.append(b"line\n")
    file.close()
    assert target.read_bytes().endswith(b"old\nline\n")
    assert rolled(tmp_path) == []


def test_names_are_claimed_once(tmp_path: Path) -> None:
    path = tmp_path / "info.log"
    (tmp_path / "info.log.2025-06-15-3.gz").touch()
    names = [rolled_logs.reserve_name(path, "2025-06-15").name for _ in range(3)]
    assert names == [f"info.log.2025-06-15{end}" for end in ("", "-2", "-4")]
