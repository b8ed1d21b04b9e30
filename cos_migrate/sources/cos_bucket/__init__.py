"""The source for another COS bucket, which COS itself copies."""

SOURCES = {"migrateBucketCopy": "source.CosBucketSource"}
