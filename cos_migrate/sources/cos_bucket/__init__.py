"""Another COS bucket, copied by COS itself."""
