"""Client-side encryption for callers that must not load the ciphers in plain runs."""

from __future__ import annotations

from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.model import Envelope


def new_envelope(settings: EncryptionSettings | None) -> Envelope | None:
    """Return a new envelope for an object; None in a run without encryption."""
    if settings is None:
        return None
    from cos_migrate.cos.crypto import new_key  # noqa: PLC0415 - loads the ciphers

    return new_key(settings)[1]


def can_continue(settings: EncryptionSettings | None, envelope: Envelope | None) -> bool:
    """Return whether an upload that was begun with `envelope` can continue with `settings`."""
    if settings is None or envelope is None:
        return settings is None and envelope is None
    from cos_migrate.cos.crypto import can_open  # noqa: PLC0415 - loads the ciphers

    return can_open(settings, envelope)
