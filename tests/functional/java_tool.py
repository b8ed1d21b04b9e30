"""The Java tool beside ours: the same tree and the same config.ini for both.

The folder that is migrated is called `/proc/self/cwd/data`, which is `data` in the folder a tool
runs in, whichever that is: so records and lines of two runs in two folders are the same text,
and what the Java tool has written once can be compared on any machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import rocksdict

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.java_cases import (
    DATA,
    LISTED,
    ODD_NAMES,
    OLD,
    THRESHOLD,
    VARIABLE,
    YOUNG,
    Case,
    Played,
)
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Ended, Tool


def plant(data: Path) -> int:
    """Make the tree below `data`, always the same one; return how many files it has."""
    count = 0

    def put(name: str, content: bytes, mtime_ns: int | None = None) -> None:
        nonlocal count
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        at = mtime_ns if mtime_ns is not None else OLD + count * 1_237_123_456
        os.utime(path, ns=(at, at))
        count += 1

    for number in range(440):
        name = f"nested/{number % 7}/{number % 5}/{number % 3}/{number:03d}.txt"
        put(name, content_of(name, number * 7 % 3001))
    for name in ODD_NAMES:
        put(f"odd/{name}", content_of(name, len(name)))
    for number in range(12):
        put(f"empty/{number}", b"")
    for number in range(8):
        put(f"suffixes/{number}.tmp", b"t" * number)
        put(f"suffixes/{number}.bak", b"b" * number)
        put(f"suffixes/{number}.jpg", b"j" * number)
    for number in range(6):
        put(f"left out/{number}/{number}.txt", b"never sent")
    put("left out alone.txt", b"never sent")
    for number in range(6):
        put(f"young/{number}.log", b"young", YOUNG + number * 1_000_000_000)
    put("big/just below", content_of("below", THRESHOLD - 1))
    put("big/at the threshold", content_of("at", THRESHOLD))
    put("big/three parts +%.bin", content_of("three", 2 * THRESHOLD + 12_345))
    (data / "links").mkdir()
    (data / "links" / "to a file").symlink_to("../nested/0/0/0/000.txt")
    (data / "links" / "to a folder").symlink_to("../suffixes")
    (data / "links" / "broken").symlink_to("nowhere")
    for folder, _, _ in os.walk(data):
        os.utime(folder, ns=(OLD, OLD))
    return count


def content_of(name: str, size: int) -> bytes:
    """Return bytes that differ from file to file, and are always the same for one."""
    seed = hashlib.sha256(name.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def change(data: Path) -> None:
    """Change what a second run is to find: new contents, new times, new and missing files."""
    for number in range(0, 440, 40):
        path = data / f"nested/{number % 7}/{number % 5}/{number % 3}/{number:03d}.txt"
        path.write_bytes(content_of("changed", number + 1))
        os.utime(path, ns=(OLD + number, OLD + number))
    touched = data / "nested/1/1/1/001.txt"
    os.utime(touched, ns=(OLD - 10**9, OLD - 10**9))
    (data / "nested/2/2/2/002.txt").unlink()
    added = data / "nested/added.txt"
    added.write_bytes(b"added")
    os.utime(added, ns=(OLD, OLD))


def configure(tool: Tool, case: Case, port: int) -> None:
    """Give a tool the one config.ini that both read; COS is reached as proxy at `port`."""
    tool.common = {**_common(port), **case.common}
    tool.local = {"localPath": DATA, **case.local}
    tool.write_config()


def write_config(
    folder: Path, migrate_type: str, common: Mapping[str, str], section: Mapping[str, str]
) -> Path:
    """Write a config.ini for any source, which both tools read; return where it is."""
    lines = [
        "[migrateType]",
        f"type={migrate_type}",
        "deprecatedType=on",
        "[common]",
        f"secretId={SECRET_ID}",
        f"secretKey={SECRET_KEY}",
        f"bucketName={BUCKET}",
        "region=ap-guangzhou",
        *(f"{key}={value}" for key, value in {**_common(1), **common}.items() if value),
        f"[{migrate_type}]",
        *(f"{key}={value}" for key, value in section.items()),
    ]
    path = folder / "config.ini"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _common(port: int) -> dict[str, str]:
    return {
        "endPointSuffix": "",
        "storageClass": "Standard",
        "cosPath": "/to here",
        "https": "off",
        "tmpFolder": "./tmp",
        "smallFileThreshold": str(THRESHOLD),
        "smallFileExecutorNum": "32",
        "bigFileExecutorNum": "4",
        "entireFileMd5Attached": "on",
        "daemonMode": "off",
        "daemonModeInterVal": "60",
        "executeTimeWindow": "00:00,24:00",
        "proxyHost": "127.0.0.1",
        "proxyPort": str(port),
    }


def java_command(*words: str) -> list[str]:
    """Return the command that runs the Java tool in the current folder."""
    home = Path(os.environ[VARIABLE])
    return [
        "java",
        "-Dfile.encoding=UTF-8",
        "-Dsun.jnu.encoding=UTF-8",
        *words,
        "-cp",
        f"{home}/src/main/resources:{home}/dep/*",
        "com.qcloud.cos_migrate_tool.app.App",
    ]


def play(
    case: Case,
    tool: Tool,
    cos: EmbeddedCos,
    run: Callable[[Tool], Ended],
    read: Callable[[Path], Mapping[str, str]],
) -> Played:
    """Have a tool do a case in a folder of its own; return what came of it.

    `read` returns what is in its record database.
    """
    plant(tool.data)
    (tool.folder / "result").mkdir()
    (tool.folder / "list.txt").write_text("".join(f"{n}\n" for n in LISTED), encoding="utf-8")
    configure(tool, case, cos.port)
    for operation, key in case.refused:
        fault = Fault(
            "status", operation=operation, key=key, status=403, code="AccessDenied", times=-1
        )
        cos.faults.append(fault)
    runs = []
    for step in case.steps:
        if step == "change":
            change(tool.data)
        elif step == "lose the records":
            shutil.rmtree(tool.database)
        else:
            runs.append(said(run(tool).out))
    finished = [path.read_text(encoding="utf-8") for path in (tool.folder / "result").iterdir()]
    return Played(
        runs, sorted("".join(finished).splitlines()), objects(cos), masked(read(tool.database))
    )


def run_java(tool: Tool) -> Ended:
    """Run the Java tool in a tool's folder, over its config.ini."""
    done = subprocess.run(
        java_command(),
        cwd=tool.folder,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def java_records(database: Path) -> dict[str, str]:
    """Return everything in a database of the Java tool, read with nothing of ours."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copytree(database, Path(scratch) / "copy")
        opened: Any = rocksdict.Rdict(
            str(copy),
            rocksdict.Options(raw_mode=True),
            access_type=rocksdict.AccessType.read_only(),
        )
        pairs = {key.decode(): value.decode() for key, value in opened.items()}
        opened.close()
    return pairs


def masked(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return records less what no two runs record alike: request ids."""
    return {k: "*" if k.startswith("x-cos-requestId-") else v for k, v in pairs.items()}


def objects(cos: EmbeddedCos) -> dict[str, dict[str, str]]:
    """Return what is on COS: the MD5 of each object's bytes, and its headers."""
    found = {}
    for key in cos.keys(BUCKET):
        content = hashlib.md5(cos.object_bytes(BUCKET, key), usedforsecurity=False).hexdigest()
        found[key] = {"content": content, **cos.object_head(BUCKET, key).headers}
    return found


_PROGRESS = re.compile(
    r"(\[UploadInProgress\] .* \[byteSent/ byteTotal/ percentage: )\d+/ (-?\d+)/ -?[\d.]+%\]$"
)
_NUMBERS = re.compile(
    r"\[requestid: (?!NULL)[^]]*\]|\[cur_time: \d+\]|(start_time|end_time|used_time) : .*"
)


def said(out: str) -> list[str]:
    """Return what a run said, less what no two runs say alike, in order.

    Of an object's progress the Java tool tells now more and now less, and not always the end.
    """
    lines = [_NUMBERS.sub(_masked, line) for line in out.splitlines() if line]
    progress = {_PROGRESS.sub(r"\1*/ \2/ *]", line) for line in lines if _PROGRESS.search(line)}
    return sorted([line for line in lines if not _PROGRESS.search(line)] + list(progress))


def _masked(found: re.Match[str]) -> str:
    text = found.group()
    if text.startswith("["):
        return f"{text.partition(':')[0]}: *]"
    return f"{found[1]} : *"


def plant_small(data: Path, *, second: bool, fraction_ns: int = 0) -> list[Path]:
    """Make the tree of tests/data/java_db, or what was there besides when it was run again.

    Files in `whole/` have times of whole seconds, as JDK 8 told them of all files; `fraction_ns`
    is what they have in truth.
    """
    made = []
    names = [f"first/{number:02d}" for number in range(24)]
    names += [f"whole/{number}.txt" for number in range(6)]
    names += ["first/ünï cödé 日本.txt", "first/blank + plus % percent.txt", "first/empty"]
    if second:
        names = [f"second/{number}" for number in range(5)] + ["second/big.bin"]
    for number, name in enumerate(names):
        size = 2 * THRESHOLD + 12_345 if name.endswith("big.bin") else len(name) * number
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_of(name, size))
        at = OLD + number * 1_237_123_456
        if name.startswith("whole/"):
            at = at // 10**9 * 10**9 + fraction_ns
        os.utime(path, ns=(at, at))
        made.append(path)
    return made
