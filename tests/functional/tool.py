"""Runs the tool as a user does, in a folder of its own, against an embedded COS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cos_migrate.state.opening import open_store

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "examplebucket-1250000000"
SECRET_ID, SECRET_KEY = "AKIDtestsecretid", "testsecretkey0123456789"
NAMES = {
    "new": "migrate_new",
    "update": "migrate_update",
    "fail": "migrate_fail",
    "skip": "migrate_skip",
    "unmatched": "migrate_condition_not_match",
}


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    code: int
    out: str
    err: str

    def counts(self, which: int = -1) -> dict[str, int]:
        """Return the counters of a summary, the last one unless told."""
        block = self.out.split("op statistics:")[1:][which]
        found = {}
        for line in block.splitlines():
            name, _, value = line.strip().partition(" : ")
            found[name] = value
        return {short: int(found[long]) for short, long in NAMES.items()}

    def figure(self, name: str) -> int:
        """Return a figure of the last summary."""
        return int(self.out.rpartition(f" {name} : ")[2].split()[0])

    def tasks(self, start: str) -> list[str]:
        """Return the record keys of the output lines that begin with `start`."""
        return [line.partition("task_info: ")[2] for line in self.lines(start)]

    @property
    def status(self) -> str:
        """Return the status of the last summary."""
        return self.out.rpartition("status:")[2].split()[0]

    @property
    def list_finished(self) -> bool:
        """Return what the last summary says of the list."""
        return self.out.rpartition("list finished:")[2].startswith("true")

    def lines(self, start: str) -> list[str]:
        """Return the output lines that begin with `start`."""
        return [line for line in self.out.splitlines() if line.startswith(start)]


@dataclass
class Tool:
    """The tool's folder, its configuration and the ways to start it."""

    folder: Path
    port: int
    common: dict[str, str] = field(default_factory=dict)
    local: dict[str, str] = field(default_factory=dict)
    module: str = "cos_migrate"
    """What is started."""
    shell: str = ""
    """Commands of a shell that becomes the tool: `ulimit`."""
    code: str = ""
    """Python code instead of `module`: it changes something, then starts the tool."""
    processes: ClassVar[str] = "1"
    """How many workers there are unless a test sets another number, whatever this machine has."""

    def __post_init__(self) -> None:
        for name in ("conf", "db", "log", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.data.mkdir(exist_ok=True)

    @property
    def data(self) -> Path:
        """The folder that is migrated."""
        return self.folder / "data"

    def put(self, name: str, content: bytes | str = b"x", mtime: float | None = None) -> Path:
        """Make a file below `data`."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path

    def common_keys(self) -> dict[str, str]:
        """Return the keys of [common]."""
        return {
            "secretId": SECRET_ID,
            "secretKey": SECRET_KEY,
            "bucketName": BUCKET,
            "region": "ap-guangzhou",
            "endPointSuffix": f"localhost:{self.port}",
            "workerProcessNum": self.processes,
            **self.common,
        }

    def source_section(self) -> tuple[str, dict[str, str]]:
        """Return type and keys of the source."""
        return "migrateLocal", {"localPath": str(self.data), **self.local}

    def write_config(self) -> Path:
        """Write conf/config.ini from the settings."""
        migrate_type, source = self.source_section()
        parts = ["[migrateType]", f"type={migrate_type}", "[common]"]
        parts += [f"{key}={value}" for key, value in self.common_keys().items()]
        parts += [f"[{migrate_type}]", *(f"{key}={value}" for key, value in source.items())]
        path = self.folder / "conf" / "config.ini"
        fresh = path.with_suffix(".new")
        fresh.write_text("\n".join(parts) + "\n", encoding="utf-8")
        fresh.chmod(0o600)  # it holds secrets
        fresh.replace(path)  # at once: a run may read it again
        return path

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return an environment without anything of the developer's."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("COS_", "RUN_MODE"))}
        return {**keep, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **(more or {})}

    def start(self, *words: str, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a run and return at once."""
        self.write_config()
        started = ["-c", self.code] if self.code else ["-m", self.module]
        command = [sys.executable, *started, *words]
        if self.shell:
            command = ["sh", "-c", f'{self.shell}; exec "$@"', "sh", *command]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environ(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def run(
        self,
        *words: str,
        environ: Mapping[str, str] | None = None,
        seconds: float = 240,
    ) -> Ended:
        """Run to the end."""
        return end(self.start(*words, environ=environ), seconds)

    def log(self, name: str) -> str:
        """Return the text of a file below log/."""
        path = self.folder / "log" / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def database(self) -> Path:
        """The one record database of this folder."""
        folders = [p for p in (self.folder / "db").glob("*/*/*") if p.is_dir()]
        found = [path for path in folders if "." not in path.name]  # copies are kept beside it
        assert len(found) == 1
        return found[0]


def end(process: subprocess.Popen[str], seconds: float = 240) -> Ended:
    """Wait for the end of a run."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        out, err = process.communicate()
        raise AssertionError(f"it did not end:\n{out[-2000:]}\n{err[-4000:]}") from None
    return Ended(process.returncode, out, err)


def records(database: Path) -> dict[str, str]:
    """Return everything in a record database."""
    with open_store(database) as state:
        return {key.decode(): value.decode() for key, value in state.scan(b"")}
