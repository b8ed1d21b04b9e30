"""The console of `--json`."""

from __future__ import annotations

import io
import json
import math

from cos_migrate.model import Outcome, Status
from cos_migrate.report.json_console import JsonConsole
from cos_migrate.report.sinks import Batch, Progress, RunStart, Unfinished
from cos_migrate.report.summary import ReportedJob
from tests.events import SCHEMA, events, problem_of

JOB = ReportedJob("job", "migrateLocal", "b-1", "/to/", "localPath=/data")


class Setting:
    def __init__(self, *, quiet: bool = False) -> None:
        self.out = io.BytesIO()
        self.err = io.StringIO()
        self.now = 7.0
        self.console = JsonConsole(
            quiet=quiet, stdout=self.out, stderr=self.err, monotonic=lambda: self.now
        )

    def events(self) -> list[dict[str, object]]:
        found = events(self.out.getvalue().decode())
        self.out.truncate(0)
        self.out.seek(0)
        return found


def test_progress_every_five_seconds() -> None:
    setting = Setting()
    setting.console.begin_run(RunStart("", JOB, 0.0))
    assert [each["event"] for each in setting.events()] == ["start"]
    shown, found = 0, setting.events()
    for tenth in range(1, 201):
        setting.now = 7.0 + tenth / 10
        progress = Progress(tenth, 300, 5, 9, 1, complete=False, waiting="a window")
        setting.console.show_progress(progress._replace(unfinished=[Unfinished("/a", 3, 9)]))
        found = setting.events()
        shown += len(found)
        assert shown == math.floor(setting.now - 7.0) // 5
    assert found == [
        {
            "v": 1,
            "event": "progress",
            "done": 200,
            "known": 300,
            "bytes_done": 5,
            "bytes_known": 9,
            "failed": 1,
            "sent": 0,
            "bytes_sent": 0,
            "bytes_passed": 0,
            "unfinished": [{"cos_path": "/a", "sent": 3, "size": 9}],
            "waiting": "a window",
            "objects_ahead": 0,
            "bytes_ahead": 0,
            "list_finished": False,
        }
    ]


def test_messages_of_the_run() -> None:
    setting = Setting()
    setting.console.announce("Use temporary token\x1b")
    setting.console.warn("careful")
    setting.console.error("the run stops")
    assert [(each["level"], each["message"]) for each in setting.events()] == [
        ("info", "Use temporary token\\x1b"),
        ("warning", "careful"),
        ("error", "the run stops"),
    ]
    assert setting.err.getvalue() == "warning: careful\nerror: the run stops\n"


def test_names_of_any_characters() -> None:
    setting = Setting()
    names = ["/\udcff", "/\U0001f600", "/a\nb\u2028\x9b", "/\ud83d"]
    outcomes = [Outcome(Status.NEW, "a", name, 1, "") for name in names]
    setting.console.add(Batch(outcomes, "", "", [], [], outcomes))
    shown = [each["key"] for each in setting.events()]
    assert shown == ["/\\xff", "/\U0001f600", "/a\nb\u2028\x9b", "/\\ud83d"]


def test_what_the_schema_does_not_describe() -> None:
    good = {"v": 1, "event": "warning", "level": "info", "message": "x"}
    assert not problem_of(good, SCHEMA)
    for change in ({"v": 2}, {"event": "x"}, {"level": "x"}, {"message": 1}, {"more": 1}):
        assert problem_of(good | change, SCHEMA)
    assert problem_of({name: good[name] for name in ("v", "event", "level")}, SCHEMA)
    assert problem_of(json.loads("[]"), SCHEMA)
