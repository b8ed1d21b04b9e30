"""Which skipped objects COS is asked for."""

from __future__ import annotations

from cos_migrate.engine.spot_check import SkippedKeys


def key_of(number: int) -> str:
    return f"[taskType: migrateAws] [bucket: b-1] [cosPath: /x/{number}]"


def test_three_of_many_are_spread() -> None:
    for batches, size in ((1, 9), (7, 256), (1_000, 3), (5, 1)):
        skipped = SkippedKeys()
        for batch in range(batches):
            skipped.add([key_of(batch * size + number) for number in range(size)])
        total = batches * size
        assert skipped.count == total
        first, middle, last = (int(path[3:]) for path in skipped.paths("/x/"))
        assert (first, last) == (0, total - 1)
        assert total // 4 <= middle < total - 1


def test_few_are_asked_for_once() -> None:
    skipped = SkippedKeys()
    assert skipped.paths("/x/") == []
    skipped.add([key_of(1)])
    assert skipped.paths("/x/") == ["/x/1"]
    skipped.add([key_of(2)])
    assert skipped.paths("/x/") == ["/x/1", "/x/2"]


def test_record_keys_of_every_kind() -> None:
    skipped = SkippedKeys()
    skipped.add(
        [
            "[taskType: migrateLocal] [bucket: b-1], [localPath: /d/a], [cosPath: /x/a]",
            "[taskType: migrateUrl] [bucket: b-1] [cosPath: /x/u] [url: http://h/u?q=1]",
            (
                "[taskType: migrateBucketCopy] [destRegion: r], [destBucketName: b-1], "
                "[destKey: /x/c], [srcRegion: r], [srcBucketName: s-1], [srcKey: c], "
                "[srcStorageClass: Standard]"
            ),
        ]
    )
    assert skipped.paths("/x/") == ["/x/a", "/x/u", "/x/c"]
