"""The source for files of this machine."""

SOURCES = {"migrateLocal": "source.LocalSource"}
