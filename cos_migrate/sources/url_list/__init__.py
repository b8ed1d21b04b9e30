"""Lists of URLs."""

SOURCES = {"migrateUrl": "source.UrlListSource"}
