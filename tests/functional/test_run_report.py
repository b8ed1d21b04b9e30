"""The report that a run leaves in log/report."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.cloud_tool import noise
from tests.functional.tool import SECRET_KEY, Tool


def reports(tool: Tool, form: str) -> list[str]:
    folder = tool.folder / "log" / "report"
    return sorted(path.name for path in folder.glob(f"*.{form}")) if folder.exists() else []


def test_a_page_and_json_of_a_run_that_sent_or_failed(tool: Tool, cos: EmbeddedCos) -> None:
    for number in range(20):
        tool.put(f"f{number:02}", b"x" * 1000)
    cos.faults.append(Fault("status", key="f1[0-2]$", status=400, code="Odd<b>", times=3))
    ended = tool.run()
    assert ended.code == 1
    [page_name], [json_name] = reports(tool, "html"), reports(tool, "json")
    assert f"report: log/report/{page_name}\n" in tool.log("info.log")
    assert re.fullmatch(r"\d{8}-\d{6}-migrateLocal-.*\.html", page_name)
    assert page_name[:-5] == json_name[:-5]
    folder = tool.folder / "log" / "report"
    data: dict[str, Any] = json.loads((folder / json_name).read_text("utf-8"))
    line = (tool.folder / "db" / "result.jsonl").read_text("utf-8")
    assert data["summary"] == json.loads(line), "both have the very same summary"
    assert sum(each["objects"] for each in data["sizes"]) == 17
    assert sum(each["bytes"] for each in data["sizes"]) == 17_000
    each = data["throughput"]["seconds_each"]
    assert round(sum(data["throughput"]["objects_per_second"]) * each) == 17
    [cause] = data["failures"]
    assert (cause["status"], cause["code"], cause["count"]) == (400, "Odd<b>", 3)
    assert len(cause["samples"]) == 3
    assert all(slow["seconds"] < 600 for slow in data["slowest"])
    assert any("[common] bucketName=" in line for line in data["configuration"])
    page = (folder / page_name).read_text("utf-8")
    assert "400 Odd&lt;b&gt;" in page
    for name in (page_name, json_name):
        if os.name == "posix":
            assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert SECRET_KEY not in (folder / name).read_text("utf-8")

    assert tool.run().code == 0  # sends the three
    assert len(reports(tool, "html")) == 2
    assert tool.run().code == 0  # nothing to do
    assert len(reports(tool, "html")) == len(reports(tool, "json")) == 2


def test_the_throughput_keeps_to_a_limit(tool: Tool) -> None:
    """Parts and objects end together, but their bytes count as they pass."""
    for number in range(2):
        tool.put(f"big{number}", noise(6 << 20, number))
        tool.put(f"small{number}", noise(3 << 20, number))
    limit = 4 << 20
    tool.common |= {"bandwidthLimit": str(limit)}
    assert tool.run().code == 0
    [name] = reports(tool, "json")
    data = json.loads((tool.folder / "log" / "report" / name).read_text("utf-8"))
    rates = data["throughput"]["bytes_per_second"]
    assert max(rates) < 2 * limit, "a part that counted as a whole would be 5 MiB in 0.5 s"
    passed = sum(rates) * data["throughput"]["seconds_each"]
    assert (18 << 20) - 10 < passed < 19 << 20, "processes are granted a little more than they use"


def test_a_continued_upload_counts_what_this_run_has_sent(tool: Tool, cos: EmbeddedCos) -> None:
    tool.put("big", noise(12 << 20))
    tool.common |= {"bigFileExecutorNum": "1"}
    cos.faults.append(Fault("status", "UploadPart", skip=1, times=10, status=400, code="Odd"))
    assert tool.run().code == 1
    before = reports(tool, "json")
    cos.faults.clear()
    assert tool.run().code == 0
    [newest] = set(reports(tool, "json")) - set(before)
    data = json.loads((tool.folder / "log" / "report" / newest).read_text("utf-8"))
    rates, each = data["throughput"]["bytes_per_second"], data["throughput"]["seconds_each"]
    assert round(sum(rates) * each / (7 << 20), 2) == 1, "the first part was sent before"


def test_a_report_that_cannot_be_written_is_a_warning(tool: Tool) -> None:
    tool.put("a")
    (tool.folder / "log").mkdir(exist_ok=True)
    (tool.folder / "log" / "report").write_text("in the way")
    ended = tool.run()
    assert ended.code == 0
    assert "warning: log/report: the report could not be written" in ended.err
