"""The cases that the Java tool and this one are compared in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "COS_MIGRATE_JAVA_TOOL"
"""Names the Java tool's folder, with its jar in `dep/`."""
DATA = "/proc/self/cwd/data"
MIB = 1 << 20
OLD = 1_700_000_000_000_000_000
"""Modification time of the oldest file, nanoseconds since 1970."""
YOUNG = 4_102_444_800_123_000_000
"""The year 2100: younger than any limit, whenever a test runs."""
THRESHOLD = 5 * MIB

ODD_NAMES = (
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
    """What both tools are made to do with the same tree."""

    name: str
    local: Mapping[str, str]
    common: Mapping[str, str]
    steps: tuple[str, ...] = ("run",)
    """`run`, and what happens between two runs."""
    refused: tuple[tuple[str, str], ...] = ()
    """(operation, key) that COS answers with 403."""


@dataclass(frozen=True)
class Played:
    """What came of a case."""

    runs: list[list[str]]
    """The lines of each run, as `said` returns them."""
    finished: list[str]
    """The lines of the finished-file lists."""
    objects: dict[str, dict[str, str]]
    records: dict[str, str]


SMALL = Case("small", {}, {})
"""What tests/data/java_db was made with."""
_FEW = f"{DATA}/nested"
CASES = (
    Case(
        "everything",
        {
            "excludes": f"{DATA}/left out;{DATA}/left out alone.txt",
            "ignoreSuffix": ".tmp;.bak",
            "ignoreModifiedTimeLessThanSeconds": "3600",
        },
        {},
        ("run", "change", "run"),
    ),
    Case(
        "filters",
        {
            "exeludes": f"{_FEW};{DATA}/odd/100%",
            "excludes": f"{DATA}/big",  # not looked at beside the misspelt one
            "ignoreSuffix": "5.jpg;hidden",
            "includeSuffix": ".txt;.jpg;.bin;0",
            "ignoreEmptyFile": "on",
        },
        {"cosPath": "/"},
    ),
    Case(
        "list",
        {
            "fileListMode": "on",
            "fileListPath": "/proc/self/cwd/list.txt",
            "excludes": f"{DATA}/left out alone.txt",
            "ignoreSuffix": ".tmp",
        },
        {},
        ("run", "run"),
    ),
    Case(
        "no look-up",
        {"excludes": _FEW, "checkLocalRecord": "false"},
        {"entireFileMd5Attached": "off", "bigFileUploadPartSize": "2097152"},
        ("run", "run"),
    ),
    Case(
        "same path",
        {"excludes": _FEW},
        {"skipSamePath": "true"},
        ("run", "lose the records", "run"),
    ),
    Case(
        "classes",
        {"excludes": _FEW},
        {
            "storageClass": "Maz_Standard_IA",
            "encryptionType": "sse-cos",
            "threadTrafficLimit": "838860800",
            "cosPath": "//a//b",
            "outputFinishedFileFolder": "./result",
        },
    ),
    Case(
        "failures",
        {"excludes": _FEW},
        {"requestTryCount": "1"},
        ("run", "run"),
        (
            ("PutObject", "to here/odd/100%"),
            ("PutObject", "to here/odd/münchen.txt"),
            ("InitiateMultipartUpload", "to here/big/at the threshold"),
            ("UploadPart", "to here/big/three parts +%.bin"),
        ),
    ),
)
LISTED = (
    "nested/0/0/0/000.txt",
    "nested",
    "odd/",
    "odd/münchen.txt",
    "odd/blank in the name.txt",
    "empty/0",
    "big/three parts +%.bin",
    "suffixes/1.tmp",
    "left out alone.txt",
    "left out/0/0.txt",
    "not there.txt",
    "links/broken",
    "links/to a file",
    "links/to a folder",
)
"""What fileListPath names: files, folders, and what is not there."""
