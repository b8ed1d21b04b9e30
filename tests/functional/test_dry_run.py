"""`--dry-run`: what the scenario of all sources does not have."""

from __future__ import annotations

import sys

import pytest

from tests.events import events, named
from tests.functional.cloud_tool import counted
from tests.functional.tool import Tool, end
from tests.functional.waiting import HeldCos, wait_until


def test_as_json_and_for_a_class_that_bills_small_objects_as_larger(
    tool: Tool, cos: HeldCos
) -> None:
    tool.put("a", b"12345")
    tool.common |= {
        "storageClass": "Archive",
        "daemonMode": "on",
        "executeTimeWindow": "00:00,00:00",
    }
    found = events(tool.run("--dry-run", "--json").out)
    (foreseen,) = named(found, "dry_run")
    assert foreseen == {"v": 1, "event": "dry_run", "outcome": "new", "key": "/a", "size": 5}
    (summary,) = named(found, "summary", mode="dry_run")
    assert (summary["bytes"], summary["bytes_to_send"], summary["requests_to_cos"]) == (0, 5, 1)
    assert summary["bytes_billed_besides"] == (64 << 10) - 5
    assert summary["requests"] == {"PutObject": 1}
    assert not cos.requests


def test_a_database_in_use(tool: Tool, cos: HeldCos) -> None:
    tool.put("a")
    cos.hold()
    first = tool.start()
    wait_until(lambda: cos.held > 0, lambda: first.poll() is None)
    ended = tool.run("--dry-run")
    assert ended.code == 3
    assert "init db error" in ended.err
    cos.release()
    assert end(first).code == 0
    assert tool.run("--dry-run").counts() == counted(skip=1)


@pytest.mark.skipif(sys.platform == "win32", reason="names there are not bytes")
def test_what_fails_before_it_is_sent(tool: Tool) -> None:
    tool.put("x" * 200 + "/" + "y" * 200 + "/" + "z" * 200 + "/" + "w" * 250)
    ended = tool.run("--dry-run")
    assert (ended.code, ended.counts()) == (1, counted(fail=1))
    assert not [*(tool.folder / "log").glob("failed-*")]
