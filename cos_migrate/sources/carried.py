"""What is carried over besides content and metadata, as headers of the object on COS."""

from __future__ import annotations

from cos_migrate.config.storage_class_map import StorageClassMap
from cos_migrate.model import Described

_CLASS_HEADER = "x-cos-storage-class"


def storage_class_headers(storage_class: str) -> dict[str, str]:
    """Return the header of a storage class on COS; none for STANDARD."""
    return {} if storage_class == "STANDARD" else {_CLASS_HEADER: storage_class}


def with_storage_class(described: Described, classes: StorageClassMap) -> Described:
    """Add the header of the class on COS to the description of an object."""
    added = storage_class_headers(classes.target(described.storage_class))
    return described._replace(headers={**described.headers, **added}) if added else described
