"""Qiniu Kodo."""
