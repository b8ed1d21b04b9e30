"""Scripts that were written around the Java tool go on working around ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import BUCKET, ROOT, Tool

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
# What people write: started from elsewhere, words for the virtual machine, output searched.
WRAPPER = r"""
cd /
sh "$1/start_migrate.sh" -server -Xms1g -Xmx4g -XX:+UseG1GC -Dfile.encoding=UTF-8 \
    -Dcommon.cosPath=/wrapped/ "$2" > "$1/out.txt" 2> "$1/err.txt"
grep -q 'list finished:true, status:ALL_OK' "$1/out.txt" || exit 1
new=$(sed -n 's/^ *migrate_new : //p' "$1/out.txt")
update=$(sed -n 's/^ *migrate_update : //p' "$1/out.txt")
failed=$(grep 'migrate_fail' "$1/out.txt" | awk '{print $3}')
skipped=$(tail -n 5 "$1/db/result.out" | awk -F' : ' '/migrate_skip/ {print $2}')
ok=$(grep -c '^\[ok\] \[requestid: ' "$1/out.txt")
skip=$(grep -c '^\[skip\] task_info: ' "$1/out.txt")
paths=$(sed -n 's/^\[ok\].*\[cosPath: \(.*\)\]$/\1/p' "$1/out.txt" | sort | tr '\n' ' ')
logged=$(grep -c '\[ok\] \[requestid: ' "$1/log/info.log")
echo "new=$new update=$update failed=$failed skipped=$skipped ok=$ok skip=$skip logged=$logged"
echo "$paths"
"""


def installed(tool: Tool) -> None:
    """Make of a tool's folder one that has the start script and a Python environment."""
    for name in ("start_migrate.sh", "conf/requirements.lock"):
        shutil.copyfile(ROOT / name, tool.folder / name)
    (tool.folder / "cos_migrate").symlink_to(ROOT / "cos_migrate")
    python = tool.folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' \"$@\"\n", encoding="utf-8")
    python.chmod(0o755)
    shutil.copyfile(ROOT / "conf/requirements.lock", tool.folder / ".venv" / ".complete")


def wrapped(tool: Tool, config: Path | str) -> list[str]:
    done = subprocess.run(
        ["sh", "-c", WRAPPER, "wrapper", str(tool.folder), str(config)],
        env=tool.environ(),
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, (tool.folder / "err.txt").read_text(encoding="utf-8")
    return done.stdout.splitlines()


def test_a_script_that_searches_the_output(tool: Tool, cos: EmbeddedCos, tmp_path: Path) -> None:
    installed(tool)
    for name in ("a.txt", "sub/b.txt", "sub/ünï.txt"):
        tool.put(name, name)
    elsewhere = tmp_path / "job.ini"
    tool.write_config().rename(elsewhere)
    counts, paths = wrapped(tool, elsewhere)
    assert counts == "new=3 update=0 failed=0 skipped=0 ok=3 skip=0 logged=3"
    assert paths.split() == ["/wrapped/a.txt", "/wrapped/sub/b.txt", "/wrapped/sub/ünï.txt"]
    assert len(cos.keys(BUCKET)) == 3
    warning = (tool.folder / "err.txt").read_text(encoding="utf-8")
    assert warning.count("\n") == 1
    words = "-server, -Xms1g, -Xmx4g, -XX:+UseG1GC, -Dfile.encoding"
    assert f"ignored, meant for the Java virtual machine: {words}\n" in warning
    tool.put("a.txt", "changed")
    counts, _ = wrapped(tool, elsewhere)
    assert counts == "new=0 update=1 failed=0 skipped=2 ok=1 skip=2 logged=4"


def test_a_config_path_is_relative_to_the_tool_s_folder(tool: Tool, cos: EmbeddedCos) -> None:
    installed(tool)
    tool.put("a.txt")
    tool.write_config()
    counts, _ = wrapped(tool, "conf/config.ini")
    assert counts.startswith("new=1 ")
    assert cos.keys(BUCKET) == ["wrapped/a.txt"]
