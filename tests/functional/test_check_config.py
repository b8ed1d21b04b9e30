"""`--check-config`: what it finds wrong, and what it leaves."""

from __future__ import annotations

import os
import signal

import pytest

from cos_migrate.emulator import Fault
from tests.functional.tool import BUCKET, Ended, Tool
from tests.functional.waiting import HeldCos, wait_until


def checks(ended: Ended) -> dict[str, tuple[bool, str]]:
    """Return the results by their names."""
    found = {}
    for line in ended.out.splitlines():
        kind, _, rest = line.partition("] ")
        if kind in {"[ok", "[fail"}:
            name, _, text = rest.partition(": ")
            found[name] = (kind == "[ok", text)
    return found


def failed(ended: Ended) -> dict[str, str]:
    return {name: text for name, (passed, text) in checks(ended).items() if not passed}


@pytest.mark.parametrize(
    ("changed", "names", "words"),
    [
        ({"secretKey": "guessed"}, {"write permission"}, "[common] secretKey"),
        (
            {"endPointSuffix": "127.0.0.1:1"},
            {"bucket is reached", "region", "write permission", "clock"},
            "endPointSuffix",
        ),
    ],
)
def test_what_is_wrong_with_the_target(
    tool: Tool, cos: HeldCos, changed: dict[str, str], names: set[str], words: str
) -> None:
    tool.put("a")
    tool.common |= changed
    ended = tool.run("--check-config")
    assert ended.code == 2
    assert names <= failed(ended).keys() <= {*names, "write permission"}
    assert words in "".join(failed(ended).values())
    assert "guessed" not in ended.out + ended.err
    assert cos.keys(BUCKET) == []


@pytest.mark.parametrize(
    ("status", "code", "names", "words"),
    [
        (403, "AccessDenied", {"write permission"}, "the right to write to the bucket"),
        (404, "NoSuchBucket", {"bucket is reached", "write permission"}, "bucketName"),
        (403, "RequestTimeTooSkewed", {"write permission", "clock"}, "clock of this machine"),
        (400, "InvalidStorageClass", {"write permission"}, "storageClass"),
    ],
)
def test_what_cos_refuses(
    tool: Tool, cos: HeldCos, status: int, code: str, names: set[str], words: str
) -> None:
    tool.put("a")
    cos.faults.append(
        Fault("status", "InitiateMultipartUpload", times=-1, status=status, code=code)
    )
    ended = tool.run("--check-config")
    assert ended.code == 2
    assert failed(ended).keys() == names
    assert words in failed(ended)["write permission"]


def test_an_upload_that_is_not_aborted_is_named(tool: Tool, cos: HeldCos) -> None:
    tool.put("a")
    cos.faults.append(Fault("status", "AbortMultipartUpload", times=-1, status=403, code="Odd"))
    ended = tool.run("--check-config")
    assert failed(ended).keys() == {"write permission"}
    assert "could not be aborted" in failed(ended)["write permission"]


@pytest.mark.skipif(os.name == "nt", reason="modes are others there")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="may read everything")
def test_a_file_that_may_not_be_read(tool: Tool) -> None:
    tool.put("a").chmod(0)
    ended = tool.run("--check-config")
    assert failed(ended).keys() == {"object is read"}


def test_an_object_that_cannot_be_read_is_no_reason_where_another_can(tool: Tool) -> None:
    (tool.data / "a").symlink_to("nowhere")
    tool.put("b", b"12345")
    ended = tool.run("--check-config")
    assert ended.code == 0
    assert checks(ended)["object is read"][1].startswith("the first 5 bytes of ")


def test_an_empty_source_passes_and_is_said(tool: Tool) -> None:
    ended = tool.run("--check-config")
    assert ended.code == 0
    assert "nothing was found to migrate" in checks(ended)["source is listed"][1]


def test_mistakes_of_the_configuration_come_before(tool: Tool, cos: HeldCos) -> None:
    tool.common["smallFileExecutorNum"] = "many"
    ended = tool.run("--check-config")
    assert ended.code == 2
    assert "[ok]" not in ended.out
    assert "smallFileExecutorNum" in ended.err
    assert not cos.requests


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
def test_a_signal_leaves_no_upload(tool: Tool, cos: HeldCos) -> None:
    tool.put("a")
    cos.hold(1)
    process = tool.start("--check-config")
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    process.send_signal(signal.SIGTERM)
    cos.release()
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert cos.operations() == ["InitiateMultipartUpload", "AbortMultipartUpload"]
