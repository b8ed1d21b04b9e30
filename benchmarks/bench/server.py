"""Builds, starts and asks the sink: the server that every tool uploads to."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.datasets import Dataset
from bench.measure import cpu_seconds
from bench.scenarios import Scenario

SOURCE = Path(__file__).resolve().parent.parent / "sink"
GO_FALLBACK = Path("/usr/local/go/bin/go")
SECRET_ID = "AKIDbenchmark"
SECRET_KEY = "benchmarkSecretKey"  # the sink's own default, no real secret
BUCKET = "benchmark-1250000000"
CLOUD_BUCKET = "cloud"


class ServerError(Exception):
    """The sink cannot be built, or does not answer."""


@dataclass(frozen=True, slots=True)
class Stats:
    """The counters of the sink since its last reset; times are Unix nanoseconds, 0 = none."""

    requests: int
    by_operation: dict[str, int]
    size: int
    objects: int
    signature_failures: int
    max_concurrent: int
    max_concurrent_parts: int
    first_request_ns: int
    last_request_ns: int
    refused: int  # requests that were answered 503
    began_ns: int  # of the counts below
    slot_ns: int  # the time of each
    ended: tuple[int, ...]  # objects and parts that were answered
    opened: tuple[int, ...]  # connections


def find_go() -> str | None:
    """Return the Go command, or None."""
    found = shutil.which("go")
    if found is None and GO_FALLBACK.exists():
        return str(GO_FALLBACK)
    return found


def build(cache: Path) -> Path:
    """Return the compiled sink; Go's own cache makes the second time quick."""
    go = find_go()
    if go is None:
        raise ServerError("Go is needed to build the benchmark server and was not found")
    binary = cache / "sink"
    cache.mkdir(parents=True, exist_ok=True)
    # Another run may be starting the one that is there.
    own = cache / f"sink.{os.getpid()}"
    done = subprocess.run(
        [go, "build", "-o", str(own), "."],
        cwd=SOURCE,
        env={**os.environ, "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": ""},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise ServerError(f"go build failed:\n{done.stderr}")
    own.replace(binary)
    return binary


@dataclass(frozen=True, slots=True)
class Server:
    """A running sink."""

    process: int
    port: int
    ca_file: Path | None  # of the authority that has certified it; None: no TLS

    @property
    def url(self) -> str:
        """Its URL."""
        return f"{'https' if self.ca_file else 'http'}://{self.address}"

    @property
    def address(self) -> str:
        """Host and port as an address."""
        return f"127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Return the CPU seconds that the sink has used so far."""
        return cpu_seconds(self.process)

    def reset(self, *, objects: bool) -> None:
        """Set the counters to zero and, when `objects`, empty the buckets."""
        self._ask("POST", "/__reset" if objects else "/__reset?objects=keep")

    def fill(self, bucket: str, dataset: Dataset, *, etags_are_md5: bool) -> None:
        """Put objects of zeros, as many and as large as a data set's files, into a bucket."""
        for number, group in enumerate(dataset.groups):
            parts = "" if etags_are_md5 else "&parts=1"
            self._ask(
                "POST",
                f"/__fill?bucket={bucket}&prefix=g{number}/&count={group.count}"
                f"&size={group.size}{parts}",
            )

    def set_latency(self, milliseconds: int) -> None:
        """Answer after another latency from now on."""
        self._ask("POST", f"/__latency?ms={milliseconds}")

    def stats(self) -> Stats:
        """Return the counters."""
        stats = json.loads(self._ask("GET", "/__stats"))
        return Stats(
            requests=stats["requests"],
            by_operation=stats["requests_by_op"],
            size=stats["bytes"],
            objects=stats["objects_completed"],
            signature_failures=stats["signature_failures"],
            max_concurrent=stats["max_concurrent"],
            max_concurrent_parts=stats["max_concurrent_parts"],
            first_request_ns=stats["first_request_ns"],
            last_request_ns=stats["last_request_ns"],
            refused=stats["refused"],
            began_ns=stats["began_ns"],
            slot_ns=stats["slot_ns"],
            ended=tuple(stats["ended"] or ()),
            opened=tuple(stats["opened"] or ()),
        )

    def _ask(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        if self.ca_file:
            trusting = ssl.create_default_context(cafile=str(self.ca_file))
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=30, context=trusting
            )
        try:
            connection.request(method, path)
            return connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def running(binary: Path, scenario: Scenario) -> Iterator[Server]:
    """Run a sink with the options of a scenario."""
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem" if scenario.tls else None
        with _started(binary, scenario, ca_file) as server:
            yield server


@contextmanager
def _started(binary: Path, scenario: Scenario, ca_file: Path | None) -> Iterator[Server]:
    process = subprocess.Popen(
        [
            str(binary),
            f"-secret-id={SECRET_ID}",
            f"-secret-key={SECRET_KEY}",
            f"-latency-ms={scenario.latency}",
            f"-connection-mib={scenario.connection_mib}",
            f"-requests={scenario.requests}",
            f"-connections={scenario.connections}",
            f"-tls-ca={ca_file or ''}",
            f"-md5={'true' if scenario.server_md5 else 'false'}",
        ],
        stdout=subprocess.PIPE,
        encoding="ascii",
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        port = line.rpartition(":")[2].strip()
        if not port.isdigit():
            raise ServerError(f"the sink did not start: {line!r}")
        yield Server(process.pid, int(port), ca_file)
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()
