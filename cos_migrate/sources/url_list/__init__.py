"""The source for lists of URLs."""

SOURCES = {"migrateUrl": "source.UrlListSource"}
