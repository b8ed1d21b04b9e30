"""Servers and clients that the tests of the embedded COS start from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from qcloud_cos import CosConfig, CosS3Client

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.cos_wire import BUCKET, SECRET_ID, SECRET_KEY, Got


def serve(folder: Path, **options: Any) -> EmbeddedCos:
    """Return a server that has not started yet."""
    return EmbeddedCos(folder, secret_id=SECRET_ID, secret_key=SECRET_KEY, **options)


def sdk_of(cos: EmbeddedCos, keys: tuple[str, str] = (SECRET_ID, SECRET_KEY)) -> Any:
    """Return the official client; it reaches the server as its proxy."""
    config = CosConfig(
        Region="ap-guangzhou",
        SecretId=keys[0],
        SecretKey=keys[1],
        Scheme="http",
        Proxies={"http": f"http://127.0.0.1:{cos.port}"},
    )
    return CosS3Client(config, retry=0)


def coscmd(
    cos: EmbeddedCos,
    folder: Path,
    *words: str,
    bucket: str = BUCKET,
    keys: tuple[str, str] = (SECRET_ID, SECRET_KEY),
) -> str:
    """Run the official command line tool; it reaches the server as its HTTP proxy."""
    config = folder / "cos.conf"
    config.write_text(
        f"[common]\nsecret_id = {keys[0]}\nsecret_key = {keys[1]}\nbucket = {bucket}\n"
        "region = ap-guangzhou\nmax_thread = 2\npart_size = 5\nretry = 1\ntimeout = 20\n"
        "schema = http\nverify = md5\nanonymous = False\n",
        encoding="utf-8",
    )
    answer = subprocess.run(
        [Path(sys.executable).with_name("coscmd"), "-c", config, "-l", folder / "c.log", *words],
        env={**os.environ, "http_proxy": f"http://127.0.0.1:{cos.port}", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def texts(name: str, got: Got) -> list[str]:
    """Return what the elements of a document hold, as it stands there."""
    return re.findall(f"<{name}>(.*?)</{name}>", got.body.decode())
