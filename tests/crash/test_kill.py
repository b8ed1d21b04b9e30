"""Stopped in every way, then run again: the bucket holds every byte, the records agree."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.tool import BUCKET, Tool, end, records
from tests.functional.waiting import HeldCos, Watched, parts_written, wait_until

MIB = 1 << 20
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def fill(tool: Tool, files: int = 150, big: int = 2) -> None:
    chance = random.Random(7)
    for number in range(files):
        tool.put(f"d{number % 7}/{number}", chance.randbytes(chance.randrange(3000)))
    for number in range(big):
        tool.put(f"big{number}", chance.randbytes(11 * MIB + number))


def wait_for(cos: EmbeddedCos, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many requests have come, or the run has ended."""
    wait_until(lambda: len(cos.requests) >= count or process.poll() is not None)


def assert_complete(cos: EmbeddedCos, tool: Tool) -> None:
    files = {p.relative_to(tool.data).as_posix(): p for p in tool.data.rglob("*") if p.is_file()}
    assert set(cos.keys(BUCKET)) == set(files)
    for key, path in files.items():
        assert cos.object_bytes(BUCKET, key) == path.read_bytes()
    kept = records(tool.database)
    for key, path in files.items():
        value = next(v for k, v in kept.items() if f"[cosPath: /{key}]" in k and "taskType" in k)
        status = path.stat()
        assert value == f"[mtime: {status.st_mtime_ns // 10**6}], [fileSize: {status.st_size}]"
    assert not [key for key in kept if "cosmigrate upload" in key or "cosmigrate part" in key]


@posix
@pytest.mark.parametrize("after", [1, 3, 20, 60, 120, 155, 160])
def test_kill_9_at_any_point(cos: EmbeddedCos, tool: Tool, after: int) -> None:
    fill(tool)
    cos.latency = 0.004
    process = tool.start("--quiet")
    wait_for(cos, after, process)
    process.kill()
    process.communicate()
    cos.latency = 0
    # The workers of the killed run end by themselves: nothing of theirs may disturb the next.
    ended = tool.run()
    assert ended.code == 0, ended.out[-2000:] + ended.err
    counts = ended.counts()
    assert counts["new"] + counts["skip"] == 152
    assert_complete(cos, tool)


@posix
def test_kill_9_again_and_again(cos: EmbeddedCos, tool: Tool) -> None:
    fill(tool, files=300, big=3)
    cos.latency = 0.003
    chance = random.Random(1)
    for _ in range(8):
        process = tool.start("--quiet")
        wait_for(cos, len(cos.requests) + chance.randrange(2, 60), process)
        process.kill()
        process.communicate()
    cos.latency = 0
    ended = tool.run()
    assert ended.code == 0, ended.out[-2000:] + ended.err
    assert ended.counts()["skip"] > 0
    assert_complete(cos, tool)


@posix
def test_parts_are_not_sent_twice(cos: HeldCos, tool: Tool) -> None:
    tool.put("big", os.urandom(50 * MIB))
    tool.common["bigFileExecutorNum"] = "2"
    cos.hold(4, "UploadPart")
    process = tool.start("--quiet")
    wait_until(lambda: parts_written(tool) == 4, lambda: process.poll() is None)
    process.kill()
    process.communicate()
    cos.wait_until_left()
    confirmed = sum(1 for key in records(tool.database) if key.startswith("[cosmigrate part]"))
    assert confirmed == 4
    saved = [
        key for key in records(tool.database) if key.startswith("[task_kind: upload_savepoint]")
    ]
    assert len(saved) == 1
    assert f"[key: /big], [localPath: {tool.data}/big], [mtime: " in saved[0]
    assert "[partSize: 5242880], [mutlipartUploadThreshold: 5242880]" in saved[0]
    cos.reset()
    ended = tool.run()
    assert ended.code == 0, ended.out + ended.err
    assert "InitiateMultipartUpload" not in cos.operations()
    assert cos.operations().count("UploadPart") == 10 - confirmed
    assert cos.operations().count("ListParts") == 1
    assert_complete(cos, tool)


