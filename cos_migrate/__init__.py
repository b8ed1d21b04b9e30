"""cos-migrate: moves objects from files and other clouds into Tencent Cloud Object Storage (COS)."""

__version__ = "0.1.0"
