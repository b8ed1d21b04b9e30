"""The source for services of Upyun."""

SOURCES = {"migrateUpyun": "source.UpyunSource"}
