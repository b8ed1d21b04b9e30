"""The benchmark command works at tiny sizes: every scenario of ours, no thresholds on time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HAS_GO = shutil.which("go") is not None or Path("/usr/local/go/bin/go").exists()


@pytest.mark.skipif(not HAS_GO, reason="Go, which builds the benchmark server, is not installed")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="benchmarks measure through /proc")
@pytest.mark.timeout(600)  # a first build of the server compiles Go's standard library
def test_a_quick_run_measures_every_scenario_and_finds_everything_arrived(tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "benchmarks" / "run.py"), "--quick"]
    command += ["--tool", "cos-migrate", "--output", str(tmp_path / "results")]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    results = json.loads((tmp_path / "results" / "results.json").read_text(encoding="utf-8"))
    assert {"small-0ms", "big-4-md5", "single", "mixed-20ms", "rescan-50k"} <= set(results)
    for name, section in results.items():
        assert [row["tool"] for row in section["rows"]] == ["cos-migrate"], name
        assert section["rows"][0]["failures"] == [], name
    assert results["rescan-50k"]["rows"][0]["requests"] == 0
    assert (tmp_path / "results" / "results.svg").read_text(encoding="utf-8").startswith("<svg")
