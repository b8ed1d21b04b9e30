"""A walk of a disk on which each look at a file takes milliseconds, made by a shim around libc."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = 1_000
WALK = """
import json, sys, threading
from cos_migrate.model import Target
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.source import LocalSource
source = LocalSource(LocalConfig(local_path=sys.argv[1]), Target("b-1250000000", "r", "/"))
found = [list(item)[:2] for item in source.scan_rows()]
print(json.dumps([found, sum(each.name.startswith("look") for each in threading.enumerate())]))
"""


def walk(folder: Path, shim: Path | None = None) -> tuple[list[list[str]], int]:
    """Return names and keys in the order of the walk, and how many threads have looked ahead."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    if shim:
        environ["LD_PRELOAD"] = str(shim)
    words = [sys.executable, "-c", WALK, str(folder)]
    ended = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found, threads = json.loads(ended.stdout)
    return found, threads


@pytest.mark.skipif(not (sys.platform == "linux" and shutil.which("cc")), reason="a compiler")
def test_threads_look_ahead_on_a_slow_disk_alone(tmp_path: Path) -> None:
    shim = tmp_path / "slow.so"
    source = ROOT / "tests" / "fakes" / "slow_disk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    folder = tmp_path / "files"
    (folder / "deeper").mkdir(parents=True)
    for number in range(FILES):
        (folder / f"{number:04}").write_bytes(b"")
    (folder / "deeper" / "é").write_bytes(b"")
    (folder / "broken").symlink_to("nowhere")
    quick, no_threads = walk(folder)
    slow, threads = walk(folder, shim)
    assert slow == quick
    assert len(quick) == FILES + 2
    assert no_threads == 0
    assert threads > 1
