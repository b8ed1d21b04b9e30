"""Servers and clients that the tests of the embedded COS start from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qcloud_cos import CosConfig, CosS3Client

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.cos_wire import SECRET_ID, SECRET_KEY, Got


def serve(folder: Path, **options: Any) -> EmbeddedCos:
    """Return a server that has not started yet."""
    return EmbeddedCos(folder, secret_id=SECRET_ID, secret_key=SECRET_KEY, **options)


def sdk_of(cos: EmbeddedCos) -> Any:
    """Return the official client; it reaches the server as its proxy."""
    config = CosConfig(
        Region="ap-guangzhou",
        SecretId=SECRET_ID,
        SecretKey=SECRET_KEY,
        Scheme="http",
        Proxies={"http": f"http://127.0.0.1:{cos.port}"},
    )
    return CosS3Client(config, retry=0)


def texts(name: str, got: Got) -> list[str]:
    """Return what the elements of a document hold, as it stands there."""
    return re.findall(f"<{name}>(.*?)</{name}>", got.body.decode())
