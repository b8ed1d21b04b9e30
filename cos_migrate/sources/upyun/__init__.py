"""Upyun."""

SOURCES = {"migrateUpyun": "source.UpyunSource"}
