"""Records objects that the official Java SDK has encrypted, for machines without it.

python -m tests.data.encrypted.record      from the repository's folder; writes java_sdk.json
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.cos_server import sdk_of, serve
from tests.fakes.cos_wire import SECRET_ID, SECRET_KEY
from tests.fakes.java_sdk import drive

BUCKET = "examplebucket-1250000000"
IV = "fedcba9876543210"
PLAIN = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(7))[:200]
MASTER = hashlib.sha512(b"a master key for tests").digest()


def record() -> list[dict[str, Any]]:
    """Let the SDK encrypt; return what it has stored."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plain").write_bytes(PLAIN)
        (folder / "empty").write_bytes(b"")
        with serve(folder / "cos", min_part_size=16) as cos:
            for key, size, source, part_size, options in (
                ("small", 32, "plain", (), {}),
                ("small, short key", 16, "plain", (), {}),
                ("small, given vector", 24, "plain", (), {"iv": IV}),
                ("empty", 32, "empty", (), {}),
                ("parts", 32, "plain", ("64",), {}),
                ("CBC", 32, "plain", (), {"mode": "AesCbcEncryption"}),
            ):
                (folder / "key").write_bytes(MASTER[:size])
                words = ["parts" if part_size else "put", key, str(folder / source), *part_size]
                drive(cos, (BUCKET, SECRET_ID, SECRET_KEY), folder / "key", *words, **options)
                plain = (folder / source).read_bytes()
                found.append({"name": key, **stored(cos, key, MASTER[:size], plain)})
    return found


def stored(cos: EmbeddedCos, key: str, master: bytes, plain: bytes) -> dict[str, Any]:
    """Return an object as COS would give it, with what it was made from."""
    got = sdk_of(cos).get_object(Bucket=BUCKET, Key=key)
    return {
        "masterKey": text(master),
        "plain": text(plain),
        "stored": text(got["Body"].get_raw_stream().read()),
        "metadata": {k: v for k, v in sorted(got.items()) if k.startswith("x-cos-meta-")},
    }


def text(data: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    path = Path(__file__).with_name("java_sdk.json")
    path.write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")
