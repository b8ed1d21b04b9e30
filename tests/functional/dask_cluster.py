"""A Dask scheduler and workers in processes of their own, as others start them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.functional.tool import ROOT
from tests.functional.waiting import wait_until


class DaskCluster:
    """A cluster on this machine; a context manager."""

    def __init__(self, folder: Path, files: Mapping[str, str] | None = None) -> None:
        """`folder`: for its own files. `files`: those of TLS; None: there is none."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "scheduler.json"
        self._words = ["--no-dashboard"]
        self._scheme = "tls" if files else "tcp"
        for name, path in (files or {}).items():
            self._words += [f"--tls-{name}", path]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> DaskCluster:
        words = ["--host", f"{self._scheme}://127.0.0.1", "--port", "0"]
        self._start("scheduler", [*words, "--scheduler-file", str(self._file)])
        wait_until(lambda: self._file.exists() and self._file.read_text().endswith("}"))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    @property
    def address(self) -> str:
        """The address of the scheduler."""
        return str(json.loads(self._file.read_text())["address"])

    def start_worker(self, name: str, environ: Mapping[str, str] | None = None) -> None:
        """Start a worker, and wait until the scheduler knows it."""
        words = ["--scheduler-file", str(self._file), "--no-nanny", "--name", name]
        words += ["--host", f"{self._scheme}://127.0.0.1"]
        words += ["--local-directory", str(self._folder / name)]
        self._start("worker", words, name, environ)
        wait_until(lambda: "Registered to" in self.log(name), lambda: self.lives(name))

    def _start(
        self, kind: str, words: list[str], name: str = "", environ: Mapping[str, str] | None = None
    ) -> None:
        name = name or kind
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "dask", kind, *self._words, *words],
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self, name: str) -> str:
        """Return what the scheduler or a worker has written."""
        return (self._folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def lives(self, name: str) -> bool:
        """Return whether it has not ended."""
        return self._processes[name].poll() is None

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the scheduler or a worker."""
        self._processes[name].send_signal(number)
        if number is signal.SIGKILL:
            self._processes[name].wait()

    def children(self, name: str) -> list[int]:
        """Return the processes that a worker has started."""
        pid = self._processes[name].pid
        found: list[int] = []
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found
