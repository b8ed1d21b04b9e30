"""The status page of a start, asked while the tool works."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.functional.tool import BUCKET, SECRET_KEY, Tool
from tests.functional.waiting import HeldCos, Watched, wait_until

ADDRESS = re.compile(r"status page: http://127\.0\.0\.1:(\d+)/#(\S+)\n")


class StatusClient:
    """Asks the status page of a run."""

    def __init__(self, run: Watched) -> None:
        run.wait_for("token of the status page: ")
        found = ADDRESS.search(run.err)
        assert found
        self.port, self.token = int(found[1]), found[2]

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def status(self) -> Any:
        code, text = self.ask("GET", "/status.json")
        assert code == 200
        return json.loads(text)

    def post(self, path: str) -> int:
        return self.ask("POST", path, Authorization=f"Bearer {self.token}")[0]


def test_the_status_while_a_run_goes_on(cos: HeldCos, tool: Tool) -> None:
    tool.common["statusAddress"] = "127.0.0.1:0"
    for number in range(8):
        tool.put(f"folder/{number}", b"x" * 1000)
    cos.hold(after=3, operation="PutObject")
    run = Watched(tool.start())
    client = StatusClient(run)

    def three_are_sent() -> bool:
        shown = client.status()["run"]
        return bool(shown) and shown["sent"] == 3 and shown["list_finished"]

    wait_until(three_are_sent, run.alive)
    shown = client.status()["run"]
    assert shown["mode"] == "run"
    assert shown["bucket"] == "examplebucket-1250000000"
    assert (shown["known"], shown["bytes_sent"], shown["failed"]) == (8, 3000, 0)
    assert shown["total"] == 8, "the tree is counted, or listed to its end"
    assert shown["outcomes"]["new"] == 3
    assert shown["transfers"]["small"]["under_way"] == 5
    assert shown["transfers"]["small"]["limit"] == 64
    [token_file] = (tool.folder / "tmp").glob("status-*/token")
    assert str(token_file.relative_to(tool.folder)) in run.err
    assert token_file.read_text(encoding="ascii").strip() == client.token
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert token_file.parent.stat().st_mode & 0o777 == 0o700
    cos.release()
    ended = run.end()
    assert ended.counts()["new"] == 8
    assert not token_file.parent.exists()
    assert ended.err.count(client.token) == 1
    assert client.token not in ended.out
    written = [path for path in tool.folder.rglob("*") if path.is_file()]
    assert not [path for path in written if client.token.encode() in path.read_bytes()]


def test_pausing_and_resuming(cos: HeldCos, tool: Tool) -> None:
    tool.common |= {"statusAddress": "127.0.0.1:0", "smallFileExecutorNum": "1"}
    for number in range(20):
        tool.put(f"{number}")
    cos.hold(after=0, operation="PutObject")
    run = Watched(tool.start())
    client = StatusClient(run)
    wait_until(lambda: cos.held == 1, run.alive)
    assert client.ask("POST", "/pause")[0] == 401
    foreign = {"Authorization": f"Bearer {client.token}", "Origin": "http://evil.example"}
    assert client.ask("POST", "/pause", **foreign)[0] == 403
    assert client.status()["paused"] is False
    assert client.post("/pause") == 200

    def is_paused() -> bool:
        shown = client.status()["run"]
        return bool(shown["waiting"] == "paused") and shown["transfers"]["small"]["under_way"] <= 1

    wait_until(is_paused, run.alive)
    cos.release()
    wait_until(lambda: client.status()["run"]["transfers"]["small"]["under_way"] == 0, run.alive)
    sent = len(cos.keys(BUCKET))
    assert 0 < sent < 20
    assert client.status()["run"]["sent"] == sent
    assert client.post("/resume") == 200
    ended = run.end()
    assert ended.counts()["new"] == 20
    assert "notice: paused: no new transfer begins" in ended.err
    assert "notice: resumed" in ended.err


def test_a_paused_run_ends_at_a_signal_and_keeps_its_parts(cos: HeldCos, tool: Tool) -> None:
    tool.common |= {"statusAddress": "127.0.0.1:0", "bigFileExecutorNum": "1"}
    tool.common["bigFileUploadPartSize"] = str(1 << 20)
    tool.put("big", b"x" * (8 << 20))
    cos.hold(after=2, operation="UploadPart")
    run = Watched(tool.start())
    client = StatusClient(run)
    wait_until(lambda: cos.held == 1, run.alive)
    assert client.post("/pause") == 200
    wait_until(lambda: client.status()["run"]["waiting"] == "paused", run.alive)
    cos.release()
    wait_until(lambda: client.status()["run"]["transfers"]["big"]["under_way"] == 0, run.alive)
    [big] = client.status()["run"]["unfinished"]
    assert big == {"key": "/big", "sent": 3 << 20, "size": 8 << 20}
    run.send_signal(signal.SIGINT)
    assert run.end().code == 130
    assert tool.run().counts()["new"] == 1
    assert cos.operations().count("UploadPart") == 8


def test_the_metrics_of_all_rounds(tool: Tool) -> None:
    tool.common |= {"statusAddress": "127.0.0.1:0", "daemonMode": "on", "daemonModeInterVal": "1"}
    tool.common["bigFileUploadPartSize"] = str(5 << 20)
    tool.put("small", b"x" * 1000)
    tool.put("big", b"x" * (8 << 20))
    run = Watched(tool.start())
    client = StatusClient(run)
    wait_until(lambda: len(client.status()["ended_runs"]) > 1, run.alive)
    code, text = client.ask("GET", "/metrics")
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    run.send_signal(signal.SIGINT)
    run.end()
    assert code == 200
    assert float(values['cos_migrate_objects_total{outcome="new"}']) == 2
    assert float(values['cos_migrate_objects_total{outcome="skip"}']) >= 2
    assert float(values["cos_migrate_bytes_sent_total"]) == 1000 + (8 << 20)
    assert float(values["cos_migrate_bytes_read_total"]) == 0
    for operation, count in {
        "PutObject": 1,
        "InitiateMultipartUpload": 1,
        "UploadPart": 2,
        "CompleteMultipartUpload": 1,
    }.items():
        name = f'cos_migrate_requests_total{{operation="{operation}",status="200"}}'
        assert float(values[name]) == count


def test_between_the_rounds_of_daemon_mode(tool: Tool) -> None:
    tool.common |= {
        "statusAddress": "127.0.0.1:0",
        "daemonMode": "on",
        "daemonModeInterVal": "3600",
    }
    tool.put("a")
    run = Watched(tool.start())
    client = StatusClient(run)
    wait_until(lambda: bool(client.status()["ended_runs"]), run.alive)
    shown = client.status()
    assert shown["run"] is None
    [ended] = shown["ended_runs"]
    assert (ended["event"], ended["migrate_new"], ended["exit_code"]) == ("summary", 1, 0)
    assert SECRET_KEY not in json.dumps(shown)
    with socket.create_connection(("127.0.0.1", client.port)):  # a client that sends nothing
        run.send_signal(signal.SIGINT)
        assert run.end().code == 130


def test_a_taken_address_is_a_warning(tool: Tool) -> None:
    tool.put("a")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        tool.common["statusAddress"] = address
        ended = tool.run()
    assert ended.code == 0
    assert f"warning: statusAddress={address}: Address already in use" in ended.err
    assert f"statusAddress={address}" in tool.log("warn.log")


def test_an_address_that_others_reach_is_warned_of(tool: Tool) -> None:
    tool.put("a")
    tool.common["statusAddress"] = "0.0.0.0:0"
    ended = tool.run()
    assert ended.code == 0
    assert "warning: statusAddress=0.0.0.0:0: other machines reach the status page" in ended.err


def test_without_the_key_there_is_none(tool: Tool) -> None:
    tool.put("a")
    assert "status page" not in tool.run().err
    assert not list(Path(tool.folder / "tmp").glob("status-*"))
