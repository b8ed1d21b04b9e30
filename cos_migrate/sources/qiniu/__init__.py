"""Qiniu Kodo."""

SOURCES = {"migrateQiniu": "source.QiniuSource"}
