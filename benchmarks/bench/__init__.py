"""Benchmarks of cos-migrate and its peers; run.py beside this package starts them."""
