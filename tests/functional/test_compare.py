"""`--compare`: both sides are listed and compared; nothing is transferred."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.events import events, named
from tests.fakes.faults import Fault as SourceFault
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool
from tests.functional.tool import BUCKET, Ended, Tool, records

NAMES = ("same", "differ", "missing", "extra", "unverified")
MARK = "[cosmigrate stored] "


def put_on_cos(cos: EmbeddedCos, key: str, content: bytes) -> None:
    cos.store.put(BUCKET, key, cos.store.receive([content]), {}, acl="")


def lists(tool: Tool) -> dict[str, list[str]]:
    """Return the lines of the lists of the last comparison."""
    (folder,) = (tool.folder / "log").glob("compare-*")
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{n}.txt" for n in NAMES)
    found = {name: (folder / f"{name}.txt").read_text(encoding="utf-8") for name in NAMES}
    return {name: text.splitlines() for name, text in found.items()}


def counts(ended: Ended) -> dict[str, int]:
    """Return the counts of the block."""
    block = ended.out.split("compare! op statistics:")[1]
    rows = (line.strip().partition(" : ") for line in block.splitlines())
    return {name: int(value) for name, _, value in rows if name in NAMES}


def forget_stored(database: Path) -> None:
    from cos_migrate.state.opening import open_store  # noqa: PLC0415

    with open_store(database) as state:
        state.write([], [key for key, _ in state.scan(MARK.encode())])


def test_files_are_compared_by_their_records(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["cosPath"] = "/to/"
    for name in ("a/same", "b", "c", "d", "e", "z-1/é", "z/1"):
        tool.put(name, b"12345", mtime=1_700_000_000)
    assert tool.run().code == 0
    before = records(tool.database)
    results = (tool.folder / "db" / "result.out").read_text(encoding="utf-8")
    put_on_cos(cos, "to/b", b"other size")
    put_on_cos(cos, "to/c", b"54321")
    cos.store.delete(BUCKET, "to/d")
    tool.put("e", b"12345", mtime=1_700_000_001)
    put_on_cos(cos, "to/extra", b"1")
    put_on_cos(cos, "elsewhere", b"1")
    tool.put("new", b"1")
    cos.reset()
    ended = tool.run("--compare")
    assert ended.code == 1, ended.out + ended.err
    assert lists(tool) == {
        "same": ["/to/a/same", "/to/z-1/é", "/to/z/1"],
        "differ": ["/to/b\tsize", "/to/c\tchanged"],
        "missing": ["/to/d", "/to/new"],
        "extra": ["/to/extra"],
        "unverified": ["/to/e"],
    }
    assert counts(ended) == {name: len(lines) for name, lines in lists(tool).items()}
    assert (ended.status, ended.list_finished) == ("PART_OK", True)
    assert "migrateLocal compare! op statistics:" in ended.out
    assert set(cos.operations()) == {"GetBucket"}
    assert records(tool.database) == before
    assert (tool.folder / "db" / "result.out").read_text(encoding="utf-8") == results
    assert not list((tool.folder / "tmp").iterdir())
    reports = [*(tool.folder / "log" / "report").glob("*.json")]
    assert "compare" in [json.loads(path.read_text())["summary"]["mode"] for path in reports]


def test_all_is_well_and_then_unverified(tool: Tool) -> None:
    for name in ("a", "b/c"):
        tool.put(name)
    assert tool.run().code == 0
    ended = tool.run("--compare")
    assert (ended.code, ended.status) == (0, "ALL_OK")
    assert counts(ended) == dict.fromkeys(NAMES, 0) | {"same": 2}
    forget_stored(tool.database)  # as the records of the Java tool
    ended = tool.run("--compare")
    assert (ended.code, ended.status) == (0, "ALL_OK")
    assert counts(ended) == dict.fromkeys(NAMES, 0) | {"unverified": 2}
    assert "daemon" not in ended.out


def test_content_decides_what_records_cannot(cos: EmbeddedCos, tool: Tool) -> None:
    for name in ("a", "b", "c"):
        tool.put(name, b"12345", mtime=1_700_000_000)
    assert tool.run().code == 0
    kept = records(tool.database)
    forget_stored(tool.database)
    put_on_cos(cos, "b", b"54321")
    ended = tool.run("--compare=content")
    assert ended.code == 1, ended.err
    assert lists(tool)["differ"] == ["/b\tchecksum"]
    assert sorted(lists(tool)["same"]) == ["/a", "/c"]
    again = records(tool.database)
    stored = {key for key in kept if key.startswith(MARK)} - {f"{MARK}/b"}
    assert {key for key in again if key.startswith(MARK)} == stored
    assert all(again[key] == kept[key] for key in stored)
    assert counts(tool.run("--compare"))["same"] == 2


def test_what_cos_lost_is_forgotten_and_sent_again(cos: EmbeddedCos, tool: Tool) -> None:
    for name in ("a", "lost", "changed", "short", "edited"):
        tool.put(name, b"12345", mtime=1_700_000_000)
    assert tool.run().code == 0
    cos.store.delete(BUCKET, "lost")
    put_on_cos(cos, "changed", b"54321")
    put_on_cos(cos, "short", b"1")
    tool.put("edited", b"123456", mtime=1_700_000_000)
    kept = records(tool.database)
    ended = tool.run("--compare", "--forget")
    assert ended.code == 1
    gone = kept.keys() - records(tool.database).keys()
    assert {key for key in gone if key.startswith(MARK)} == {
        f"{MARK}/{name}" for name in ("lost", "changed", "short")
    }
    assert len(gone) == 6
    assert "forgotten : 3" in ended.out
    assert tool.run().counts() == {"new": 3, "update": 1, "fail": 0, "skip": 1, "unmatched": 0}
    assert tool.run("--compare").code == 0


def test_filters_apply_to_both_sides(cos: EmbeddedCos, tool: Tool) -> None:
    for name in ("a.txt", "b.tmp", "cache/x", "big"):
        tool.put(name, b"1234567890" if name == "big" else b"1")
    assert tool.run().code == 0
    for key in ("old.tmp", "cache/old", "huge", "really-extra"):
        put_on_cos(cos, key, b"1234567890" if key == "huge" else b"1")
    tool.common |= {"exclude": "*.tmp;cache/", "maxSize": "5"}
    ended = tool.run("--compare")
    assert lists(tool)["extra"] == ["/really-extra"]
    assert counts(ended) == dict.fromkeys(NAMES, 0) | {"same": 1, "extra": 1}


def test_a_name_that_the_walk_saw_is_not_extra(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    (tool.data / "link").symlink_to(tool.folder / "not mounted")
    (tool.data / "left-out").mkdir()
    tool.put("left-out/x")
    tool.local["excludes"] = str(tool.data / "left-out")
    for key in ("link", "link/a", "link/b/c", "link-2", "left-out/x", "left-out/y"):
        put_on_cos(cos, key, b"x")
    tool.run("--compare")
    assert lists(tool)["extra"] == ["/link-2"]


def test_events_and_wrong_words(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    put_on_cos(cos, "b", b"x")
    found = events(tool.run("--compare", "--json").out)
    assert named(found, "start", mode="compare")
    assert {(each["result"], each["key"]) for each in named(found, "compare")} == {
        ("missing", "/a"),
        ("extra", "/b"),
    }
    (summary,) = named(found, "summary", mode="compare")
    assert [summary[name] for name in NAMES] == [0, 0, 1, 1, 0]
    assert (summary["status"], summary["exit_code"]) == ("PART_OK", 1)
    for words in (
        ["--forget"],
        ["--compare", "--dry-run"],
        ["--compare=content", "--retry-failed"],
        ["--compare=all"],
    ):
        ended = tool.run(*words)
        assert (ended.code, ended.out) == (2, "")
        assert "--compare" in ended.err


def test_a_bucket_is_merged_with_cos(cos: EmbeddedCos, s3: S3Server, from_s3: CloudTool) -> None:
    names = [f"{number:04}" for number in range(1_100)] + ["a/b", "a-b", "a", "ü", "\U0001f600"]
    for name in names:
        s3.put(name, name.encode())
    assert from_s3.run().code == 0
    s3.put("0001", b"1000")  # the same size
    s3.put("new", b"1")
    cos.store.delete(BUCKET, "a-b")
    put_on_cos(cos, "~", b"1")
    cos.reset()
    ended = from_s3.run("--compare")
    assert lists(from_s3)["differ"] == ["/0001\tchanged"]
    assert lists(from_s3)["missing"] == ["/a-b", "/new"]
    assert lists(from_s3)["extra"] == ["/~"]
    assert counts(ended)["same"] == len(names) - 2
    assert cos.operations() == ["GetBucket"] * 2


def test_names_whose_order_changes_on_cos(s3: S3Server, from_s3: CloudTool) -> None:
    for name in ("/!", "/z", "!", "a", "a/b", "//b"):
        s3.put(name, name.encode())
    from_s3.run()
    ended = from_s3.run("--compare")
    (first,) = [line for line in ended.err.splitlines() if "is the target of two objects" in line]
    assert "/! is the target of two objects: !" in first
    assert ended.code == 1
    assert not lists(from_s3)["extra"]
    assert not lists(from_s3)["missing"]
    assert sum(counts(ended).values()) == 5


@pytest.mark.parametrize("side", ["source", "cos"])
def test_behind_a_gap_nothing_is_known(
    cos: EmbeddedCos, s3: S3Server, from_s3: CloudTool, side: str
) -> None:
    for number in range(1_500):
        s3.put(f"{number:04}", b"1")
        if number not in {3, 1_400}:
            put_on_cos(cos, f"{number:04}", b"1")
    put_on_cos(cos, "0003x", b"1")
    put_on_cos(cos, "1400x", b"1")
    if side == "cos":
        cos.faults.append(
            Fault("status", "GetBucket", skip=1, times=-1, status=403, code="AccessDenied")
        )
    else:
        s3.faults.append(
            SourceFault(
                "status", "ListObjectsV2", skip=2, times=-1, status=403, code="AccessDenied"
            )
        )
    ended = from_s3.run("--compare")
    assert (ended.code, ended.list_finished, ended.status) == (1, False, "PART_OK")
    assert "not listed completely" in ended.err
    assert lists(from_s3)["missing"] == ["/0003"]
    assert lists(from_s3)["extra"] == ["/0003x"]


def test_skip_same_path_same_compares_size_and_checksum(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common |= {"skipSamePath": "same", "workerProcessNum": "0"}
    for name in ("same", "other", "longer", "new", "big", "big-other"):
        tool.put(name, name.encode() * (1 << 20 if name.startswith("big") else 1))
    put_on_cos(cos, "same", b"same")
    put_on_cos(cos, "other", b"OTHER")
    put_on_cos(cos, "longer", b"longer than that")
    put_on_cos(cos, "big", b"big" * (1 << 20))
    put_on_cos(cos, "big-other", b"BIG-OTHER" * (1 << 20))
    ended = tool.run()
    assert ended.counts() == {"new": 4, "update": 0, "fail": 0, "skip": 2, "unmatched": 0}
    assert len(ended.lines("[skip] file on cos, task_info: ")) == 2
    assert cos.object_bytes(BUCKET, "other") == b"other"


def test_skip_same_path_same_of_a_bucket(
    cos: EmbeddedCos, s3: S3Server, from_s3: CloudTool
) -> None:
    from_s3.common["skipSamePath"] = "same"
    for name in ("same", "other"):
        s3.put(name, name.encode())
    put_on_cos(cos, "same", b"same")
    put_on_cos(cos, "other", b"OTHER")
    assert from_s3.run().counts()["skip"] == 1
    assert cos.object_bytes(BUCKET, "other") == b"other"
