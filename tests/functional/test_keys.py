"""Keys of `[common]` that no other test is about: each does what it says."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.cli import main as cli
from cos_migrate.emulator import EmbeddedCos
from tests.functional.folder_cloud import FolderTool
from tests.functional.tool import BUCKET, Tool, end
from tests.functional.waiting import HeldCos, wait_until

MIB = 1 << 20


@pytest.fixture
def cloud(tmp_path: Path, cos: EmbeddedCos) -> FolderTool:
    return FolderTool(tmp_path / "cloud", cos.port)


def test_the_threshold_decides_what_is_sent_in_parts(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a", b"a" * (6 * MIB))
    tool.common["smallFileThreshold"] = str(6 * MIB + 1)
    assert tool.run().code == 0
    assert cos.operations() == ["PutObject"]
    cos.reset()
    tool.common |= {"smallFileThreshold": str(6 * MIB), "cosPath": "/x/"}
    assert tool.run().code == 0
    assert "PutObject" not in cos.operations()
    assert cos.operations().count("UploadPart") == 2


def test_the_part_size(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a", b"a" * (7 * MIB))
    tool.common["bigFileUploadPartSize"] = str(3 * MIB)
    assert tool.run().code == 0
    sizes = [
        int(seen.headers["content-length"])
        for seen in cos.requests
        if seen.operation == "UploadPart"
    ]
    assert sorted(sizes) == [MIB, 3 * MIB, 3 * MIB]


@pytest.mark.parametrize("number", [1, 3])
def test_parts_at_once(cos: EmbeddedCos, tool: Tool, number: int) -> None:
    tool.put("a", b"a" * (12 * MIB))
    tool.common |= {"bigFileExecutorNum": str(number), "bigFileUploadPartSize": str(MIB)}
    cos.latency = 0.05
    assert tool.run().code == 0
    assert cos.most_at_once == number


@pytest.mark.parametrize("processes", ["0", "2"])
def test_auto_begins_with_64_small_transfers(cos: HeldCos, tool: Tool, processes: str) -> None:
    tool.common |= {"smallFileExecutorNum": "Auto", "workerProcessNum": processes}
    cos.hold(1)
    for number in range(200):
        tool.put(f"{number}")
    process = tool.start()
    wait_until(lambda: cos.held == 64, lambda: process.poll() is None)
    cos.release()
    ended = end(process)
    assert ended.counts()["new"] == 200
    [found] = ended.lines("                 found_by_auto : ")
    assert re.fullmatch(r" *found_by_auto : smallFileExecutorNum \d+", found)


def test_auto_for_parts(cos: HeldCos, tool: Tool) -> None:
    tool.common |= {"bigFileExecutorNum": "auto", "bigFileUploadPartSize": str(MIB)}
    tool.put("a", b"a" * (20 * MIB))
    cos.hold(3)
    process = tool.start()
    wait_until(lambda: cos.held == 8, lambda: process.poll() is None)
    cos.release()
    ended = end(process)
    assert ended.counts()["new"] == 1
    assert re.search(r"found_by_auto : bigFileExecutorNum \d+$", ended.out, re.MULTILINE)


def test_the_java_tools_task_threads_change_nothing(cos: HeldCos, tool: Tool) -> None:
    tool.common |= {"threadNum": "1", "smallFileExecutorNum": "6", "workerProcessNum": "0"}
    cos.hold(10)
    for number in range(60):
        tool.put(f"{number}")
    process = tool.start()
    wait_until(lambda: cos.held == 6, lambda: process.poll() is None)
    cos.release()
    assert end(process).counts()["new"] == 60
    assert cos.most_at_once <= 6


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("number", [0, 1, 3])
def test_worker_processes(cos: HeldCos, tool: Tool, number: int) -> None:
    tool.common["workerProcessNum"] = str(number)
    for each in range(8):
        tool.put(f"{each}")
    cos.hold()
    process = tool.start()
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    wait_until(lambda: len(list(workers_of(process.pid))) == number)
    cos.release()
    assert end(process).code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_auto_begins_with_one_worker_process(cos: HeldCos, tool: Tool) -> None:
    tool.common |= {"workerProcessNum": "3", "smallFileExecutorNum": "auto"}
    for each in range(100):
        tool.put(f"{each}")
    cos.hold(1)
    process = tool.start()
    wait_until(lambda: cos.held == 64, lambda: process.poll() is None)
    sockets = sorted(len(sockets_of(pid)) for pid in workers_of(process.pid))
    assert len(sockets) == 2
    assert sockets[0] < 8  # it waits until it is needed
    assert sockets[1] >= 64
    cos.release()
    assert end(process).counts()["new"] == 100


def sockets_of(pid: int) -> list[str]:
    links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return [link for link in links if link.startswith("socket:")]


def workers_of(parent: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == parent:
            yield int(path.parent.name)


@pytest.mark.parametrize(("megabytes", "most"), [(2, 2), (64, 8)])
def test_object_data_in_memory(cos: HeldCos, tool: Tool, megabytes: int, most: int) -> None:
    tool.common |= {
        "bufferMemory": str(megabytes * MIB),
        "smallFileExecutorNum": "8",
        "workerProcessNum": "0",
    }
    for number in range(17):
        tool.put(f"{number:02}", b"x" * MIB)
    cos.hold(1)
    process = tool.start()
    wait_until(lambda: cos.held > most // 2, lambda: process.poll() is None)
    cos.latency = 0.1
    cos.release()
    assert end(process).counts()["new"] == 17
    assert cos.most_at_once <= most


def test_what_cannot_be_streamed_lies_in_the_tmp_folder(cos: HeldCos, cloud: FolderTool) -> None:
    temporary = cloud.folder / "elsewhere"
    temporary.mkdir()
    cloud.common["tmpFolder"] = str(temporary)
    cloud.add("big", os.urandom(6 * MIB))
    cos.hold()
    process = cloud.start()
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    assert {path.name for path in temporary.glob("spool-migrateFolder-*/*")} - {".lock"}
    cos.release()
    assert end(process).code == 0
    assert list(temporary.iterdir()) == []
    assert "x-cos-meta-md5" in cos.object_head(BUCKET, "big").headers


def test_open_files_of_the_database(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plyvel = pytest.importorskip("plyvel")
    opened: list[int] = []
    real = plyvel.DB

    def database(*words: Any, **options: Any) -> Any:
        opened.append(options["max_open_files"])
        return real(*words, **options)

    monkeypatch.setattr(plyvel, "DB", database)
    monkeypatch.chdir(tool.folder)
    tool.put("a")
    tool.common |= {"rocksMaxOpenFile": "321", "workerProcessNum": "0"}
    tool.write_config()
    assert cli.main([]) == 0
    assert opened == [321]
    assert "migrate_new : 1" in capsys.readouterr().out


def test_keys_that_mean_nothing_to_a_source_are_said_to(tool: Tool, cloud: FolderTool) -> None:
    for each in (tool, cloud):
        each.common |= {"realTimeCompare": "on", "resume": "true"}
    tool.put("a")
    ended = tool.run()
    assert ended.counts()["new"] == 1
    assert "realTimeCompare changes nothing for migrateLocal" in ended.err
    assert "resume changes nothing for migrateLocal" in ended.err
    cloud.add("a")
    assert "changes nothing" not in cloud.run().err
