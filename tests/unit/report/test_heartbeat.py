from __future__ import annotations

import re

from cos_migrate.report.heartbeat import Heartbeat
from cos_migrate.report.sinks import Progress

LINE = re.compile(r"heartbeat: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, (.*)")


def test_a_line_at_the_start_and_one_a_minute() -> None:
    now = 1000.0
    lines: list[str] = []
    heartbeat = Heartbeat(lines.append, lambda: now)
    heartbeat.show_progress(Progress(0, 0, 0, 0, 0, complete=False))
    later = Progress(1180, 5000, 0, 0, 2, complete=True, sent=120, bytes_passed=360 << 20)
    for _ in range(60):
        now += 1
        heartbeat.show_progress(later)
    found = [match[1] for line in lines if (match := LINE.fullmatch(line))]
    assert found == [
        "0 objects of 0 listed so far, 0 failed; sent 0 objects/s, 0 B/s",
        "1,180 objects of 5,000, 2 failed; sent 2 objects/s, 6.0 MiB/s",
    ]
    now += 60
    heartbeat.show_progress(later)
    assert lines[-1].endswith("sent 0 objects/s, 0 B/s"), "the rate is that of the last minute"
