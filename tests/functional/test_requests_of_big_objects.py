"""Which requests a big object of a cloud takes on either side, the first time and later."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes import oss_server, s3_server
from tests.functional.cloud_tool import CloudTool, counted, noise
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, end
from tests.functional.waiting import HeldCos, parts_written, wait_until

MIB = 1 << 20
BODY = noise(6 * MIB)
"""Six parts."""
SOURCE = "source-1250000000"
COPIES_IN_PARTS = (
    "from cos_migrate.engine import rules; "
    "rules.DEFAULT_COPIES = rules.CopyOptions(in_parts_from=2 << 20, part_size=1 << 20); "
    "from cos_migrate.cli.main import main; raise SystemExit(main())"
)
"""Starts the tool, for which objects of 2 MiB are too large for one copy."""


@dataclass
class Cloud:
    """A source with one big object, and what has been asked of it."""

    tool: CloudTool
    operations: Callable[[], list[str]]
    forget: Callable[[], None]
    head: str
    """The name of a request for its metadata."""
    put_in_parts: Callable[[], object] = lambda: None
    """Replace the object by one whose ETag is no MD5."""

    def take(self) -> Counter[str]:
        """Return the requests so far, without lists, and forget them."""
        counts = Counter(name for name in self.operations() if not name.startswith("List"))
        self.forget()
        return counts


@pytest.fixture(name="s3")
def _s3(tmp_path: Path, cos: HeldCos) -> Iterator[Cloud]:
    with s3_server.S3Server() as s3:
        s3.put("big", BODY)
        section = {
            "bucket": s3_server.BUCKET,
            "accessKeyId": s3_server.KEY_ID,
            "accessKeySecret": s3_server.KEY,
            "endPoint": f"127.0.0.1:{s3.port}",
        }
        tool = CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateAws", cloud=section)
        in_parts = partial(s3.put, "big", BODY, part_size=5 * MIB)
        yield Cloud(tool, s3.operations, s3.seen.clear, "HeadObject", in_parts)


@pytest.fixture(name="oss")
def _oss(tmp_path: Path, cos: HeldCos) -> Iterator[Cloud]:
    with oss_server.OssServer() as oss:
        oss.put("big", BODY)
        section = {
            "bucket": oss_server.BUCKET,
            "accessKeyId": oss_server.KEY_ID,
            "accessKeySecret": oss_server.SECRET,
            "endPoint": f"127.0.0.1:{oss.port}",
        }
        tool = CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateAli", cloud=section)
        yield Cloud(tool, oss.operations, oss.seen.clear, "HeadObject")


@pytest.fixture(name="cloud", params=["s3", "oss"])
def _cloud(request: pytest.FixtureRequest) -> Cloud:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Cloud)
    found.tool.common.update(bigFileUploadPartSize=str(MIB), probeRecords="off")
    return found


@pytest.fixture(name="copying")
def _copying(tmp_path: Path, cos: HeldCos) -> CloudTool:
    cos.store.put(SOURCE, "big", cos.store.receive([BODY]), {"content-type": "text/x"})
    section = {
        "srcRegion": "ap-shanghai",
        "srcBucketName": SOURCE,
        "srcSecretId": SECRET_ID,
        "srcSecretKey": SECRET_KEY,
        "srcCosPath": "/",
        "srcEndPointSuffix": f"localhost:{cos.port}",
    }
    return CloudTool(
        tmp_path / "tool",
        cos.port,
        migrate_type="migrateBucketCopy",
        common={"bigFileUploadPartSize": str(MIB), "probeRecords": "off"},
        cloud=section,
    )


def interrupt(tool: CloudTool, cos: HeldCos, process: subprocess.Popen[str]) -> None:
    """Kill a run when two parts of its object are recorded, and no others will be."""
    wait_until(lambda: parts_written(tool) == 2, lambda: process.poll() is None)
    process.kill()
    end(process)
    cos.wait_until_left()
    cos.reset()


def taken(cos: EmbeddedCos) -> Counter[str]:
    """Return the requests that COS has got since the last look."""
    counts = Counter(cos.operations())
    cos.reset()
    return counts


@pytest.mark.parametrize("attached", ["on", "off"])
def test_one_look_at_the_source_and_one_request_to_cos_precede_the_parts(
    cloud: Cloud, cos: HeldCos, attached: str
) -> None:
    cloud.tool.common["entireFileMd5Attached"] = attached
    ended = cloud.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out + ended.err
    assert cloud.take() == {cloud.head: 1, "GetObject": 6}
    assert taken(cos) == {
        "InitiateMultipartUpload": 1,
        "UploadPart": 6,
        "CompleteMultipartUpload": 1,
    }
    assert cos.object_bytes(BUCKET, "big") == BODY
    ended = cloud.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(skip=1)), ended.out + ended.err
    assert cloud.take() == {}
    assert taken(cos) == {}


def test_an_object_that_goes_through_a_file_is_looked_at_once(s3: Cloud, cos: HeldCos) -> None:
    s3.put_in_parts()
    s3.tool.common["bigFileUploadPartSize"] = str(MIB)
    ended = s3.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out + ended.err
    assert s3.take() == {s3.head: 1, "GetObject": 6}
    assert taken(cos) == {
        "InitiateMultipartUpload": 1,
        "UploadPart": 6,
        "CompleteMultipartUpload": 1,
    }
    assert cos.object_head(BUCKET, "big").headers["x-cos-meta-md5"] == hashlib.md5(BODY).hexdigest()


def test_an_interrupted_upload_goes_on_without_a_look_at_the_source(
    cloud: Cloud, cos: HeldCos
) -> None:
    cos.hold(2, "UploadPart")
    process = cloud.tool.start()
    # Later the killed client has no request left that the source could still note.
    wait_until(lambda: cloud.operations().count("GetObject") == 6, lambda: process.poll() is None)
    interrupt(cloud.tool, cos, process)
    cloud.forget()
    ended = cloud.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out + ended.err
    assert cloud.take() == {"GetObject": 4}
    assert taken(cos) == {"ListParts": 1, "UploadPart": 4, "CompleteMultipartUpload": 1}
    assert cos.object_bytes(BUCKET, "big") == BODY


def run_copies(tool: CloudTool) -> subprocess.Popen[str]:
    """Start a run that copies its object in parts."""
    tool.write_config()
    return subprocess.Popen(
        [sys.executable, "-c", COPIES_IN_PARTS],
        cwd=tool.folder,
        env=tool.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def test_a_copy_in_parts_takes_one_look_and_one_request_more(
    copying: CloudTool, cos: HeldCos
) -> None:
    ended = end(run_copies(copying))
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out + ended.err
    requests = taken(cos)
    del requests["GetBucket"]  # the listing
    assert requests == {
        "HeadObject": 1,
        "InitiateMultipartUpload": 1,
        "UploadPartCopy": 6,
        "CompleteMultipartUpload": 1,
    }
    assert cos.object_bytes(BUCKET, "big") == BODY
    ended = end(run_copies(copying))
    assert (ended.code, ended.counts()) == (0, counted(skip=1)), ended.out + ended.err
    assert set(taken(cos)) == {"GetBucket"}


def test_an_interrupted_copy_goes_on_without_a_look_at_the_source(
    copying: CloudTool, cos: HeldCos
) -> None:
    cos.hold(2, "UploadPartCopy")
    interrupt(copying, cos, run_copies(copying))
    ended = end(run_copies(copying))
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out + ended.err
    requests = taken(cos)
    del requests["GetBucket"]  # the listing
    assert requests == {"ListParts": 1, "UploadPartCopy": 4, "CompleteMultipartUpload": 1}
    assert cos.object_bytes(BUCKET, "big") == BODY
