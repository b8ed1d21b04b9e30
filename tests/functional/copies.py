"""A bucket of COS whose objects COS copies: a server, its content, and copies in parts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.emulator.signature import Account
from tests.functional.cloud_tool import CloudTool
from tests.functional.sites import SOURCE, SOURCE_ID, SOURCE_KEY
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY
from tests.functional.waiting import HeldCos

IN_PARTS = (
    "from cos_migrate.engine import rules; "
    "rules.DEFAULT_COPIES = rules.CopyOptions(in_parts_from=2 << 20, part_size=1 << 20); "
    "from cos_migrate.cli.main import main; raise SystemExit(main())"
)
"""Starts the tool, for which objects of 2 MiB are too large for one copy."""


def two_buckets(folder: Path) -> HeldCos:
    """Return a COS with the source bucket and the target, which has not started yet."""
    (folder / "cos").mkdir()
    return HeldCos(
        folder / "cos",
        secret_id=SECRET_ID,
        secret_key=SECRET_KEY,
        buckets=[BUCKET, SOURCE],
        more_accounts=[Account(SOURCE_ID, SOURCE_KEY)],
    )


def put(
    cos: EmbeddedCos, key: str, body: bytes, headers: dict[str, str] | None = None, acl: str = ""
) -> None:
    kept = {"content-type": "text/x", "x-cos-meta-who": "me", **(headers or {})}
    cos.store.put(SOURCE, key, cos.store.receive([body]), kept, acl=acl)


def joined(cos: EmbeddedCos, key: str, parts: list[bytes]) -> None:
    """Place an object that was uploaded in parts: its ETag is no MD5."""
    upload = cos.store.begin_upload(SOURCE, key, {"content-type": "text/x"}, "")
    done = [
        cos.store.put_part(upload, number, cos.store.receive([part]))
        for number, part in enumerate(parts, start=1)
    ]
    cos.store.complete(upload, done)


def moved(cos: EmbeddedCos) -> int:
    """Return how many bodies passed through this machine."""
    return sum(cos.operations().count(name) for name in ("GetObject", "PutObject", "UploadPart"))


class changing:  # noqa: N801 - reads like a function
    """Do something once, as soon as an operation has been answered."""

    def __init__(self, cos: EmbeddedCos, operation: str, *actions: object) -> None:
        self._cos = cos
        self._answer = cos.answer
        self._operation = operation
        self._actions = list(actions)

    def __enter__(self) -> None:
        def answer(request: object, connection: int) -> object:
            reply = self._answer(request, connection)  # type: ignore[arg-type]
            if self._cos.requests and self._cos.requests[-1].operation == self._operation:
                while self._actions:
                    self._actions.pop()()  # type: ignore[operator]
            return reply

        self._cos.answer = answer  # type: ignore[method-assign, assignment]

    def __exit__(self, *_: object) -> None:
        self._cos.answer = self._answer  # type: ignore[method-assign]


def start_in_parts(tool: CloudTool) -> subprocess.Popen[str]:
    """Start a run that copies objects from 2 MiB on in parts."""
    tool.code = IN_PARTS
    return tool.start()