@posix
def test_a_changed_big_file_begins_anew_and_its_old_upload_is_aborted(
    cos: HeldCos, tool: Tool
) -> None:
    tool.put("big", os.urandom(30 * MIB))
    tool.common["bigFileExecutorNum"] = "1"
    cos.hold(2, "UploadPart")
    process = tool.start("--quiet")
    wait_until(lambda: parts_written(tool) == 2, lambda: process.poll() is None)
    process.kill()
    process.communicate()
    cos.wait_until_left()
    tool.put("big", os.urandom(20 * MIB))
    foreign = cos.store.begin_upload(BUCKET, "big", {})
    ended = tool.run()
    assert ended.code == 0
    assert cos.operations().count("AbortMultipartUpload") == 1
    assert [upload.upload_id for upload in cos.store.uploads(BUCKET)] == [foreign.upload_id]
    assert_complete(cos, tool)


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_in_good_order(
    cos: HeldCos, tool: Tool, number: signal.Signals, code: int
) -> None:
    fill(tool)
    cos.hold(20)
    tool.common["smallFileExecutorNum"] = "4"
    run = Watched(tool.start("--quiet"))
    wait_until(lambda: cos.held > 0, run.alive)
    run.send_signal(number)
    cos.release()
    ended = run.end()
    assert ended.code == code
    assert "Traceback" not in ended.err
    assert ended.err.count("stopping") == 1
    counts = ended.counts()
    assert counts["fail"] == 0
    assert not ended.list_finished
    # What was in flight is finished, counted and recorded.
    assert counts["new"] == len(cos.keys(BUCKET))
    kept = [key for key in records(tool.database) if "taskType" in key]
    assert counts["new"] == len(kept)
    again = tool.run()
    assert again.counts()["skip"] == counts["new"]
    assert_complete(cos, tool)


@posix
def test_ctrl_c_reaches_the_whole_group(cos: HeldCos, tool: Tool) -> None:
    """A terminal sends SIGINT to every process of the run."""
    fill(tool, big=1)
    cos.hold(20)
    tool.common["smallFileExecutorNum"] = "4"
    tool.write_config()
    process = subprocess.Popen(
        [sys.executable, "-m", "cos_migrate", "--quiet"],
        cwd=tool.folder,
        env=tool.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    run = Watched(process)
    wait_until(lambda: cos.held > 0, run.alive)
    os.killpg(process.pid, signal.SIGINT)
    run.wait_for("stopping: ")
    cos.release()
    ended = run.end()
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert ended.counts()["new"] == len(cos.keys(BUCKET))


@posix
def test_a_second_signal_ends_at_once(cos: HeldCos, tool: Tool) -> None:
    tool.put("a")
    cos.hold()
    run = Watched(tool.start("--quiet"))
    wait_until(lambda: cos.held > 0, run.alive)
    run.send_signal(signal.SIGINT)
    run.process.send_signal(signal.SIGINT)
    # What it waits for has not come.
    assert run.end().code == 130
    assert cos.held == 1


@posix
def test_a_worker_that_is_killed_is_replaced(cos: HeldCos, tool: Tool) -> None:
    fill(tool)
    cos.hold(20)
    tool.common |= {"workerProcessNum": "2", "smallFileExecutorNum": "4"}
    process = tool.start("--quiet")
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("needs /proc")
    os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
    cos.release()
    ended = end(process)
    assert ended.code == 0, ended.err
    assert "a worker process ended by itself" in ended.err
    assert ended.counts()["new"] == 152
    assert_complete(cos, tool)


@posix
def test_workers_do_not_outlive_the_coordinator(cos: HeldCos, tool: Tool) -> None:
    fill(tool)
    cos.hold(5)
    process = tool.start("--quiet")
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("needs /proc")
    workers = [int(text) for text in children.read_text().split()]
    assert workers
    process.kill()
    process.communicate()
    wait_until(lambda: not any(_runs(pid) for pid in workers))


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_lost_answer_to_complete_is_found_out(cos: EmbeddedCos, tool: Tool) -> None:
    content = os.urandom(11 * MIB)
    tool.put("big", content)
    cos.faults.append(Fault("drop", operation="CompleteMultipartUpload"))
    ended = tool.run()
    assert ended.code == 0, ended.out
    assert cos.operations().count("UploadPart") == 3
    assert cos.object_bytes(BUCKET, "big") == content


def test_an_upload_that_somebody_aborted_begins_anew(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("big", os.urandom(20 * MIB))
    tool.common |= {"bigFileExecutorNum": "1", "requestTryCount": "2"}
    cos.faults.append(Fault("status", operation="UploadPart", status=500, times=-1, skip=2))
    first = tool.run()
    assert first.counts()["fail"] == 1
    cos.faults.clear()
    for upload in cos.store.uploads(BUCKET):
        cos.store.abort(upload)
    ended = tool.run()
    assert ended.code == 0, ended.out
    assert_complete(cos, tool)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_there_is_anything_to_finish(tool: Tool, number: signal.Signals) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("this signal is ignored here, and so by the tool, as with nohup")
    waiting = tool.folder / "waiting.ini"  # a configuration that does not come
    os.mkfifo(waiting)
    process = tool.start(str(waiting))
    writers: list[int] = []

    def is_read() -> bool:
        with contextlib.suppress(OSError):
            writers.append(os.open(waiting, os.O_WRONLY | os.O_NONBLOCK))
        return bool(writers)

    wait_until(is_read, lambda: process.poll() is None)
    # One that comes just before a call that waits would be noticed only behind that.

    def has_ended() -> bool:
        process.send_signal(number)
        return process.poll() is not None

    wait_until(has_ended)
    ended = end(process)
    os.close(writers[0])
    assert ended.code == 128 + number
    assert "Traceback" not in ended.err
