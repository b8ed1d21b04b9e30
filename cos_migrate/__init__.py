"""cos-migrate: moves files and objects of other clouds into Tencent Cloud Object Storage."""

__version__ = "0.1.0"
