"""The source for buckets of Qiniu Kodo."""

SOURCES = {"migrateQiniu": "source.QiniuSource"}
