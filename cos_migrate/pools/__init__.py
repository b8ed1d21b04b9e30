"""Worker processes, which make the transfers, and their exchange with the coordinator."""

WORKER_PROGRAM = "cos_migrate.pools.worker"
"""The module that a worker process runs."""
