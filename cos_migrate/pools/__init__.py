"""Where transfers run: worker processes and what they exchange with the coordinator."""

WORKER_PROGRAM = "cos_migrate.pools.worker"
"""The module that a worker process runs."""
