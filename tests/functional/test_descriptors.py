"""Few file descriptors: fewer transfers at once, said once, and nothing fails for want of one."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.cloud_tool import CloudTool, counted, section_at, stored
from tests.functional.raw_server import Request, raw_server
from tests.functional.tool import Ended, Tool

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such limit")

ENTRY = "<Contents><Key>{0}</Key><Size>5</Size><ETag>&quot;{0}&quot;</ETag></Contents>"


def run_with(tool: Tool, soft: int, hard: int) -> Ended:
    """Run the tool in a shell that allows so many descriptors."""
    tool.shell = f"ulimit -Sn {soft}; ulimit -Hn {hard}"
    return tool.run()


def answer(request: Request) -> None:
    """Be an S3 of 600 objects that takes a while for each."""
    path, _, query = request.target.partition("?")
    if "list-type" in query:
        entries = "".join(ENTRY.format(f"k{number:03}") for number in range(600))
        page = (
            f"<ListBucketResult><KeyCount>600</KeyCount><IsTruncated>false</IsTruncated>{entries}"
        )
        request.ok(f"{page}</ListBucketResult>".encode())
        return
    time.sleep(0.03)
    name = path.rpartition("/")[2]
    request.ok(b"hello", f'ETag: "{name}"')


@pytest.mark.parametrize("processes", ["0", "2"])
def test_many_executors_and_few_descriptors(
    tmp_path: Path, cos: EmbeddedCos, processes: str
) -> None:
    with raw_server(answer) as server:
        tool = CloudTool(
            tmp_path / "tool",
            cos.port,
            migrate_type="migrateAws",
            cloud=section_at(server.url),
        )
        tool.common |= {
            "workerProcessNum": processes,
            "smallFileExecutorNum": "200",
            "requestTryCount": "1",
        }
        ended = run_with(tool, 128, 160)
    assert (ended.code, ended.counts()) == (0, counted(new=600)), ended.out[-3000:] + ended.err
    assert len(stored(cos)) == 600
    [warning] = [line for line in ended.err.splitlines() if "ulimit -n" in line]
    assert "160 open files" in warning
    assert "instead of 200 and 8" in warning


def test_the_soft_limit_is_raised(tool: Tool) -> None:
    for number in range(300):
        tool.put(f"{number}")
    tool.common |= {"smallFileExecutorNum": "200", "workerProcessNum": "1"}
    ended = run_with(tool, 64, 2048)
    assert (ended.code, ended.counts()) == (0, counted(new=300)), ended.out[-3000:] + ended.err
    assert "ulimit" not in ended.err
