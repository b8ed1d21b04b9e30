"""Proofs of minutes: a million keys, listed by several requests at once, and compared."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
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
from urllib.parse import quote

import pytest

from cos_migrate.model import Fingerprint, SourceObject, Target
from cos_migrate.sources.s3.aws import AwsConfig, AwsSource
from cos_migrate.state.opening import open_store
from tests.fakes.canned_listing import PAGE, Bucket, Listed, count_pages, serving
from tests.functional.cloud_tool import CloudTool
from tests.functional.test_compare import lists
from tests.functional.tool import BUCKET, ROOT, Ended
from tests.functional.waiting import wait_until
from tests.unit.scan.key_layouts import keys_in

pytestmark = pytest.mark.slow
KEYS = int(os.environ.get("COS_MIGRATE_TEST_KEYS", "1000000"))
"""A smaller number shows that the proofs work, not that it is quick."""
LATENCY = 0.02
LAYOUTS = ("uuids", "dates", "counters", "pictographs", "crowded")
TARGET = Target(BUCKET, "ap-guangzhou", "/")
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
    # Pages that are under way: how many depends on the moment.
    assert quick["memory"] <= 1.1 * small["memory"] + 8
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
            ended, peak = watched(tool, "--compare")
            seconds = time.monotonic() - began
            pages = count_pages(port), count_pages(cos)
        print(f"{count}: {count / seconds:.0f} objects/s, {pages} pages, {peak:.1f} MiB")
        assert ended.code == 1, ended.err
        found = lists(tool)
        assert found["missing"] == paths["missing"]
        assert found["extra"] == paths["extra"]
        differ = sorted(line.partition("\t")[0] for line in found["differ"])
        assert differ == sorted(paths["size"] + paths["both"])
        assert sorted(found["unverified"]) == sorted(paths["etag"] + paths["parts"])
        assert len(found["same"]) == count - sum(map(len, paths.values())) + len(paths["extra"])
        assert max(pages) <= count / 500
        memory.append(peak)
    assert memory[1] <= 1.1 * memory[0]


def watched(tool: CloudTool, *words: str) -> tuple[Ended, float]:
    """Return the end of a quiet run, and the most private memory of its coordinator in MiB."""
    process, peak = tool.start("--quiet", *words), 0.0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        with contextlib.suppress(OSError):
            # Without the tables of records, which LevelDB maps and the system takes back.
            found = re.search(r"RssAnon:\s+(\d+)", status.read_text(encoding="utf-8"))
            peak = max(peak, int(found[1]) / 1024) if found else peak
        time.sleep(0.02)
    out, err = process.communicate()
    return Ended(process.returncode, out, err), peak


def write_inventory(folder: Path, bucket: Bucket, files: int) -> Path:
    """Write an inventory in CSV files; return its manifest."""
    named = []
    for number in range(files):
        text = "".join(
            f'"many","{quote(key)}","{size}","2026-01-02T03:04:05.000Z","{etag}"\n'
            for key in bucket.keys[number::files]
            for size, etag in (bucket.listed(key),)
        )
        data = gzip.compress(text.encode(), 1)
        name = f"{number}.csv.gz"
        (folder / name).write_bytes(data)
        named.append({"key": f"x/{name}", "MD5checksum": hashlib.md5(data).hexdigest()})
    schema = "Bucket, Key, Size, LastModifiedDate, ETag"
    manifest = {"sourceBucket": "many", "fileFormat": "CSV", "fileSchema": schema, "files": named}
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path


def test_an_inventory_is_the_list(tmp_path: Path) -> None:
    """Instead of a first run that sends a million objects, their records are written here."""
    bucket = Bucket([f"photos/{n // 10_000:04}/img_{n:09}.jpg" for n in range(KEYS)])
    manifest = write_inventory(tmp_path, bucket, 10)
    with serving(Bucket([])) as port, serving(Bucket([])) as cos:
        tool = CloudTool(
            tmp_path / "tool",
            cos,
            migrate_type="migrateAws",
            cloud={**section(port), "inventory": str(manifest)},
        )
        tool.common["logSkipped"] = "off"
        ended, first = watched(tool, "-Dcommon.minSize=1T")
        assert (ended.code, ended.counts()["unmatched"]) == (0, KEYS), ended.err
        source = AwsSource(AwsConfig(bucket="many", end_point=tool.cloud["endPoint"]), TARGET)
        with open_store(tool.database) as state:
            for at in range(0, KEYS, PAGE):
                pairs = []
                for key in bucket.keys[at : at + PAGE]:
                    size, etag = bucket.listed(key)
                    obj = SourceObject(key, key, Fingerprint(size, -1, etag))
                    record = source.record_key(obj, f"/{key}"), source.record_value(obj)
                    pairs.append((record[0].encode(), record[1].encode()))
                state.write(pairs)
        began = time.monotonic()
        ended, second = watched(tool)
        seconds = time.monotonic() - began
        assert (ended.code, ended.counts()["skip"]) == (0, KEYS), ended.out + ended.err
        assert count_pages(port) == count_pages(cos) == 0
    print(f"{KEYS} rows: {first:.0f} and {second:.0f} MiB, {KEYS / seconds:.0f} rows/s")
    assert max(first, second) < 200
