"""Which requests a big object of a cloud takes on either side, the first time and later."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise
from tests.functional.copies import start_in_parts
from tests.functional.sites import SOURCE, AliSite, AwsSite, Site, cos_section
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, end
from tests.functional.waiting import HeldCos, parts_written, wait_until

MIB = 1 << 20
BODY = noise(6 * MIB)
"""Six parts."""
HEAD = "HeadObject"


@dataclass
class Cloud:
    """A source with one big object, and what has been asked of it."""

    site: Site
    put_in_parts: Callable[[], object] = lambda: None
    """Replace the object by one whose ETag is no MD5."""

    @property
    def tool(self) -> CloudTool:
        return self.site.tool

    def take(self) -> Counter[str]:
        """Return the requests so far, without lists, and forget them."""
        counts = Counter(name for name in self.site.operations() if not name.startswith("List"))
        self.site.forget()
        return counts


@pytest.fixture(name="aws")
def _aws(tmp_path: Path, cos: HeldCos, s3: S3Server) -> Cloud:
    s3.put("big", BODY)
    in_parts = partial(s3.put, "big", BODY, part_size=5 * MIB)
    return Cloud(AwsSite(tmp_path, cos, s3), in_parts)


@pytest.fixture(name="oss")
def _oss(tmp_path: Path, cos: HeldCos) -> Iterator[Cloud]:
    with OssServer() as oss:
        oss.put("big", BODY)
        yield Cloud(AliSite(tmp_path, cos, oss))


@pytest.fixture(name="cloud", params=["aws", "oss"])
def _cloud(request: pytest.FixtureRequest) -> Cloud:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Cloud)
    found.tool.common.update(bigFileUploadPartSize=str(MIB), probeRecords="off")
    return found


@pytest.fixture(name="copying")
def _copying(tmp_path: Path, cos: HeldCos) -> CloudTool:
    cos.store.put(SOURCE, "big", cos.store.receive([BODY]), {"content-type": "text/x"})
    section = cos_section(cos.port) | {"srcSecretId": SECRET_ID, "srcSecretKey": SECRET_KEY}
    common = {"bigFileUploadPartSize": str(MIB), "probeRecords": "off"}
    return CloudTool(
        tmp_path / "tool", cos.port, common, migrate_type="migrateBucketCopy", cloud=section
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
    assert cloud.take() == {HEAD: 1, "GetObject": 6}
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


def test_an_object_that_goes_through_a_file_is_looked_at_once(aws: Cloud, cos: HeldCos) -> None:
    aws.put_in_parts()
    aws.tool.common["bigFileUploadPartSize"] = str(MIB)
    ended = aws.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out + ended.err
    assert aws.take() == {HEAD: 1, "GetObject": 6}
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
    wait_until(
        lambda: cloud.site.operations().count("GetObject") == 6, lambda: process.poll() is None
    )
    interrupt(cloud.tool, cos, process)
    cloud.site.forget()
    ended = cloud.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out + ended.err
    assert cloud.take() == {"GetObject": 4}
    assert taken(cos) == {"ListParts": 1, "UploadPart": 4, "CompleteMultipartUpload": 1}
    assert cos.object_bytes(BUCKET, "big") == BODY


def test_a_copy_in_parts_takes_one_look_and_one_request_more(
    copying: CloudTool, cos: HeldCos
) -> None:
    ended = end(start_in_parts(copying))
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
    ended = end(start_in_parts(copying))
    assert (ended.code, ended.counts()) == (0, counted(skip=1)), ended.out + ended.err
    assert set(taken(cos)) == {"GetBucket"}


def test_an_interrupted_copy_goes_on_without_a_look_at_the_source(
    copying: CloudTool, cos: HeldCos
) -> None:
    cos.hold(2, "UploadPartCopy")
    interrupt(copying, cos, start_in_parts(copying))
    ended = end(start_in_parts(copying))
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out + ended.err
    requests = taken(cos)
    del requests["GetBucket"]  # the listing
    assert requests == {"ListParts": 1, "UploadPartCopy": 4, "CompleteMultipartUpload": 1}
    assert cos.object_bytes(BUCKET, "big") == BODY
