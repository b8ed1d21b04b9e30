"""Whether COS copies objects itself, or their bodies pass through this machine."""

from __future__ import annotations

from collections.abc import Callable

from cos_migrate.cos.errors import ARCHIVED
from cos_migrate.model import Failure

_REFUSALS_MOST = 3
"""Copies refused in a row, of objects that can be read, before no more are tried."""
_COPY_REFUSED = frozenset({403, 405})
_COPIES = frozenset({"CopyObject", "UploadPartCopy"})


def is_copy_refusal(failure: Failure) -> bool:
    """Return whether COS refuses to copy: then the bytes pass through this machine."""
    return (
        failure.status in _COPY_REFUSED
        and failure.operation in _COPIES
        and not failure.fatal
        and failure.code != ARCHIVED
    )


class Copying:
    """Decides whether COS copies objects: ends copying after too many refused copies."""

    def __init__(self, *, possible: bool, note: Callable[[str], None]) -> None:
        """`possible`: whether to try copies at all; `note` logs a line."""
        self.on = possible
        """Whether copies are tried."""
        self._note = note
        self._refusals = 0
        self._refused: set[str] = set()
        """Target paths of objects that COS refused to copy and that are being streamed."""

    def note_copied(self) -> None:
        """Note an object that COS has copied."""
        self._refusals = 0

    def note_refused(self, cos_path: str) -> None:
        """Note an object that COS has refused to copy."""
        self._refused.add(cos_path)

    def note_streamed(self, cos_path: str) -> None:
        """Note an object whose bytes were sent: it could be read, so only the copy was refused.

        An object that can neither be copied nor read shows nothing about the others.
        """
        if cos_path not in self._refused:
            return
        self._refused.discard(cos_path)
        self._refusals += 1
        if self.on and self._refusals >= _REFUSALS_MOST:
            self.on = False
            self._note("COS refuses to copy: all bodies pass through this machine from now")
