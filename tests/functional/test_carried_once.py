"""What is carried over besides costs each object one request, however its content is read."""

from __future__ import annotations

import pytest

from tests.events import events, named
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise
from tests.functional.tool import BUCKET
from tests.functional.waiting import HeldCos

MIB = 1 << 20
KIB = 1 << 10


@pytest.mark.parametrize("md5", ["on", "off"])
@pytest.mark.parametrize(
    "sizes",
    [
        {"smallFileThreshold": str(20 * MIB)},
        {"bigFileUploadPartSize": str(20 * MIB)},
        {"bigFileUploadPartSize": str(4 * MIB)},
    ],
    ids=["one request", "one part", "parts"],
)
def test_tags_are_asked_for_once(
    from_s3: CloudTool, s3: S3Server, cos: HeldCos, md5: str, sizes: dict[str, str]
) -> None:
    """Its ETag is no MD5, so with `md5` it lies in a file first; else it is streamed."""
    s3.put("big", noise(9 * MIB), part_size=MIB, tags={"project": "one"})
    from_s3.common |= {"copyTags": "on", "entireFileMd5Attached": md5, **sizes}
    ended = from_s3.run()
    assert ended.counts() == counted(new=1), ended.out
    assert len(s3.asked("GetObjectTagging")) == 1
    assert cos.object_head(BUCKET, "big").headers["x-cos-tagging"] == "project=one"


def test_a_dry_run_counts_what_the_mapped_classes_bill(
    from_s3: CloudTool, s3: S3Server, cos: HeldCos
) -> None:
    s3.put("plain", b"x" * 100)
    s3.put("rare", b"x" * 100, storage_class="STANDARD_IA")
    s3.put("large", b"x" * 100 * KIB, storage_class="STANDARD_IA")
    s3.put("frozen", b"x" * KIB, storage_class="GLACIER", restored=True)
    from_s3.common["storageClassMap"] = "STANDARD_IA:Standard_IA;GLACIER:Archive"
    found = events(from_s3.run("--dry-run", "--json").out)
    (summary,) = named(found, "summary", mode="dry_run")
    assert summary["bytes_billed_besides"] == (64 * KIB - 100) + (64 * KIB - KIB)
    assert not cos.requests
