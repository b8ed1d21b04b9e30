"""The command line and configuration of each tool, to move one tree to the sink."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.measure import Command
from bench.scenarios import (
    BIG_FROM,
    COSCLI,
    JAVA,
    OBSTORE,
    OURS,
    RCLONE,
    S5CMD,
    Kind,
    Scenario,
    Source,
)
from bench.server import BUCKET, CLOUD_BUCKET, SECRET_ID, SECRET_KEY, Server

REPOSITORY = Path(__file__).resolve().parent.parent.parent
OBSTORE_SCRIPT = Path(__file__).resolve().parent / "obstore_upload.py"
REGION = "ap-guangzhou"
VERSION_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Job:
    """One tree to move in one folder, which is the tool's own and empty before its first run."""

    scenario: Scenario
    data: Path
    server: Server
    folder: Path

    @property
    def at_once(self) -> int:
        """Files at once for tools with one pool: as many connections as ours in sum."""
        dataset = self.scenario.dataset
        big = dataset.count_from(BIG_FROM)
        return min(self.scenario.big, big) if big == dataset.count else self.scenario.small

    @property
    def parts_at_once(self) -> int:
        """Parts of one file at once, so that all big files together use the big connections."""
        big = self.scenario.dataset.count_from(BIG_FROM)
        return max(1, self.scenario.big // big) if big else 1

    @property
    def trust(self) -> Mapping[str, str]:
        """The environment by which tools of Go and Rust trust the server."""
        return {"SSL_CERT_FILE": str(self.server.ca_file)} if self.server.ca_file else {}

    def numbers(self, *words: str) -> tuple[str, ...]:
        """Return words that set numbers of connections; none where tools choose themselves."""
        return () if self.scenario.defaults else words


class Tool(Protocol):
    """A tool that can be measured."""

    @property
    def name(self) -> str:
        """Its name in tables."""

    def version_command(self, folder: Path) -> Command:
        """Return the command that prints its version."""

    def move_command(self, job: Job) -> Command:
        """Return the command that moves the job's tree, after writing the files it needs."""


def environment(folder: Path, **more: str) -> Mapping[str, str]:
    """Return a small environment without proxies and credentials."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(folder), "LANG": "C.UTF-8", **more}


def version_of(tool: Tool, folder: Path) -> str:
    """Return the version that the tool prints: its first number with dots, else all of it."""
    command = tool.version_command(folder)
    done = subprocess.run(
        command.argv,
        cwd=folder,
        env=dict(command.environment),
        capture_output=True,
        timeout=VERSION_SECONDS,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found.group() if found else "unknown"


def _write_config(job: Job, address: Mapping[str, str], at_once: int = 0) -> None:
    """Write conf/config.ini, which ours and the Java tool read alike.

    `at_once`: small objects, and 8 parts, where tools choose themselves; 0: this one does too.
    """
    scenario = job.scenario
    small, big = (str(at_once), "8") if at_once else ("auto", "auto")
    common = {
        "secretId": SECRET_ID,
        "secretKey": SECRET_KEY,
        "bucketName": BUCKET,
        "region": REGION,
        "storageClass": "Standard",
        "cosPath": "/",
        "https": "on" if scenario.tls else "off",
        **({"caFile": str(job.server.ca_file)} if scenario.tls else {}),
        "tmpFolder": "./tmp",
        "smallFileThreshold": str(BIG_FROM),
        "smallFileExecutorNum": small if scenario.defaults else str(scenario.small),
        "bigFileExecutorNum": big if scenario.defaults else str(scenario.big),
        "entireFileMd5Attached": "on" if scenario.md5 else "off",
        "daemonMode": "off",
        "daemonModeInterVal": "60",
        "executeTimeWindow": "00:00,24:00",
        **address,
    }
    section, keys = _source(job)
    lines = ["[migrateType]", f"type={section}", "[common]"]
    lines += [f"{key}={value}" for key, value in common.items()]
    lines += [f"[{section}]", *(f"{key}={value}" for key, value in keys.items()), ""]
    for name in ("conf", "db", "log", "tmp"):
        (job.folder / name).mkdir(exist_ok=True)
    (job.folder / "conf" / "config.ini").write_text("\n".join(lines), encoding="utf-8")


def _source(job: Job) -> tuple[str, Mapping[str, str]]:
    """Return the name and the keys of the source's section."""
    if job.scenario.source is Source.LOCAL:
        return "migrateLocal", {"localPath": str(job.data)}
    section = {Source.S3: "migrateAws", Source.OSS: "migrateAli"}[job.scenario.source]
    return section, {
        "bucket": CLOUD_BUCKET,
        "accessKeyId": SECRET_ID,
        "accessKeySecret": SECRET_KEY,
        "endPoint": job.server.url,
    }


@dataclass(frozen=True, slots=True)
class CosMigrate:
    """Ours, run from the source tree with any interpreter that has its packages."""

    python: str
    name: str = OURS
    checkout: Path = REPOSITORY
    at_once: int = 0  # small objects where tools choose themselves; 0: so does this one

    def _command(self, folder: Path, *words: str) -> Command:
        return Command(
            argv=(self.python, "-m", "cos_migrate", *words),
            folder=folder,
            environment=environment(folder, PYTHONPATH=str(self.checkout)),
        )

    def version_command(self, folder: Path) -> Command:
        """Return the command that prints its version."""
        return self._command(folder, "--version")

    def move_command(self, job: Job) -> Command:
        """Return the command that moves the job's tree."""
        address = {"endPointSuffix": f"localhost:{job.server.port}"}
        _write_config(job, address, self.at_once)
        return self._command(job.folder, "conf/config.ini")


@dataclass(frozen=True, slots=True)
class JavaTool:
    """The Java tool, from a folder with dep/*.jar; it reaches the sink as its proxy."""

    home: Path
    name: str = JAVA

    def version_command(self, folder: Path) -> Command:
        """Return the command that lists the jar, whose name has the version."""
        return Command(("ls", str(self.home / "dep")), folder, environment(folder))

    def move_command(self, job: Job) -> Command:
        """Return the command that moves the job's tree."""
        _write_config(job, {"proxyHost": "127.0.0.1", "proxyPort": str(job.server.port)})
        path = f"{self.home}/src/main/resources:{self.home}/dep/*"
        return Command(
            argv=(
                "java",
                "-Dfile.encoding=UTF-8",
                "-cp",
                path,
                "com.qcloud.cos_migrate_tool.app.App",
            ),
            folder=job.folder,
            environment=environment(job.folder),
        )


@dataclass(frozen=True, slots=True)
class S5cmd:
    """s5cmd over the S3 protocol."""

    binary: str
    name: str = S5CMD

    def version_command(self, folder: Path) -> Command:
        """Return the command that prints its version."""
        return Command((self.binary, "version"), folder, environment(folder))

    def move_command(self, job: Job) -> Command:
        """Return the command that moves the job's tree."""
        verb = "sync" if job.scenario.kind is Kind.RESCAN else "cp"
        return self._command(job, verb, f"{job.data}/*", f"s3://{BUCKET}/")

    def download_command(self, job: Job, to: Path) -> Command:
        """Return the command that puts the source bucket's objects into a folder as files."""
        return self._command(job, "cp", f"s3://{CLOUD_BUCKET}/*", f"{to}/")

    def _command(self, job: Job, verb: str, *names: str) -> Command:
        return Command(
            argv=(
                self.binary,
                "--endpoint-url",
                job.server.url,
                *job.numbers("--numworkers", str(job.at_once)),
                verb,
                *(() if verb == "sync" else job.numbers("--concurrency", str(job.parts_at_once))),
                *names,
            ),
            folder=job.folder,
            environment=environment(
                job.folder,
                AWS_ACCESS_KEY_ID=SECRET_ID,
                AWS_SECRET_ACCESS_KEY=SECRET_KEY,
                AWS_REGION=REGION,
                **job.trust,
            ),
        )


@dataclass(frozen=True, slots=True)
class Rclone:
    """rclone over the S3 protocol, with its checks of the uploaded objects."""

    binary: str
    name: str = RCLONE

    def version_command(self, folder: Path) -> Command:
        """Return the command that prints its version."""
        return Command((self.binary, "version"), folder, environment(folder))

    def move_command(self, job: Job) -> Command:
        """Return the command that moves the job's tree."""
        local = job.scenario.source is Source.LOCAL
        config = job.folder / "rclone.conf"
        config.write_text(
            "[sink]\ntype = s3\nprovider = Other\nforce_path_style = true\n"
            f"endpoint = {job.server.url}\nregion = {REGION}\n"
            f"access_key_id = {SECRET_ID}\nsecret_access_key = {SECRET_KEY}\n"
            f"use_multipart_etag = {'true' if job.scenario.server_md5 else 'false'}\n",
            encoding="utf-8",
        )
        return Command(
            argv=(
                self.binary,
                "copy",
                str(job.data) if local else f"sink:{CLOUD_BUCKET}",
                f"sink:{BUCKET}",
                *(() if local else ("--disable", "copy")),
                "--config",
                str(config),
                *job.numbers("--transfers", str(job.at_once), "--checkers", str(job.at_once)),
                *job.numbers("--s3-upload-concurrency", str(job.parts_at_once)),
                "--s3-no-check-bucket",
                "--verbose",
            ),
            folder=job.folder,
            environment=environment(job.folder, **job.trust),
        )


@dataclass(frozen=True, slots=True)
class Coscli:
    """coscli's sync; it takes the sink for the bucket's own domain."""

    binary: str
    name: str = COSCLI

    def version_command(self, folder: Path) -> Command:
        """Return the command that prints its version."""
        argv = (self.binary, "--version", "--init-skip", "--log-path", f"{folder}/")
        return Command(argv, folder, environment(folder))

    def move_command(self, job: Job) -> Command:
        """Return the command that moves the job's tree."""
        config = job.folder / "cos.yaml"
        scheme = "https" if job.scenario.tls else "http"
        config.write_text(
            "cos:\n  base:\n"
            f"    secretid: {SECRET_ID}\n    secretkey: {SECRET_KEY}\n"
            f'    sessiontoken: ""\n    protocol: {scheme}\n    mode: SecretKey\n'
            '    closeautoswitchhost: "true"\n    disableencryption: "true"\n'
            f"  buckets:\n    - name: {BUCKET}\n      alias: sink\n"
            f"      endpoint: {job.server.address}\n      ofs: false\n",
            encoding="utf-8",
        )
        # Its record of finished files; without one, the default, it asks the server about each.
        rescan = job.scenario.kind is Kind.RESCAN
        snapshot = ("--snapshot-path", str(job.folder / "snapshot")) if rescan else ()
        return Command(
            argv=(
                self.binary,
                "sync",
                str(job.data),
                "cos://sink/",
                "--recursive",
                *job.numbers("--routines", str(job.at_once)),
                *job.numbers("--thread-num", str(job.parts_at_once)),
                "--config-path",
                str(config),
                "--customized",
                "--endpoint",
                job.server.address,
                "--init-skip",
                "--log-path",
                f"{job.folder}/",
                *snapshot,
            ),
            folder=job.folder,
            environment=environment(job.folder, **job.trust),
        )


@dataclass(frozen=True, slots=True)
class Obstore:
    """A script that uploads with the library obstore, over the S3 protocol."""

    python: str
    name: str = OBSTORE

    def version_command(self, folder: Path) -> Command:
        """Return the command that prints its version."""
        script = "import obstore; print(obstore.__version__)"
        return Command((self.python, "-c", script), folder, environment(folder))

    def move_command(self, job: Job) -> Command:
        """Return the command that moves the job's tree."""
        return Command(
            argv=(self.python, str(OBSTORE_SCRIPT), str(job.data), job.server.url, BUCKET),
            folder=job.folder,
            environment=environment(
                job.folder,
                AWS_ACCESS_KEY_ID=SECRET_ID,
                AWS_SECRET_ACCESS_KEY=SECRET_KEY,
                AWS_REGION=REGION,
                **job.trust,
            ),
        )
