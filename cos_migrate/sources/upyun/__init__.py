"""Upyun."""
