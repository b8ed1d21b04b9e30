"""Scans: how the objects of a source are walked or listed."""

WALK_PROGRAM = "cos_migrate.scan.walk_main"
"""The module that a scan process runs."""
COUNT_PROGRAM = "cos_migrate.scan.count_main"
"""The module of the process that counts ahead of a scan."""
