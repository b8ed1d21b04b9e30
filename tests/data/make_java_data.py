"""Makes what the tests keep of the Java tool, by running it. Run by hand, on Linux:

    COS_MIGRATE_JAVA_TOOL=<folder> python tests/data/make_java_data.py [database] [cases] [records]

<folder> has the tool's jar (1.4.18, built from its public sources with `mvn package
assembly:single`) in `dep/` and its `src/main/resources`. What comes of it:

java_db/db/       a record database: one run over a few dozen files, and one that was killed
                  (kill -9) in the midst of a multipart upload
java_db/uploads/  what COS knows of that upload
java_differential.json.gz
                  what the tool prints, records and stores in every case of
                  tests/functional/test_java_differential.py
java_records.json for every source: in which folder a job's database is, and what is recorded of
                  objects, as the tool's classes say (JavaRecords.java)
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from cos_migrate.emulator import EmbeddedCos, Fault  # noqa: E402
from tests.functional import java_cases, java_tool  # noqa: E402
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Tool  # noqa: E402
from tests.polling import wait_until  # noqa: E402


def make_database(work: Path) -> None:
    """Make java_db/."""
    target = HERE / "java_db"
    shutil.rmtree(target, ignore_errors=True)
    cos_folder = work / "cos"
    cos_folder.mkdir()
    with EmbeddedCos(cos_folder, secret_id=SECRET_ID, secret_key=SECRET_KEY) as cos:
        tool = Tool(work / "tool", cos.port)
        java_tool.configure(tool, java_cases.SMALL, cos.port)
        java_tool.plant_small(tool.data, second=False)
        assert java_tool.run_java(tool).status == "ALL_OK"
        java_tool.plant_small(tool.data, second=True)
        cos.faults.append(Fault("hang", operation="UploadPart", skip=1, times=-1, seconds=60))
        _run_and_kill(tool)
        shutil.copytree(tool.folder / "db" / "migrate_from_local", target / "db/migrate_from_local")
        (target / "uploads").mkdir()
        (upload,) = cos.store.uploads(BUCKET)
        begun = {"bucket": BUCKET, "key": upload.key, "headers": upload.headers}
        (target / "uploads" / f"{upload.upload_id}.json").write_text(json.dumps(begun))


def _run_and_kill(tool: Tool) -> None:
    """Run the Java tool until all small files have arrived and the big one's id is kept."""
    with subprocess.Popen(
        java_tool.java_command(),
        cwd=tool.folder,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
    ) as process:
        wait_until(
            lambda: (
                "save point success" in tool.log("info.log")
                and tool.log("info.log").count("[ok]") == 33 + 5
            )
        )
        process.kill()


def record_cases(work: Path) -> None:
    """Make java_differential.json.gz."""
    found = {}
    for case in java_cases.CASES:
        folder = work / case.name
        (folder / "cos").mkdir(parents=True)
        with EmbeddedCos(folder / "cos", secret_id=SECRET_ID, secret_key=SECRET_KEY) as cos:
            tool = Tool(folder / "tool", cos.port)
            played = java_tool.play(case, tool, cos, java_tool.run_java, java_tool.java_records)
        found[case.name] = asdict(played)
    text = json.dumps(found, sort_keys=True, ensure_ascii=False).encode()
    (HERE / "java_differential.json.gz").write_bytes(gzip.compress(text, mtime=0))


