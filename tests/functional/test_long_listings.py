"""Proofs of minutes: a million keys, listed by several requests at once, and compared."""

from __future__ import annotations

import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.fakes.canned_listing import PAGE, Bucket, Listed, count_pages, serving
from tests.functional.cloud_tool import CloudTool
from tests.functional.test_compare import lists
from tests.functional.tool import ROOT
from tests.functional.waiting import wait_until
from tests.unit.scan.key_layouts import keys_in

pytestmark = pytest.mark.slow
KEYS = int(os.environ.get("COS_MIGRATE_TEST_KEYS", "1000000"))
"""A smaller number shows that the proofs work, not that it is quick."""
LATENCY = 0.02
LAYOUTS = ("uuids", "dates", "counters", "pictographs", "crowded")
SECTION = {"bucket": "many", "accessKeyId": "AKIAEXAMPLE", "accessKeySecret": "secret"}


def listed_alone(port: int, parallel: int) -> dict[str, float]:
    words = [sys.executable, "-m", "tests.functional.list_alone", str(port), str(parallel)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, float] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_several_requests_at_once(layout: str) -> None:
    few, many = (keys_in(layout, count) for count in (KEYS // 10, KEYS))
    with serving(Bucket(few, latency=LATENCY)) as port:
        small = listed_alone(port, 8)
    with serving(Bucket(many, latency=LATENCY)) as port:
        quick = listed_alone(port, 8)
        pages, fewest = count_pages(port), math.ceil(len(many) / PAGE)
        serial = listed_alone(port, 1)
        assert count_pages(port) == pages + fewest
    gain = serial["seconds"] / quick["seconds"]
    print(
        f"{layout}: {serial['seconds']:.1f} -> {quick['seconds']:.2f} s ({gain:.2f} times), "
        f"{pages / fewest:.3f} of the fewest pages, "
        f"{small['memory']:.0f} -> {quick['memory']:.0f} MiB"
    )
    assert quick["objects"] == serial["objects"] == len(many)
    assert pages <= 1.3 * fewest
    assert quick["memory"] <= 1.1 * small["memory"]
    if KEYS >= 1_000_000:
        assert gain >= 6


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_kill_in_the_middle(tmp_path: Path, layout: str) -> None:
    """Objects that a filter leaves out are settled without a request."""
    keys = keys_in(layout, KEYS)
    random.seed(layout)
    with serving(Bucket(keys, latency=LATENCY)) as port, serving(Bucket([])) as cos:
        tool = CloudTool(tmp_path, cos, migrate_type="migrateAws", cloud=section(port))
        tool.common |= {"minSize": "1T", "resume": "true"}
        log = tool.folder / "log" / "info.log"
        process = tool.start("--quiet")
        wanted = random.uniform(0.2, 0.8) * len(keys) * 100
        wait_until(
            lambda: log.exists() and log.stat().st_size > wanted, lambda: process.poll() is None
        )
        process.send_signal(signal.SIGKILL)
        process.communicate()
        first = settled(log)
        log.unlink()
        began = count_pages(port)
        ended = tool.run("--quiet")
        pages = count_pages(port) - began
        assert (ended.code, ended.list_finished) == (0, True), ended.err
        second = settled(log)
    assert first.keys() | second.keys() == set(keys)
    assert max(first.values()) == max(second.values()) == 1
    twice = len(first.keys() & second.keys())
    print(f"{layout}: {len(first)} before the kill, {len(second)} behind it, {twice} of them again")
    assert twice <= 16 * PAGE  # ranges under way: the eight that are listed, and their cuts
    assert pages <= 1.3 * len(second) / PAGE + 32


def section(port: int) -> dict[str, str]:
    return {**SECTION, "endPoint": f"http://127.0.0.1:{port}"}


def settled(log: Path) -> Counter[str]:
    """Return how often each key was settled, by the log."""
    found = re.findall(r"\[key: /(.*?)\]$", log.read_text(encoding="utf-8"), re.MULTILINE)
    return Counter(found)


KINDS = ("size", "missing", "extra", "etag", "parts", "both")


def planted(keys: list[str], number: int) -> tuple[Bucket, dict[str, list[str]]]:
    """Return what COS has of the keys, and the target paths that differ, by kinds."""
    on_cos, others = dict.fromkeys(keys), {}
    paths: dict[str, list[str]] = {kind: [] for kind in KINDS}
    plain = Bucket(keys)
    for count in range(number):
        key, kind = keys[len(keys) * (2 * count + 1) // (2 * number)], KINDS[count % len(KINDS)]
        size, etag = plain.listed(key)
        if kind == "missing":
            del on_cos[key]
        elif kind == "extra":
            key += "x"
            on_cos[key] = None
        else:
            others[key] = {
                "size": Listed(size + 1, etag),
                "etag": Listed(size, etag[::-1]),
                "parts": Listed(size, f"{etag}-2"),
                "both": Listed(size + 1, etag[::-1]),
            }[kind]
        paths[kind].append(f"/{key}")
    return Bucket(sorted(on_cos), others), paths


def test_compare_finds_what_differs_and_nothing_else(tmp_path: Path) -> None:
    memory = []
    for count in (KEYS // 10, KEYS):
        keys = [f"photos/{n // 10_000:04}/img_{n:09}.jpg" for n in range(count)]
        there, paths = planted(keys, 1_000)
        with serving(Bucket(keys)) as port, serving(there) as cos:
            folder = tmp_path / str(count)
            tool = CloudTool(folder, cos, migrate_type="migrateAws", cloud=section(port))
            began = time.monotonic()
            process = tool.start("--compare", "--quiet", environ={"PYTHONMALLOC": "malloc"})
            out, err = process.communicate()
            seconds = time.monotonic() - began
            pages = count_pages(port), count_pages(cos)
        assert process.returncode == 1, err
        found = lists(tool)
        assert found["missing"] == paths["missing"]
        assert found["extra"] == paths["extra"]
        differ = sorted(line.partition("\t")[0] for line in found["differ"])
        assert differ == sorted(paths["size"] + paths["both"])
        assert sorted(found["unverified"]) == sorted(paths["etag"] + paths["parts"])
        assert len(found["same"]) == count - sum(map(len, paths.values())) + len(paths["extra"])
        assert max(pages) <= count / 500
        memory.append(float(re.findall(r"VmHWM: *(\d+)", out)[0]) if "VmHWM" in out else 0.0)
        print(f"{count}: {count / seconds:.0f} objects/s, {pages} pages")
