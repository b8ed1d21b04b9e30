"""The changes that one result of a multipart upload calls for."""

from __future__ import annotations

from typing import NamedTuple

from cos_migrate.model import Failure, PartRecord, SavePoint


class UploadStep(NamedTuple):
    """What one result changes: records, or the outcome of the object; mostly neither."""

    begun: SavePoint | None = None
    """Keep this new save point."""
    part: PartRecord | None = None
    """Keep this part in `save_point`."""
    save_point: SavePoint | None = None
    forget: SavePoint | None = None
    """Remove this save point and all its parts: COS no longer has the upload."""
    abandon: SavePoint | None = None
    """Remove this save point, and have its upload aborted: nothing continues it."""
    not_aborted: SavePoint | None = None
    """Remove this save point; its upload could not be aborted: leave that to the next run."""
    done: tuple[str, str, int, str] | None = None
    """The object has arrived: request id, why it is unverified (or empty), CRC-64 (or -1), ETag."""
    failure: Failure | None = None
    """The object failed; its save point stays unless `abandon` or `forget` names it."""


NOTHING = UploadStep()
