"""Another COS bucket, copied by COS itself."""

SOURCES = {"migrateBucketCopy": "source.CosBucketSource"}
