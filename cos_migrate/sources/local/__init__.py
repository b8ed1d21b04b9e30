"""Files of this machine."""

SOURCES = {"migrateLocal": "source.LocalSource"}
