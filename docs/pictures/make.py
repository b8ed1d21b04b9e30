"""Makes the pictures of this folder from a real run against the embedded COS, some of it failing.

Run `PYTHONPATH=. tests/.venv/bin/python docs/pictures/make.py [SIZE...]` (Linux, with tmux and
Chromium). It takes a minute for each size; the files of the runs lie in a temporary folder.
"""

from __future__ import annotations

import random
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ansi import svg_of

from cos_migrate.emulator import EmbeddedCos, Fault

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MIB = 1 << 20
SMALL_FILES, BIG_FILES, BIG_SIZE = 6_000, 8, 30 * MIB
FAULTS = (
    Fault("status", "PutObject", "/contracts/", times=-1, status=403, code="AccessDenied"),
    Fault("status", "PutObject", "/mail/2019/", times=-1, status=500, code="InternalError"),
    Fault("wrong-crc", "PutObject", "/scans/", times=-1),
    Fault("reset", "PutObject", "/drafts/", times=-1),
)
FAILING = {"contracts": 120, "mail/2019": 90, "scans": 50, "drafts": 20}
BAD_NAMES = 20
"""Files whose names are not UTF-8."""
SCENES = {"80x24": FAULTS, "200x50": FAULTS, "100x30": ()}
"""The size of each terminal, and the faults of COS there."""


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory(prefix="cos-migrate-", ignore_cleanup_errors=True) as folder:
        files = Path(folder, "files")
        make_files(files)
        for name in sys.argv[1:] or SCENES:
            with Scene(Path(folder, name), files, name, SCENES[name]) as scene:
                scene.watch()
    for picture in HERE.glob("*.*"):
        if picture.suffix in {".svg", ".png"}:
            print(f"{picture.name:32} {picture.stat().st_size / 1000:6.0f} kB")


def make_files(root: Path) -> None:
    """Make the files to migrate."""
    chance = random.Random(16)
    folders = [f"photos/{year}" for year in range(2015, 2026)] + ["music", "plans/old"]
    counts = dict.fromkeys(folders, (SMALL_FILES - sum(FAILING.values())) // len(folders))
    for name, count in (counts | FAILING).items():
        folder = root / name
        folder.mkdir(parents=True)
        for number in range(count):
            size = int(chance.lognormvariate(9.5, 1.2))
            (folder / f"{number:05}.jpg").write_bytes(chance.randbytes(size))
    (root / "films").mkdir()
    for number in range(BIG_FILES):
        (root / "films" / f"tape {number + 1}.mov").write_bytes(chance.randbytes(BIG_SIZE))
    (root / "letters").mkdir()
    for number in range(BAD_NAMES):
        Path(f"{root}/letters/M\udcfcller {number}.doc").write_bytes(b"letter")


class Shot(NamedTuple):
    """A screenshot of a page."""

    name: str
    width: int
    height: int
    dark: bool


SHOTS = (
    Shot("wide", 920, 1300, dark=False),
    Shot("wide-dark", 920, 1300, dark=True),
    Shot("narrow", 390, 1500, dark=False),
    Shot("narrow-dark", 390, 1500, dark=True),
)


class Scene:
    """The tool in a terminal of tmux, and the embedded COS that it sends to."""

    def __init__(self, folder: Path, files: Path, size: str, faults: Sequence[Fault]) -> None:
        self._name = size
        columns, rows = map(int, size.split("x"))
        self._size = columns, rows
        self._tool = folder / "tool"
        for name in ("conf", "db", "log", "tmp"):
            (self._tool / name).mkdir(parents=True)
        self._cos = EmbeddedCos(
            folder / "cos",
            secret_id="AKIDpictures",
            secret_key="secret",
            latency=0.06,
            faults=faults,
            record=False,
        )
        self._tmux = ("tmux", "-L", f"pictures-{columns}", "-f", "/dev/null")
        (self._tool / "conf" / "config.ini").write_text(
            "[migrateType]\ntype=migrateLocal\n"
            "[common]\nsecretId=AKIDpictures\nsecretKey=secret\n"
            "bucketName=archive-1250000000\nregion=ap-guangzhou\ncosPath=/backup/\n"
            f"endPointSuffix=localhost:{self._cos.port}\n"
            "bandwidthLimit=10M\nrequestTryCount=3\nstatusAddress=127.0.0.1:0\n"
            f"exclude={'' if faults else 'letters/'}\n"
            f"[migrateLocal]\nlocalPath={files}\n"
        )
        (self._tool / "start_migrate.sh").write_text(
            f"PYTHONPATH={shlex.quote(str(ROOT))} COS_MIGRATE_HOME=$PWD "
            f'exec {shlex.quote(sys.executable)} -m cos_migrate "$@"\n'
        )

    def __enter__(self) -> Scene:
        self._cos.start()
        columns, rows = map(str, self._size)
        shell = f"cd {shlex.quote(str(self._tool))} && exec env -u NO_COLOR PS1='$ ' sh"
        self._run_tmux("new-session", "-d", "-x", columns, "-y", rows, shell)
        return self

    def __exit__(self, *_: object) -> None:
        self._run_tmux("kill-server")
        self._cos.stop()

    def watch(self) -> None:
        """Run the tool, and make its pictures at the start, in the middle and at the end."""
        name = self._name
        self._run_tmux("send-keys", "clear; sh start_migrate.sh", "Enter")
        self._wait_for("objects done")
        time.sleep(1)
        self._picture(f"terminal-{name}-start")
        self._wait_for(r"\n *[4-7]\d %")
        self._picture(f"terminal-{name}-middle")
        if name == "200x50":
            history = self._run_tmux("capture-pane", "-p", "-S", "-5000")
            address = history.partition("status page: ")[2]
            take(address.split()[0], "status", SHOTS)
        self._wait_for("list finished")
        time.sleep(1)
        self._picture(f"terminal-{name}-end")
        if name == "200x50":
            report = next((self._tool / "log" / "report").glob("*.html"))
            take(report.as_uri(), "report", SHOTS)

    def _wait_for(self, pattern: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not re.search(pattern, self._screen(plain=True)):
            if time.monotonic() > end:
                raise SystemExit(f"no {pattern!r} on the screen:\n{self._screen(plain=True)}")
            time.sleep(0.1)

    def _picture(self, name: str) -> None:
        picture = svg_of(self._screen(), *self._size, f"cos-migrate in a terminal: {name}")
        (HERE / f"{name}.svg").write_text(picture, encoding="utf-8")

    def _screen(self, *, plain: bool = False) -> str:
        return self._run_tmux("capture-pane", "-p", *(() if plain else ("-e",)))

    def _run_tmux(self, *words: str) -> str:
        ended = subprocess.run(
            [*self._tmux, *words], check=False, capture_output=True, encoding="utf-8"
        )
        return ended.stdout


def take(address: str, name: str, shots: Sequence[Shot]) -> None:
    """Take screenshots of a page with Chromium."""
    for shot in shots:
        with tempfile.TemporaryDirectory(prefix="chromium-") as profile:
            subprocess.run(
                [
                    "chromium",
                    "--headless",
                    "--no-sandbox",
                    "--hide-scrollbars",
                    "--disable-lcd-text",
                    "--virtual-time-budget=3000",
                    f"--user-data-dir={profile}",
                    f"--window-size={shot.width},{shot.height}",
                    *(["--force-dark-mode"] if shot.dark else []),
                    f"--screenshot={HERE / f'{name}-{shot.name}.png'}",
                    address,
                ],
                check=True,
                capture_output=True,
                timeout=60,
            )


if __name__ == "__main__":
    main()
