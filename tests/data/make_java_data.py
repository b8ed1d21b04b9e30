"""Makes what the tests keep of the Java tool, by running it. Run by hand, on Linux:

    COS_MIGRATE_JAVA_TOOL=<folder> python tests/data/make_java_data.py [database] [cases]

<folder> has the tool's jar (1.4.18, built from its public sources with `mvn package
assembly:single`) in `dep/` and its `src/main/resources`. What comes of it:

java_db/db/       a record database: one run over a few dozen files, and one that was killed
                  (kill -9) in the midst of a multipart upload
java_db/uploads/  what COS knows of that upload
java_differential.json.gz
                  what the tool prints, records and stores in every case of
                  tests/functional/test_java_differential.py
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from cos_migrate.emulator import EmbeddedCos, Fault  # noqa: E402
from tests.functional import java_tool  # noqa: E402
from tests.functional.tool import SECRET_ID, SECRET_KEY, Tool  # noqa: E402


def make_database(work: Path) -> None:
    """Make java_db/."""
    target = HERE / "java_db"
    shutil.rmtree(target, ignore_errors=True)
    cos_folder = work / "cos"
    cos_folder.mkdir()
    with EmbeddedCos(cos_folder, secret_id=SECRET_ID, secret_key=SECRET_KEY) as cos:
        tool = Tool(work / "tool", cos.port)
        java_tool.configure(tool, java_tool.SMALL, cos)
        java_tool.plant_small(tool.data, second=False)
        assert java_tool.run_java(tool).status == "ALL_OK"
        java_tool.plant_small(tool.data, second=True)
        cos.faults.append(Fault("hang", operation="UploadPart", skip=1, times=-1, seconds=60))
        _run_and_kill(tool)
        shutil.copytree(tool.folder / "db" / "migrate_from_local", target / "db/migrate_from_local")
        (target / "uploads").mkdir()
        (upload,) = (path.parent for path in cos_folder.rglob("upload.json"))
        shutil.copyfile(upload / "upload.json", target / "uploads" / f"{upload.name}.json")


def _run_and_kill(tool: Tool) -> None:
    """Run the Java tool until all small files have arrived and the big one's id is kept."""
    with subprocess.Popen(
        java_tool.java_command(),
        cwd=tool.folder,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
    ) as process:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            log = tool.log("info.log")
            if "save point success" in log and log.count("[ok]") == 33 + 5:
                break
            time.sleep(0.1)
        else:
            raise AssertionError(tool.log("info.log")[-2000:])
        process.kill()


def record_cases(work: Path) -> None:
    """Make java_differential.json.gz."""
    found = {}
    for case in java_tool.CASES:
        folder = work / case.name
        (folder / "cos").mkdir(parents=True)
        with EmbeddedCos(folder / "cos", secret_id=SECRET_ID, secret_key=SECRET_KEY) as cos:
            tool = Tool(folder / "tool", cos.port)
            played = java_tool.play(case, tool, cos, java_tool.run_java, java_tool.java_records)
        found[case.name] = asdict(played)
    text = json.dumps(found, sort_keys=True, ensure_ascii=False).encode()
    (HERE / "java_differential.json.gz").write_bytes(gzip.compress(text, mtime=0))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        wanted = sys.argv[1:]
        if not wanted or "database" in wanted:
            make_database(Path(temporary))
        if not wanted or "cases" in wanted:
            record_cases(Path(temporary))
