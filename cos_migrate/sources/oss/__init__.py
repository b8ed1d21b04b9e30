"""The source for buckets of Alibaba Cloud OSS."""

SOURCES = {"migrateAli": "source.AliyunSource"}
