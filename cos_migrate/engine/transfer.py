"""An object that is being sent, from the decision to its outcome."""

from __future__ import annotations

from cos_migrate.model import Fingerprint, SourceObject


class Transfer:
    """An object that is being sent, with the values that its record and outcome need."""

    __slots__ = (
        "began",
        "cos_path",
        "is_update",
        "listed_fingerprint",
        "listed_mtime_ns",
        "obj",
        "progress_shown",
        "record_fingerprint",
        "record_key",
        "restores",
    )

    def __init__(
        self, obj: SourceObject, cos_path: str, record_key: str, *, is_update: bool
    ) -> None:
        self.obj = obj
        self.cos_path = cos_path
        """Target path with its leading `/`."""
        self.record_key = record_key
        self.is_update = is_update
        """Whether its success counts as migrate_update."""
        self.listed_fingerprint: Fingerprint | None = None
        """Its fingerprint in the listing; None where the listing has none."""
        self.record_fingerprint: Fingerprint | None = None
        """The fingerprint to record where it differs from what was sent: the size was unknown."""
        self.listed_mtime_ns = -1
        """Modification time in the listing, of a `weak` object; -1: unknown."""
        self.began = 0.0
        """Time of its first task, time.monotonic(); 0: it has had none."""
        self.restores = 0
        """How often it had to become readable at the source first."""
        self.progress_shown = 0.0
        """Time of its last progress line, time.monotonic()."""
