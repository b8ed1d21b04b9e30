"""The Java tool beside ours: the same tree and the same config.ini for both.

The folder that is migrated is called `/proc/self/cwd/data`, which is `data` in the folder a tool
runs in, whichever that is: so records and lines of two runs in two folders are the same text,
and what the Java tool has written once can be compared on any machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import BUCKET, Ended, Tool

VARIABLE = "COS_MIGRATE_JAVA_TOOL"
"""Names the Java tool's folder, with its jar in `dep/`."""
DATA = "/proc/self/cwd/data"
MIB = 1 << 20
OLD = 1_700_000_000_000_000_000
"""Modification time of the oldest file, nanoseconds since 1970."""
YOUNG = 4_102_444_800_123_000_000
"""The year 2100: younger than any limit, whenever a test runs."""
THRESHOLD = 5 * MIB

_ODD_NAMES = (
    "blank in the name.txt",
    " blank first",
    "blank last ",
    "plus+plus+.txt",
    "percent%41%.txt",
    "100%",
    "a&b=c?d#e;f,g@h:i$j.txt",
    "quote'double\"back`tick.txt",
    "(round) [square] {curly} <angle>.txt",
    "back\\slash.txt",
    "tilde~caret^bar|.txt",
    "star*.txt",
    "dots...and..more.",
    ".hidden",
    "..leading",
    "no_extension",
    "UPPER.TXT",
    "münchen.txt",
    "cafe\u0301 decomposed.txt",
    "日本語/ファイル.txt",
    "한국어 폴더/파일.txt",
    "кириллица.txt",
    "emoji 😀.txt",
    "عربى.txt",
    "n" * 180 + ".txt",
)


@dataclass(frozen=True)
class Case:
    """One run of both tools over the same tree."""

    name: str
    local: Mapping[str, str]
    common: Mapping[str, str]


SMALL = Case("small", {}, {})
"""What tests/data/java_db was made with."""


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
    for name in _ODD_NAMES:
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


def configure(tool: Tool, case: Case, cos: EmbeddedCos) -> None:
    """Give a tool the one config.ini that both read."""
    tool.common = {
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
        "proxyPort": str(cos.port),
        **case.common,
    }
    tool.local = {"localPath": DATA, **case.local}
    tool.write_config()


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


def objects(cos: EmbeddedCos) -> dict[str, dict[str, str]]:
    """Return what is on COS: the MD5 of each object's bytes, and its headers."""
    found = {}
    for key in cos.keys(BUCKET):
        content = hashlib.md5(cos.object_bytes(BUCKET, key), usedforsecurity=False).hexdigest()
        found[key] = {"content": content, **cos.object_head(BUCKET, key).headers}
    return found


_NUMBERS = re.compile(
    r"\[requestid: (?!NULL)[^]]*\]|\[cur_time: \d+\]|(start_time|end_time|used_time) : .*"
)


def said(out: str) -> list[str]:
    """Return what a run said, less what no two runs say alike, in order."""
    lines = [_NUMBERS.sub(_masked, line) for line in out.splitlines()]
    whole = [line for line in lines if "[UploadInProgress]" not in line or " 100.00%]" in line]
    return sorted(line for line in whole if line)


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
