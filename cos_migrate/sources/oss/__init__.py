"""Alibaba Cloud OSS."""

SOURCES = {"migrateAli": "source.AliyunSource"}