_OBJECTS: list[tuple[str, int, str, int, str]] = [
    ("a/b/d.txt", 5, "5d41402abc4b2a76b9719d911017c592", 1_795_417_187_000, "STANDARD"),
    ("a/b/with blank+plus%25&=?#.txt", 0, "d41d8cd98f00b204e9800998ecf8427e", 0, "STANDARD_IA"),
    ("a/b/ünï/日本 😀", 6 << 30, "0123456789abcdef-1024", 951_827_696_000, "ARCHIVE"),
    ("a/bc/d.txt", 1, "c4ca4238a0b923820dcc509a6f75849b", 1_700_000_000_999, "DEEP_ARCHIVE"),
    ("a/b/folder/", 0, "d41d8cd98f00b204e9800998ecf8427e", 1_700_000_000_000, "MAZ_STANDARD"),
    ("a/b//double//slash", 2, "FrPyMh_nZmJu3ViVQfIgzrBPHBRL", 1_700_000_000_000, "STANDARD"),
    ("/a/begins with a slash", 3, "0123456789abcdef0123456789abcdef", 1_700_000_000_000, ""),
]
_URLS: list[tuple[str, int, str, int, str]] = [
    ("http://example.com/a/b/d.txt", 5, "Mon, 23 Nov 2026 06:59:47 GMT", 0, ""),
    ("https://example.com/a//b/c.txt?sign=1", -1, "", 0, ""),
    ("http://example.com/plain/%E6%97%A5.txt", 7, "", 0, ""),
]
_CLOUD = {"bucket": "sourcebucket", "accessKeyId": "id", "accessKeySecret": "secret"}
_S3 = {**_CLOUD, "endPoint": "s3.example.com", "proxyHost": ""}
_OSS = {**_CLOUD, "endPoint": "oss-cn-hangzhou.aliyuncs.com", "proxyHost": ""}
_UPYUN = {**_CLOUD, "proxyHost": ""}
_COPY = {
    "srcRegion": "ap-shanghai",
    "srcBucketName": "sourcebucket-1250000001",
    "srcSecretId": "id",
    "srcSecretKey": "secret",
}
_JOBS: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("migrateLocal", {"cosPath": "/"}, {"localPath": java_cases.DATA}),
    ("migrateLocal", {"cosPath": "/x//y"}, {"localPath": java_cases.DATA + "/"}),
    ("migrateAws", {"cosPath": "/"}, _S3),
    ("migrateAws", {"cosPath": "/x"}, {**_S3, "prefix": "a/b"}),
    ("migrateAws", {"cosPath": "/x/"}, {**_S3, "prefix": "/a/b/"}),
    ("migrateCsp", {"cosPath": "/"}, _S3),
    ("migrateCsp", {"cosPath": "/x/"}, {**_S3, "prefix": "a/b/", "endPoint": "s3.example.com/"}),
    ("migrateAli", {"cosPath": "/"}, _OSS),
    ("migrateAli", {"cosPath": "/x"}, {**_OSS, "prefix": "a/b"}),
    ("migrateAli", {"cosPath": "/x/"}, {**_OSS, "prefix": "/a/b/", "endPoint": "oss.example/"}),
    ("migrateQiniu", {"cosPath": "/"}, {**_S3, "endPoint": "cdn.example.com"}),
    ("migrateQiniu", {"cosPath": "/x/"}, {**_S3, "endPoint": "cdn.example.com", "prefix": "a/b/"}),
    ("migrateUpyun", {"cosPath": "/"}, _UPYUN),
    ("migrateUpyun", {"cosPath": "/x/"}, {**_UPYUN, "prefix": "a/b/"}),
    ("migrateUpyun", {"cosPath": "/x", "dbCosPath": "/y"}, {**_UPYUN, "dbPrefix": "z"}),
    ("migrateUrl", {"cosPath": "/"}, {"urllistPath": java_cases.DATA}),
    ("migrateUrl", {"cosPath": "/x//y"}, {"urllistPath": "/proc/self/cwd/list.txt"}),
    ("migrateBucketCopy", {"cosPath": "/"}, {**_COPY, "srcCosPath": "/"}),
    ("migrateBucketCopy", {"cosPath": "/x"}, {**_COPY, "srcCosPath": "/a"}),
]


def ask_for_records(work: Path) -> None:
    """Make java_records.json."""
    tool = Tool(work / "records", 1)
    found = []
    for migrate_type, common, section in _JOBS:
        listed = section.get("prefix", "").removeprefix("/")
        objects = [one for one in _OBJECTS if one[0].startswith(listed)]
        if migrate_type not in {"migrateAws", "migrateCsp", "migrateAli", "migrateQiniu"}:
            objects = [one for one in objects if one[0][0] != "/"]  # these can have no such keys
        if migrate_type == "migrateUrl":
            objects = _URLS
        lines = ["\t".join(map(str, one)) + "\n" for one in objects]
        (tool.folder / "list.txt").write_text("".join(lines), encoding="utf-8")
        java_tool.write_config(tool.folder, migrate_type, common, section)
        answer = _answer_of_java(tool)
        fields = ("key", "size", "etag", "modified", "storageClass")
        told = [
            {**dict(zip(fields, one, strict=True)), **said}
            for one, said in zip(objects, answer["objects"], strict=True)
        ]
        found.append(
            {
                "type": migrate_type,
                "common": common,
                "section": section,
                "folder": answer["folder"],
                "objects": told,
            }
        )
    text = json.dumps(found, ensure_ascii=False, indent=1)
    (HERE / "java_records.json").write_text(text + "\n", encoding="utf-8")


def _answer_of_java(tool: Tool) -> dict[str, Any]:
    words = java_tool.java_command("-Duser.timezone=UTC")[:-1]
    done = subprocess.run(
        [*words, str(HERE / "JavaRecords.java"), "config.ini", "list.txt"],
        cwd=tool.folder,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        wanted = sys.argv[1:]
        if not wanted or "database" in wanted:
            make_database(Path(temporary))
        if not wanted or "cases" in wanted:
            record_cases(Path(temporary))
        if not wanted or "records" in wanted:
            ask_for_records(Path(temporary))
