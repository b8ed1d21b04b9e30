"""Helpers of tests whose runs use temporary keys."""

from __future__ import annotations

import collections
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cos_migrate.emulator.signature import Account
from tests.fakes.issued_keys import Accounts, IssuedKeys, Issuer
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, noise
from tests.functional.tool import Ended
from tests.functional.waiting import HeldCos

MIB = 1 << 20


def on_cos(cos: HeldCos) -> Issuer:
    """Return an issuer whose keys COS accepts."""
    issuer = Issuer("COSTEMPORARY")

    def account(keys: IssuedKeys, ended: bool) -> Account:
        return Account(keys.key_id, keys.secret, keys.token, expired=ended)

    cos.accounts = Accounts(cos.accounts, issuer, account)
    return issuer


def assert_sent_once(cos: HeldCos) -> None:
    """Assert that no object and no part was stored twice."""
    sent = collections.Counter(
        (seen.key, seen.params)
        for seen in cos.requests
        if seen.operation in {"PutObject", "UploadPart", "CompleteMultipartUpload"}
        and seen.status == 200
    )
    assert set(sent.values()) == {1}


def fill(tool: CloudTool, server: S3Server | OssServer) -> dict[str, bytes]:
    """Place small objects and two in parts, on many pages; return their content."""
    server.page_size = 7
    tool.common |= {"bigFileUploadPartSize": str(MIB), "listParallel": "2"}
    bodies = {f"{number:03}": noise(100, number) for number in range(100)}
    bodies |= {f"{number:03}-big": noise(9 * MIB + number, number) for number in range(2)}
    for key, body in bodies.items():
        server.put(key, body)
    return bodies


@contextmanager
def watched(process: subprocess.Popen[str]) -> Iterator[set[str]]:
    """Gather the arguments of a run and its processes, and the environment of the latter."""
    found: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.2):
            children = set(_descendants(str(process.pid)))
            for pid in (str(process.pid), *children):
                for name in ("cmdline", "environ") if pid in children else ("cmdline",):
                    found.update(_read(Path("/proc", pid, name)).split("\0"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _descendants(pid: str) -> Iterator[str]:
    for task in Path("/proc", pid, "task").glob("*"):
        for child in _read(task / "children").split():
            yield child
            yield from _descendants(child)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("latin-1")
    except OSError:  # it has ended
        return ""


def assert_hidden(tool: CloudTool, ended: Ended, issuers: Iterable[Issuer], *more: str) -> None:
    """Look for what was issued, and for `more` secrets, in all that a run has written."""
    places = [ended.out, ended.err]
    places += [
        path.read_bytes().decode("latin-1")
        for name in ("log", "db", "tmp", "result")
        for path in (tool.folder / name).rglob("*")
        if path.is_file()
    ]
    for secret in [*more, *(text for issuer in issuers for text in issuer.secrets())]:
        assert not any(secret in text for text in places), secret
